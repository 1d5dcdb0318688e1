"""System calls without a function in Python: limits, namespaces, mounts, capabilities."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_NEW_NS, _NEW_UTS, _NEW_IPC = 0x00020000, 0x04000000, 0x08000000
_NEW_USER, _NEW_PID, _NEW_NET = 0x10000000, 0x20000000, 0x40000000
_NOSUID, _NODEV, _NOEXEC, _RDONLY, _REC, _PRIVATE = 2, 4, 8, 1, 0x4000, 1 << 18
_REMOUNT, _BIND = 32, 4096
_CAPABILITY_VERSION_3 = 0x20080522


def set_limits(limits: dict[str, Any]) -> None:
    """Limit this process and its children; the limits cannot be raised again."""
    for name, value in (
        (resource.RLIMIT_CPU, limits["cpu_seconds"]),
        (resource.RLIMIT_AS, limits["address_space"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_NOFILE, limits["descriptors"]),
        (resource.RLIMIT_FSIZE, limits["file_size"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        if value is not None:
            hard = resource.getrlimit(name)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(name, (value, value))


def set_readable(readable: bool) -> None:
    """Allow or forbid processes of the same user to read this one's memory and descriptors."""
    _check(_libc.prctl(_PR_SET_DUMPABLE, int(readable), 0, 0, 0), "prctl")


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")


def enter_namespaces() -> None:
    """Enter new user, process, network, IPC, host name and mount namespaces.

    The next child becomes the first process of the process namespace. The user id stays the same.

    Raises:
        OSError: the system does not allow nested user namespaces.
    """
    user, group = os.getuid(), os.getgid()
    kinds = _NEW_USER | _NEW_PID | _NEW_NET | _NEW_IPC | _NEW_UTS | _NEW_NS
    _check(_libc.unshare(kinds), "unshare")
    set_readable(True)  # otherwise /proc/self belongs to root
    for file, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{file}", "w") as stream:
            stream.write(text)


def mount_tmpfs(folder: str, size: int, read_only: bool = False) -> None:
    """Mount an empty folder of limited size over `folder`.

    Raises:
        OSError: the system refuses.
    """
    flags = _NOSUID | _NODEV | (_RDONLY if read_only else 0)
    options = f"size={size},mode={'555' if read_only else '777'}".encode()
    _check(_libc.mount(b"none", folder.encode(), b"tmpfs", flags, options), f"mount {folder}")


def make_read_only(folder: str) -> None:
    """Let nothing be written to what is mounted at `folder`.

    Raises:
        OSError: the system refuses.
    """
    flags = _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV | _NOEXEC
    _check(_libc.mount(None, folder.encode(), None, flags, None), f"remount {folder}")


def keep_mounts_private() -> None:
    """Make later mounts visible in this namespace only."""
    _check(_libc.mount(None, b"/", None, _REC | _PRIVATE, None), "mount")


def drop_capabilities() -> None:
    """Give up every capability permanently, across exec too."""
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")
    forbid_privileges()


def forbid_privileges() -> None:
    """Prevent programs that are started from now on from gaining privileges."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
