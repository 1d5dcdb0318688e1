"""Start workers: one bubblewrap each, or, faster, one for many (`Zygotes`).

Whatever way a worker was started, `Worker.end` returns when every process of it is gone.
"""

from __future__ import annotations

import functools
import logging
import os
import socket
import struct
from typing import Any, Protocol

from grader.sandbox.bubblewrap import Grounds, Process, SandboxError, clear, kill, make_group
from grader.sandbox.cgroups import Cgroup, CgroupError
from grader.sandbox.channel import Channel, ChannelClosed, ChannelFlooded, ChannelSilent

__all__ = ["Grounds", "SandboxError", "Sandboxes", "Starter", "Worker", "Zygotes", "nesting_works"]

log = logging.getLogger(__name__)


class Starter(Protocol):
    """What starts workers."""

    def start(self, framework: str) -> Worker:
        """A worker that is ready for a task.

        Raises:
            SandboxError: it could not be started.
        """

    def close(self) -> None:
        """End everything that was started."""


class Worker:
    """One worker for one task."""

    def __init__(self, channel: Channel, end: Any) -> None:
        self.channel = channel
        self._end = end

    def end(self) -> None:
        """End it and all that it started; returns when they are gone."""
        self.channel.close()
        if self._end is not None:
            end, self._end = self._end, None
            end()


class Sandboxes:
    """One sandbox a worker."""

    def __init__(self, grounds: Grounds) -> None:
        self.grounds = grounds

    def start(self, framework: str) -> Worker:
        """See `Starter.start`."""
        process = Process(self.grounds, "worker", framework)
        limits = self.grounds.limits
        channel = Channel(process.connection, limits, self.grounds.decode)
        try:
            message = channel.receive(limits.start_seconds)
        except (ChannelSilent, ChannelClosed, ChannelFlooded) as error:
            process.end()
            raise SandboxError(process.complaint(type(error).__name__)) from None
        if message != {"hello": True}:
            process.end()
            raise SandboxError("the worker did not greet")
        return Worker(channel, process.end)

    def close(self) -> None:
        """See `Starter.close`."""


class Zygotes:
    """One sandbox for each framework, in which the framework is imported once.

    Where that fails, a worker gets a sandbox of its own; `fallbacks` counts them.
    """

    def __init__(self, grounds: Grounds, fall_back: bool = True) -> None:
        self.grounds = grounds
        self.fallbacks = 0
        self._fall_back = fall_back
        self._running: dict[str, _Zygote] = {}

    def start(self, framework: str) -> Worker:
        """See `Starter.start`."""
        try:
            return self._fork(framework)
        except SandboxError as error:
            log.warning("%s; once more", error)
        try:
            return self._fork(framework)
        except SandboxError as error:
            if not self._fall_back:
                raise
            log.warning("%s; this worker gets a sandbox of its own", error)
        self.fallbacks += 1
        return Sandboxes(self.grounds).start(framework)

    def _fork(self, framework: str) -> Worker:
        zygote = self._running.get(framework)
        if zygote is None:
            zygote = self._running[framework] = _Zygote(self.grounds, framework)
        try:
            return zygote.fork()
        except SandboxError:
            del self._running[framework]
            zygote.process.end()
            raise

    def close(self) -> None:
        """See `Starter.close`."""
        for zygote in self._running.values():
            zygote.process.end()
        self._running.clear()


def nesting_works(grounds: Grounds) -> str:
    """ "" if `Zygotes` can be used here; otherwise why not."""
    if not grounds.machine.sandboxed:
        return "there is no sandbox"
    starter = Zygotes(grounds, fall_back=False)
    try:
        starter.start("numpy").end()
    except SandboxError as error:
        return str(error)
    finally:
        starter.close()
    return ""


class _Zygote:
    def __init__(self, grounds: Grounds, framework: str) -> None:
        self.grounds = grounds
        self.process = Process(grounds, "zygote", framework)
        self.process.connection.settimeout(grounds.limits.start_seconds)
        try:
            ready = self.process.connection.recv(6)
        except OSError:
            ready = b""
        if ready != b"ready\n":
            self.process.end()
            raise SandboxError(self.process.complaint("no answer"))

    def fork(self) -> Worker:
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        group = None
        try:
            ours.settimeout(30)
            with theirs:
                socket.send_fds(self.process.connection, [b"fork\n"], [theirs.fileno()])
            line, extra, _, _ = ours.recvmsg(4096, socket.CMSG_SPACE(12))
            if line != b'{"hello":true}\n':
                raise SandboxError(f"a nested sandbox could not be made: {line.decode()}")
            pid = struct.unpack("3i", extra[0][2])[0]  # of the first process in there
            descriptor = os.pidfd_open(pid)
            group = make_group(self.grounds)
            if group is not None:
                group.add(pid)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
            ours.sendall(b"\n")
        except (OSError, CgroupError, IndexError) as error:
            ours.close()
            raise SandboxError(f"the zygote failed: {error}") from None
        end = functools.partial(self._end, descriptor, group)
        return Worker(Channel(ours, self.grounds.limits, self.grounds.decode), end)

    def _end(self, descriptor: int, group: Cgroup | None) -> None:
        kill(descriptor)
        try:
            self.process.connection.settimeout(10)
            gone = self.process.connection.recv(5) == b"gone\n"
        except OSError:
            gone = False
        clear(group, self.grounds.defences)
        if not gone:
            self.process.end()
