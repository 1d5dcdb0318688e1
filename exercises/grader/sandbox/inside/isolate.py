"""System calls that Python has no name for: limits, namespaces, mounts, capabilities."""

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
_NOSUID, _NODEV, _RDONLY, _REC, _PRIVATE = 2, 4, 1, 0x4000, 1 << 18
_CAPABILITY_VERSION_3 = 0x20080522


def set_limits(limits: dict[str, Any]) -> None:
    """Set the limits of this process and what it starts; they cannot be raised again."""
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
    """Whether processes of the same user may read this one's memory and descriptors."""
    _check(_libc.prctl(_PR_SET_DUMPABLE, int(readable), 0, 0, 0), "prctl")


def die_with_parent() -> None:
    """Be killed when the process that started this one ends."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")


def enter_namespaces() -> None:
    """Leave for own user, process, network, IPC, host name and mount namespaces.

    The next child becomes the first process of the process namespace. The user keeps its number.

    Raises:
        OSError: the system refuses (nested user namespaces are not allowed).
    """
    user, group = os.getuid(), os.getgid()
    kinds = _NEW_USER | _NEW_PID | _NEW_NET | _NEW_IPC | _NEW_UTS | _NEW_NS
    _check(_libc.unshare(kinds), "unshare")
    set_readable(True)  # or /proc/self belongs to root
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


def keep_mounts_private() -> None:
    """Mounts made from here on are seen in this namespace only."""
    _check(_libc.mount(None, b"/", None, _REC | _PRIVATE, None), "mount")


def drop_capabilities() -> None:
    """Give up every capability for good, also over an exec."""
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")
    forbid_privileges()


def forbid_privileges() -> None:
    """No program that is started from here gains a privilege."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
