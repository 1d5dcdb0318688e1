"""Start workers: each in a sandbox of its own, or, faster, forked in a sandbox that they share.

However a worker was started, `Worker.end` returns when all of its processes have ended.
"""

from __future__ import annotations

import functools
import logging
import os
import socket
import struct
import time
from collections.abc import Callable
from typing import Protocol

from grader.sandbox import processes
from grader.sandbox.bubblewrap import (
    SandboxConfig,
    SandboxError,
    SandboxProcess,
    kill,
    make_group,
    remove_group,
    watched_memory,
)
from grader.sandbox.cgroups import Cgroup, CgroupError
from grader.sandbox.channel import Channel, ChannelClosed, ChannelFlooded, ChannelSilent

_LOOK = 0.1  # seconds between looks at the memory of a worker

log = logging.getLogger(__name__)


class Starter(Protocol):
    """Starts workers."""

    fallbacks: int  # workers that had to be started in the slower way

    def start(self, framework: str, beside: bool = False, fresh: bool = False) -> Worker:
        """Start a worker, and return it when it is ready for a task.

        One at a time, and one that runs `beside` it. One that is `fresh` imports late what the
        framework imports late.

        Raises:
            SandboxError: it could not be started.
        """

    def close(self) -> None:
        """End everything that was started."""


class MemoryExceeded(Exception):
    """The processes of a worker use more memory than they may."""


class Worker:
    """A worker for one task.

    `first` is the first of its processes; `memory` is what they may use together, or None if
    the kernel sees to that.
    """

    def __init__(
        self, channel: Channel, end: Callable[[], None], first: int, memory: int | None = None
    ) -> None:
        self.channel = channel
        self._end: Callable[[], None] | None = end
        self._first, self._memory = first, memory
        self._looked = 0.0

    @property
    def processor_seconds(self) -> float:
        """The processor time that its processes have used."""
        return processes.processor_seconds(self._first)

    def check_memory(self) -> None:
        """Look at the memory of its processes, now and then.

        Raises:
            MemoryExceeded: it is more than they may use.
        """
        if self._memory is None or time.monotonic() < self._looked + _LOOK:
            return
        if processes.memory(self._first) > self._memory:
            raise MemoryExceeded
        self._looked = time.monotonic()

    def end(self) -> None:
        """End the worker and every process that it started; return when they have ended."""
        self.channel.close()
        if self._end is not None:
            end, self._end = self._end, None
            end()


class SandboxStarter:
    """Starts each worker in a sandbox of its own."""

    fallbacks = 0

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config

    def start(self, framework: str, beside: bool = False, fresh: bool = False) -> Worker:
        """See `Starter.start`."""
        process = SandboxProcess(self.config, "worker", framework)
        limits = self.config.limits
        channel = Channel(process.connection, limits, self.config.decode)
        try:
            message = channel.receive(limits.start_seconds)
        except (ChannelSilent, ChannelClosed, ChannelFlooded) as error:
            process.end()
            raise SandboxError(process.with_output(type(error).__name__)) from None
        if message != {"hello": True}:
            process.end()
            raise SandboxError("the first message of the worker is not its greeting")
        return Worker(channel, process.end, process.first, process.watched_memory)

    def close(self) -> None:
        """See `Starter.close`."""


class ZygoteStarter:
    """Starts one sandbox for each framework, imports the framework there, and forks workers.

    If that fails, the worker gets a sandbox of its own; `fallbacks` counts such workers.
    """

    def __init__(self, config: SandboxConfig, fall_back: bool = True) -> None:
        self.config = config
        self.fallbacks = 0
        self._fall_back = fall_back
        self._running: dict[tuple[str, bool], _Zygote] = {}

    def start(self, framework: str, beside: bool = False, fresh: bool = False) -> Worker:
        """See `Starter.start`."""
        if fresh:
            return SandboxStarter(self.config).start(framework)
        try:
            return self._fork(framework, beside)
        except SandboxError as error:
            log.warning("%s; trying again", error)
        try:
            return self._fork(framework, beside)
        except SandboxError as error:
            if not self._fall_back:
                raise
            log.warning("%s; this worker gets a sandbox of its own", error)
        self.fallbacks += 1
        return SandboxStarter(self.config).start(framework)

    def _fork(self, framework: str, beside: bool) -> Worker:
        key = (framework, beside)
        zygote = self._running.get(key)
        if zygote is None:
            zygote = self._running[key] = _Zygote(self.config, framework)
        try:
            return zygote.fork()
        except SandboxError:
            del self._running[key]
            zygote.process.end()
            raise

    def close(self) -> None:
        """See `Starter.close`."""
        for zygote in self._running.values():
            zygote.process.end()
        self._running.clear()


def why_zygotes_fail(config: SandboxConfig) -> str:
    """Try `ZygoteStarter`; return why it does not work on this machine, or "" if it does."""
    if not config.machine.sandboxed:
        return "there is no sandbox"
    starter = ZygoteStarter(config, fall_back=False)
    try:
        starter.start("numpy").end()
    except SandboxError as error:
        return str(error)
    finally:
        starter.close()
    return ""


class _Zygote:
    """The grader's side of `inside/zygote.py`: a process that forks workers."""

    def __init__(self, config: SandboxConfig, framework: str) -> None:
        self.config = config
        self.process = SandboxProcess(config, "zygote", framework)
        self.process.connection.settimeout(config.limits.start_seconds)
        try:
            ready = self.process.connection.recv(6)
        except OSError:
            ready = b""
        if ready != b"ready\n":
            self.process.end()
            raise SandboxError(self.process.with_output("the zygote does not answer"))

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
            pid = struct.unpack("3i", extra[0][2])[0]  # of the first process in its namespace
            descriptor = os.pidfd_open(pid)
            group = make_group(self.config)
            if group is not None:
                group.add(pid)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
            ours.sendall(b"\n")
        except (OSError, CgroupError, IndexError) as error:
            ours.close()
            raise SandboxError(f"the zygote failed: {error}") from None
        end = functools.partial(self._end, descriptor, group)
        channel = Channel(ours, self.config.limits, self.config.decode)
        return Worker(channel, end, pid, watched_memory(self.config, group))

    def _end(self, descriptor: int, group: Cgroup | None) -> None:
        kill(descriptor)
        try:
            self.process.connection.settimeout(10)
            ended = self.process.connection.recv(5) == b"gone\n"
        except OSError:
            ended = False
        remove_group(group, self.config.defences)
        if not ended:
            self.process.end()
