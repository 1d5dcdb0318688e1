"""Control groups: limits on all processes of a submission together.

Versions 1 and 2 are supported. A group is created beside or below the grader's own group, which is
allowed as root, in a container with delegated control groups, or below a systemd user manager
(``systemd-run --user --scope -p Delegate=yes``).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from pathlib import Path

from grader.sandbox.limits import Limits

_PREFIX = "d2l-grader-"
_NEEDED = {"memory", "pids"}
_SHARE = "cpu"  # where it can be had, each group gets the same share of the processors
_numbers = itertools.count(1)


class CgroupError(RuntimeError):
    """A control group cannot be created or used; the message names it and the reason."""


class Cgroups:
    """The folders in which this process may create control groups of one version."""

    def __init__(self, version: int, parents: tuple[Path, ...]) -> None:
        self.version = version
        self.parents = parents  # version 1: memory, pids and perhaps cpu; version 2: one for all

    def make(self, limits: Limits, memory: bool = True, processes: bool = True) -> Cgroup:
        """Create a group with the memory and the number of processes that `limits` allow.

        Raises:
            CgroupError: it cannot be created.
        """
        name = f"{_PREFIX}{os.getpid()}-{next(_numbers)}"
        group = Cgroup(tuple(parent / name for parent in self.parents))
        try:
            for folder in group.folders:
                folder.mkdir()
            if memory and self.version == 1:
                _write(group.folders[0] / "memory.limit_in_bytes", limits.memory)
                with contextlib.suppress(OSError):  # the kernel may not count swap
                    _write(group.folders[0] / "memory.memsw.limit_in_bytes", limits.memory)
            elif memory:
                _write(group.folders[0] / "memory.max", limits.memory)
                with contextlib.suppress(OSError):
                    _write(group.folders[0] / "memory.swap.max", 0)
            if processes:
                _write(group.folders[1 % len(group.folders)] / "pids.max", limits.processes)
        except OSError as error:
            group.remove(0)
            raise CgroupError(f"control group {name}: {error}") from None
        return group


class Cgroup:
    """One control group; empty it before `remove`."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self.folders = folders

    def add(self, pid: int) -> None:
        """Move a process into the group; processes that it starts later are in it too.

        Raises:
            CgroupError: the system refuses.
        """
        try:
            for folder in self.folders:
                _write(folder / "cgroup.procs", pid)
        except OSError as error:
            raise CgroupError(f"control group {self.folders[0].name}: {error}") from None

    def pids(self) -> list[int]:
        """Return the processes in the group."""
        with contextlib.suppress(OSError):
            return [int(line) for line in (self.folders[0] / "cgroup.procs").read_text().split()]
        return []

    def remove(self, seconds: float = 5.0) -> bool:
        """Remove the group once it is empty; return whether that happened within `seconds`."""
        until = time.monotonic() + seconds
        while True:
            left = [folder for folder in self.folders if not _try_to_remove(folder)]
            if not left or time.monotonic() >= until:
                return not left
            time.sleep(0.01)


def find_cgroups() -> tuple[Cgroups | None, str]:
    """Return where groups can be created, or None, and a sentence about it for the instructor."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None, "this system has no control groups"
    own = {}  # the path of the grader's group, by controller; "" is version 2
    for line in lines:
        _, controllers, path = line.split(":", 2)
        own.update(dict.fromkeys(controllers.split(","), path))
    root = Path("/sys/fs/cgroup")
    if "memory" in own and "pids" in own:
        parents = tuple(_below(root / name, own[name]) for name in ("memory", "pids"))
        shares = _below(root / _SHARE, own.get(_SHARE, "/"))
        cgroups = Cgroups(1, parents + ((shares,) if _allows_groups(shares) else ()))
    else:
        try:
            cgroups = Cgroups(2, (_delegated(_below(root, own.get("", "/")), root),))
        except OSError as error:
            return None, f"control groups cannot be written ({error.strerror})"
    _remove_stale(cgroups.parents)
    try:
        cgroups.make(Limits()).remove()
    except CgroupError as error:
        return None, f"control groups cannot be written ({error})"
    return cgroups, f"control groups version {cgroups.version}"


def _delegated(own: Path, root: Path) -> Path:
    """Return a folder of version 2 whose children can have memory and pids controllers.

    Raises:
        OSError: no such folder can be written.
    """
    for folder in (own, *own.parents):
        if os.access(folder, os.W_OK) and _words(folder / "cgroup.subtree_control") >= _NEEDED:
            return folder
        if folder == root:
            break
    if not os.access(own / "cgroup.procs", os.W_OK):
        raise OSError(0, "the grader's own group belongs to someone else")
    if not _words(own / "cgroup.controllers") >= _NEEDED:
        raise OSError(0, "the controllers memory and pids are not available here")
    # A group that delegates controllers may not contain processes: move them into a leaf.
    leaf = own / f"{_PREFIX}itself"
    leaf.mkdir(exist_ok=True)
    for pid in _words(own / "cgroup.procs"):
        _write(leaf / "cgroup.procs", pid)
    with contextlib.suppress(OSError):
        _write(own / "cgroup.subtree_control", f"+{_SHARE}")
    _write(own / "cgroup.subtree_control", "+memory +pids")
    return own


def _allows_groups(folder: Path) -> bool:
    """Return whether groups can be made in a folder of version 1."""
    trial = folder / f"{_PREFIX}{os.getpid()}-trial"
    try:
        trial.mkdir()
        return (trial / "cgroup.procs").exists()
    except OSError:
        return False
    finally:
        _try_to_remove(trial)


def _words(file: Path) -> set[str]:
    return set(file.read_text().split())


def _remove_stale(parents: tuple[Path, ...]) -> None:
    """Remove empty groups that killed graders left behind."""
    for parent in parents:
        for folder in parent.glob(f"{_PREFIX}*-*"):
            owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
            if owner.isdigit() and not Path("/proc", owner).exists():
                _try_to_remove(folder)


def _below(mount: Path, path: str) -> Path:
    """Return the folder of a group; in a container, `path` may start above the mounted folder."""
    folder = mount / path.lstrip("/")
    return folder if folder.is_dir() else mount


def _write(file: Path, value: object) -> None:
    # Without O_CREAT: control files exist already, unless the folder is not a control group.
    descriptor = os.open(file, os.O_WRONLY)
    try:
        os.write(descriptor, str(value).encode())
    finally:
        os.close(descriptor)


def _try_to_remove(folder: Path) -> bool:
    """Remove a group's folder; return False if it is still in use."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
