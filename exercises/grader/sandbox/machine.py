"""What this machine offers to run student code safely, determined by trying it."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.sandbox.cgroups import Cgroups, find_cgroups
from grader.sandbox.inside import seccomp

NOBODY = 65534
SCRATCH = "/scratch"


class MachineError(RuntimeError):
    """Student code cannot be isolated; the message says what is missing and what to do."""


@dataclass(frozen=True)
class Machine:
    """The means of isolation on this machine."""

    bwrap: str | None  # the path of bubblewrap; None: no sandbox
    user: int | None  # the user that student code runs as; None: the user of the grader
    cgroups: Cgroups | None
    summary: tuple[str, ...]  # sentences for the instructor
    needs_outer: bool = False  # `user` can read Python only in a sandbox around the sandbox
    filters: bool = True  # system calls can be refused

    @property
    def sandboxed(self) -> bool:
        """Whether student code runs in a sandbox."""
        return self.bwrap is not None


def find_machine(unsafe: bool = False, use_cgroups: bool = True) -> Machine:
    """Determine the means of isolation. With `unsafe`, do without a sandbox.

    Raises:
        MachineError: a sandbox cannot be made, and `unsafe` was not given.
    """
    cgroups, about_cgroups = find_cgroups() if use_cgroups else (None, "control groups not used")
    if unsafe:
        warning = "NO SANDBOX: student code can read and write everything that you can"
        return Machine(None, None, cgroups, (warning, about_cgroups))
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise MachineError(_advice("bubblewrap (bwrap) is not installed."))
    user, needs_outer = _find_user(bwrap)
    summary = [f"bubblewrap, started as user {os.getuid() if user is None else user}"]
    summary.append(about_cgroups)
    if cgroups is None:
        summary.append(
            "memory is limited for each process; that of a submission as a whole is looked at ten "
            "times a second; with systemd, "
            "`systemd-run --user --scope -p Delegate=yes COMMAND` gives the grader control groups"
        )
    if problem := seccomp.why_unsupported():
        summary.append(f"NO FILTER of system calls, which leaves the kernel open: {problem}")
    return Machine(bwrap, user, cgroups, tuple(summary), needs_outer, not problem)


def python_paths() -> list[str]:
    """Return the folders and files that Python needs; a sandbox shows them at the same paths.

    Raises:
        MachineError: Python is installed in the root folder.
    """
    folders = ["/usr"]
    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    for path in (sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix, *paths):
        for folder in (path, os.path.realpath(path)):
            if folder == "/":
                raise MachineError(
                    "A Python whose prefix is / cannot be shown without showing everything; "
                    "use a Python that is installed in a folder of its own."
                )
            if os.path.isdir(folder):
                folders.append(folder)
    # A folder inside another one is visible with it, so the shorter paths come first.
    folders = sorted(set(folders), key=lambda folder: (folder.count("/"), folder))
    outer: list[str] = []
    for folder in folders:
        if not any(Path(folder).is_relative_to(other) for other in outer):
            outer.append(folder)
    files = [name for name in ("/etc/ld.so.cache", "/etc/localtime") if os.path.isfile(name)]
    return [*outer, *files]


def sockets_shown(bound: Path = Path("/proc/net/unix")) -> list[str]:
    """Return the bound Unix sockets below what a sandbox shows: read-only, they still listen.

    A folder that is shown by a symbolic link too shows them at both paths.
    """
    folders = [(folder, os.path.realpath(folder)) for folder in python_paths()]
    found = set()
    with contextlib.suppress(OSError):
        for line in bound.read_text(errors="surrogateescape").splitlines()[1:]:
            path = line.partition("/")[1] + line.partition("/")[2]
            with contextlib.suppress(OSError):
                if path and stat.S_ISSOCK(os.lstat(path).st_mode):
                    real = Path(os.path.realpath(path))
                    found |= {
                        os.path.join(folder, real.relative_to(target))
                        for folder, target in folders
                        if real.is_relative_to(target)
                    }
    return sorted(found)


def system_links() -> list[tuple[str, str]]:
    """Return the system's top-level folders, each with its link target (/lib: usr/lib) or ""."""
    return [
        (name, os.readlink(name) if os.path.islink(name) else "")
        for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
        if os.path.lexists(name)
    ]


def exposing_folder(path: Path) -> str | None:
    """Return the folder that makes `path` visible in every sandbox; None if `path` is hidden."""
    real = path.resolve()
    for folder in python_paths():
        if real.is_relative_to(folder) or real.is_relative_to(os.path.realpath(folder)):
            return folder
    return None


def base_command(bwrap: str) -> list[str]:
    """Return a bubblewrap command with new namespaces, no privileges, and Python's files."""
    command = [bwrap, "--unshare-all", "--die-with-parent", "--new-session"]
    command += ["--cap-drop", "ALL", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    command += ["--hostname", "sandbox", "--clearenv", "--tmpfs", "/tmp"]
    for path in python_paths():
        command += ["--ro-bind", path, path]
    for name, link in system_links():
        command += ["--symlink", link, name] if link else ["--ro-bind", name, name]
    return command


def as_user(user: int | None) -> dict[str, Any]:
    """Return arguments of `subprocess` that start a program as `user`; None: as this user."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


def outer_command(bwrap: str, user: int, shown: Iterable[tuple[str, str]]) -> list[str]:
    """Return a command for root that runs a sandbox as `user`, who cannot reach Python in /root.

    An outer bubblewrap, which restricts nothing, mounts the same paths below folders that every
    user may enter. `shown` are further paths for the sandbox, each with its option: --ro-bind or
    --bind.
    """
    command = [bwrap, "--die-with-parent", "--dev-bind", "/dev", "/dev", "--bind", "/proc", "/proc"]
    command += ["--perms", "0755", "--tmpfs", "/tmp"]
    paths = [("--ro-bind", path) for path in python_paths()]
    program = [] if exposing_folder(Path(bwrap)) else [("--ro-bind", bwrap)]
    made: set[Path] = {Path("/"), Path("/tmp")}
    for option, path in [*paths, *program, *shown]:
        for folder in reversed(Path(path).parents):
            if folder not in made:
                made.add(folder)
                command += ["--perms", "0755", "--dir", str(folder)]
        command += [option, path, path]
    for name, link in system_links():
        command += ["--symlink", link, name] if link else ["--ro-bind", name, name]
    command += ["--chdir", "/", sys.executable, "-I", "-S", "-c", _BECOME_USER, str(user)]
    return command


_BECOME_USER = """\
import os, sys
user = int(sys.argv[1])
os.setgroups([])
os.setresgid(user, user, user)
os.setresuid(user, user, user)
os.execv(sys.argv[2], sys.argv[2:])
"""


def _find_user(bwrap: str) -> tuple[int | None, bool]:
    """Return a user that can run Python in a sandbox, and whether that takes an outer sandbox.

    The user is never root. Root without any privilege still owns root's files: the kernel's
    settings in /proc/sys, and the devices, whose modes it may change.

    Raises:
        MachineError: no such user can run it.
    """
    root = os.getuid() == 0
    problem = ""
    for user, outer in [(NOBODY, False), (NOBODY, True)] if root else [(None, False)]:
        command = [*base_command(bwrap), "--proc", "/proc", "--dev", "/dev"]
        command += ["--remount-ro", "/", sys.executable, "-S", "-c", "print('ready')"]
        try:
            done = subprocess.run(
                [*outer_command(bwrap, NOBODY, ()), *command] if outer else command,
                **as_user(None if outer else user),
                capture_output=True,
                text=True,
                timeout=60,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            problem = str(error)
            continue
        if done.stdout.strip() == "ready":
            return user, outer
        problem = done.stderr.strip()[-400:]
    if root:
        problem += ". Student code never runs as root: run the grader as an ordinary user"
    raise MachineError(_advice(f"bubblewrap cannot make a sandbox: {problem}"))


def _advice(problem: str) -> str:
    """Return the problem, followed by what to do about it on this system."""
    lines = [problem, ""]
    if sys.platform != "linux":
        lines += ["The sandbox needs Linux; a virtual machine or a container is enough."]
    elif shutil.which("bwrap") is None:
        lines += ["Install it, for example: apt install bubblewrap, or dnf install bubblewrap."]
    else:
        restricted = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
        maximum = Path("/proc/sys/user/max_user_namespaces")
        if _value(restricted) == "1":
            lines += [
                "Ubuntu 24.04 and later deny user namespaces to ordinary programs. Either allow",
                "them for bubblewrap alone, with this AppArmor profile in /etc/apparmor.d/bwrap:",
                "",
                "  abi <abi/4.0>,",
                "  include <tunables/global>",
                "  profile bwrap /usr/bin/bwrap flags=(unconfined) { userns, }",
                "",
                "and `sudo systemctl reload apparmor`, or allow them for every program:",
                "  sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
            ]
        elif _value(Path("/proc/sys/kernel/unprivileged_userns_clone")) == "0":
            lines += ["Allow it: sudo sysctl -w kernel.unprivileged_userns_clone=1"]
        elif _value(maximum) == "0":
            lines += ["Allow it: sudo sysctl -w user.max_user_namespaces=10000"]
        if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
            lines += [
                "This is a container, and its default seccomp profile denies user namespaces.",
                "Start it with --security-opt seccomp=unconfined (and, with AppArmor,",
                "--security-opt apparmor=unconfined --security-opt systempaths=unconfined).",
            ]
        bwrap = shutil.which("bwrap") or ""
        if bwrap and os.stat(bwrap).st_mode & stat.S_ISUID:
            lines += ["bubblewrap is installed setuid root, which should work without settings."]
    lines += [
        "",
        "Or, if you trust every submission, use --unsafe-no-sandbox, which marks all results.",
    ]
    return "\n".join(lines)


def _value(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
