"""What this machine offers to run student code safely; found out by trying."""

from __future__ import annotations

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

NOBODY = 65534
SCRATCH = "/scratch"


class MachineError(RuntimeError):
    """Student code cannot be kept in here; says what is missing and what to do."""


@dataclass(frozen=True)
class Machine:
    """What was found."""

    bwrap: str | None  # None: no sandbox
    user: int | None  # whom student code runs as: None is whoever runs the grader
    cgroups: Cgroups | None
    sentences: tuple[str, ...]  # on all of it, for a person
    inner: bool = False  # `user` cannot read Python but in a sandbox around the sandbox

    @property
    def sandboxed(self) -> bool:
        """Whether student code is kept in."""
        return self.bwrap is not None


def find_machine(unsafe: bool = False, use_cgroups: bool = True) -> Machine:
    """Find out what there is. `unsafe` asks to do without a sandbox.

    Raises:
        MachineError: there is no sandbox, and it was not said to do without.
    """
    cgroups, about_cgroups = find_cgroups() if use_cgroups else (None, "control groups not used")
    if unsafe:
        said = "NO SANDBOX: student code can read and write all that you can"
        return Machine(None, None, cgroups, (said, about_cgroups))
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise MachineError(_advice("bubblewrap (bwrap) is not installed."))
    user, inner = _find_user(bwrap)
    sentences = [f"bubblewrap, started as user {os.getuid() if user is None else user}"]
    sentences.append(about_cgroups)
    if cgroups is None:
        sentences.append(
            "memory is limited for each process, not for a submission as a whole; with systemd, "
            "`systemd-run --user --scope -p Delegate=yes COMMAND` gives the grader control groups"
        )
    return Machine(bwrap, user, cgroups, tuple(sentences), inner)


def python_binds() -> list[tuple[str, str]]:
    """What Python needs to see, as (folder or file, where it is seen)."""
    folders = ["/usr"]
    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    for path in (sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix, *paths):
        for one in (path, os.path.realpath(path)):
            if one == "/":
                raise MachineError("A Python whose prefix is / cannot be shown to a sandbox alone.")
            if os.path.isdir(one):
                folders.append(one)
    # A prefix inside another is seen with it; the shorter first.
    folders = sorted(set(folders), key=lambda folder: (folder.count("/"), folder))
    outer: list[str] = []
    for folder in folders:
        if not any(Path(folder).is_relative_to(other) for other in outer):
            outer.append(folder)
    files = [name for name in ("/etc/ld.so.cache", "/etc/localtime") if os.path.isfile(name)]
    return [(path, path) for path in [*outer, *files]]


def system_links() -> list[tuple[str, str]]:
    """Folders of the system that are links (/lib -> usr/lib), or that must be shown themselves."""
    return [
        (name, os.readlink(name) if os.path.islink(name) else "")
        for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
        if os.path.lexists(name)
    ]


def exposed(path: Path) -> str | None:
    """The folder through which a sandbox would see `path`; None if it would not."""
    real = path.resolve()
    for folder, _ in python_binds():
        if real.is_relative_to(folder) or real.is_relative_to(os.path.realpath(folder)):
            return folder
    return None


def base_command(bwrap: str) -> list[str]:
    """bubblewrap with every namespace and right taken away, and Python's files."""
    command = [bwrap, "--unshare-all", "--die-with-parent", "--new-session"]
    command += ["--cap-drop", "ALL", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    command += ["--hostname", "sandbox", "--clearenv", "--tmpfs", "/tmp"]
    for source, target in python_binds():
        command += ["--ro-bind", source, target]
    for name, link in system_links():
        command += ["--symlink", link, name] if link else ["--ro-bind", name, name]
    return command


def as_user(user: int | None) -> dict[str, Any]:
    """What makes `subprocess` start a program as `user`, in its group alone; None: as we are."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


def outer_command(bwrap: str, user: int, shown: Iterable[tuple[str, str]]) -> list[str]:
    """What root runs a sandbox with, as `user`, where `user` cannot reach Python (in /root, say).

    A bubblewrap that takes nothing away shows the same paths below folders that everyone may
    enter. `shown` are more paths that the sandbox needs, each with how: --ro-bind or --bind.
    """
    command = [bwrap, "--die-with-parent", "--dev-bind", "/dev", "/dev", "--bind", "/proc", "/proc"]
    command += ["--perms", "0755", "--tmpfs", "/tmp"]
    paths = [("--ro-bind", path) for path, _ in python_binds()]
    program = [] if exposed(Path(bwrap)) else [("--ro-bind", bwrap)]
    made: set[Path] = {Path("/"), Path("/tmp")}
    for how, path in [*paths, *program, *shown]:
        for folder in reversed(Path(path).parents):
            if folder not in made:
                made.add(folder)
                command += ["--perms", "0755", "--dir", str(folder)]
        command += [how, path, path]
    for name, link in system_links():
        command += ["--symlink", link, name] if link else ["--ro-bind", name, name]
    command += ["--chdir", "/", sys.executable, "-I", "-S", "-c", _BECOME, str(user)]
    return command


_BECOME = """\
import os, sys
user = int(sys.argv[1])
os.setgroups([])
os.setresgid(user, user, user)
os.setresuid(user, user, user)
os.execv(sys.argv[2], sys.argv[2:])
"""


def _find_user(bwrap: str) -> tuple[int | None, bool]:
    """Who can run Python in a sandbox: never root; and whether a sandbox around it is needed.

    Root without any right still owns what is root's: the settings of the kernel in /proc/sys, and
    the devices of the system, whose modes it may change.

    Raises:
        MachineError: no one can.
    """
    root = os.getuid() == 0
    said = ""
    for user, inner in [(NOBODY, False), (NOBODY, True)] if root else [(None, False)]:
        command = [*base_command(bwrap), "--proc", "/proc", "--dev", "/dev"]
        command += ["--remount-ro", "/", sys.executable, "-S", "-c", "print('ready')"]
        try:
            done = subprocess.run(
                [*outer_command(bwrap, NOBODY, ()), *command] if inner else command,
                **as_user(None if inner else user),
                capture_output=True,
                text=True,
                timeout=60,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            said = str(error)
            continue
        if done.stdout.strip() == "ready":
            return user, inner
        said = done.stderr.strip()[-400:]
    if root:
        said += ". Student code never runs as root: run the grader as an ordinary user"
    raise MachineError(_advice(f"bubblewrap cannot make a sandbox: {said}"))


def _advice(what: str) -> str:
    """What is missing, and what to do about it on this system."""
    lines = [what, ""]
    if sys.platform != "linux":
        lines += ["The sandbox needs Linux; in a virtual machine or a container will do."]
    elif shutil.which("bwrap") is None:
        lines += ["Install it: apt install bubblewrap, dnf install bubblewrap, or the like."]
    else:
        restricted = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
        maximum = Path("/proc/sys/user/max_user_namespaces")
        if _value(restricted) == "1":
            lines += [
                "Ubuntu 24.04 and later deny user namespaces to ordinary programs. Either allow",
                "them to bubblewrap alone, with this AppArmor profile in /etc/apparmor.d/bwrap:",
                "",
                "  abi <abi/4.0>,",
                "  include <tunables/global>",
                "  profile bwrap /usr/bin/bwrap flags=(unconfined) { userns, }",
                "",
                "and `sudo systemctl reload apparmor`, or allow them to every program:",
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
            lines += ["bubblewrap is installed setuid root here, which should work by itself."]
    lines += [
        "",
        "Or, if you trust every submission, --unsafe-no-sandbox, which marks all results.",
    ]
    return "\n".join(lines)


def _value(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
