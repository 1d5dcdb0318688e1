"""Refuse system calls that no answer needs and that have let programs escape from sandboxes.

The other defences of the sandbox do not depend on this filter; it exposes less of the kernel.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _EFAULT, _ENOSYS, _EAFNOSUPPORT = 1, 14, 38, 97
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in seccomp_data
_NAMESPACES = 0x7E020000 | 0x80  # flags of clone that create a namespace

# The same on every architecture: open_tree, move_mount, fsopen, fsconfig, fsmount, fspick,
# pidfd_getfd, mount_setattr, io_uring_setup, io_uring_enter, io_uring_register, memfd_secret.
_NEW = (428, 429, 430, 431, 432, 433, 438, 442, 425, 426, 427, 447)
_CLONE3 = 435
# mount, umount2, pivot_root, chroot, unshare, setns, ptrace, process_vm_readv, process_vm_writev,
# kcmp, bpf, perf_event_open, userfaultfd, add_key, request_key, keyctl, open_by_handle_at,
# init_module, finit_module, delete_module, kexec_load, kexec_file_load, syslog, acct,
# sched_setaffinity (so that a submission stays on its processors), memfd_create, shmget, msgget
# (memory that belongs to no process, so that nothing counts it), semget
_OLD = {
    "x86_64": (165, 166, 155, 161, 272, 308, 101, 310, 311)
    + (312, 321, 298, 323, 248, 249, 250, 304, 175, 313, 176, 246, 320, 103, 163, 203)
    + (319, 29, 68, 64),
    "aarch64": (40, 39, 41, 51, 97, 268, 117, 270, 271)
    + (272, 280, 241, 282, 217, 218, 219, 265, 105, 273, 106, 104, 294, 116, 89, 122)
    + (279, 194, 186, 190),
}
_CLONE = {"x86_64": 56, "aarch64": 220}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_SOCKETPAIR = {"x86_64": 53, "aarch64": 199}
# Unix, IPv4, IPv6, netlink: the families that a network namespace isolates. It does not isolate
# others, such as AF_VSOCK, which connects a virtual machine to its host.
_FAMILIES = (1, 2, 10, 16)
_PAIRED = (1,)
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_OTHER_NUMBERS = 0x40000000  # x86_64 has a second set of call numbers from here on


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def why_unsupported() -> str:
    """Return why calls cannot be refused on this machine, or "" if they can."""
    if platform.machine() not in _OLD:
        return f"the calls of the architecture {platform.machine()} are not known"
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, None, 0, 0)  # a filter at no address changes nothing
    return "" if ctypes.get_errno() == _EFAULT else "the kernel has no such filters"


def forbid_calls() -> None:
    """Refuse the calls from now on, in this process and its children.

    Call it while the process has one thread, and after `isolate.forbid_privileges`.

    Raises:
        OSError: calls cannot be refused on this machine.
    """
    machine = platform.machine()
    if machine not in _OLD:
        raise OSError(_ENOSYS, why_unsupported())
    code = _filter(machine)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl: {os.strerror(number)}")


def _filter(machine: str) -> bytes:
    refuse, unknown = _ERRNO | _EPERM, _ERRNO | _ENOSYS
    # (code, skip if true, skip if false, value): a test is followed by the verdict that it skips.
    steps = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, _AUDIT[machine]), (_RETURN, 0, 0, _KILL)]
    steps += [(_LOAD, 0, 0, _NUMBER)]
    steps += [(_AT_LEAST, 0, 1, _OTHER_NUMBERS), (_RETURN, 0, 0, refuse)]
    for number in (*_OLD[machine], *_NEW):
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, refuse)]
    # The filter cannot read the flags of clone3; without it the C library uses clone.
    steps += [(_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, unknown)]
    steps += [(_EQUAL, 0, 3, _CLONE[machine]), (_LOAD, 0, 0, _FIRST_ARGUMENT)]
    steps += [(_ANY_BIT, 0, 1, _NAMESPACES), (_RETURN, 0, 0, refuse)]
    steps += [(_LOAD, 0, 0, _NUMBER)]
    for number, families in ((_SOCKET[machine], _FAMILIES), (_SOCKETPAIR[machine], _PAIRED)):
        verdict = [(_LOAD, 0, 0, _FIRST_ARGUMENT)]
        for family in families:
            verdict += [(_EQUAL, 0, 1, family), (_RETURN, 0, 0, _ALLOW)]
        verdict += [(_RETURN, 0, 0, _ERRNO | _EAFNOSUPPORT)]
        steps += [(_EQUAL, 0, len(verdict), number), *verdict]
    steps += [(_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)
