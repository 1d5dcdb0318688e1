"""One sandbox: a bubblewrap with a Python in it, from its configuration to its end."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.sandbox import processes
from grader.sandbox.cgroups import Cgroup, CgroupError
from grader.sandbox.channel import Decoder
from grader.sandbox.guard import Guard
from grader.sandbox.limits import ALL_DEFENCES, USUAL, Defences, Limits
from grader.sandbox.machine import (
    SCRATCH,
    Machine,
    as_user,
    base_command,
    outer_command,
    python_paths,
    sockets_shown,
)

_STAGE = "/opt/d2l"
_QUIET_FRAMEWORKS = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
# For `torch.compile`. Its header, compiled in advance, is larger than a file in the sandbox may be.
# Finding the vector instructions takes several compilations, and more processes do not help.
_COMPILING = {
    "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS": "0",
    "TORCHINDUCTOR_VEC_ISA_OK": "0",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
}
_ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    **dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"),
}


class SandboxError(RuntimeError):
    """A worker could not be started; this is not the submission's fault."""


@dataclass(frozen=True)
class SandboxConfig:
    """Where student code runs, and within which limits."""

    machine: Machine
    stage: Path  # filled by `stage.make_stage`
    limits: Limits = USUAL
    defences: Defences = ALL_DEFENCES
    cpus: tuple[int, ...] = ()  # the processors to use; (): all
    shown: Path | None = None  # for tests: a folder to show if a defence is down
    decode: Decoder | None = None  # for tests: another way to decode replies
    guard: Guard | None = None  # ends the sandbox if the grader is killed


class SandboxProcess:
    """A bubblewrap, or without a sandbox a plain Python, that runs `start.py`.

    Raises:
        SandboxError: it cannot be started.
    """

    def __init__(self, config: SandboxConfig, mode: str, framework: str) -> None:
        self.config = config
        self._ended = False
        self._group: Cgroup | None = None
        self._descriptor: int | None = None  # a pidfd of the first process in the sandbox
        self.first = 0  # its pid
        self.connection, theirs = socket.socketpair()
        errors, errors_end = os.pipe()
        self._errors = errors
        os.set_blocking(errors, False)
        info, info_end = os.pipe()
        block_end, block = os.pipe()
        machine = config.machine
        try:
            self.process = subprocess.Popen(
                self._command(mode, framework, theirs.fileno(), info_end, block_end),
                stdin=subprocess.DEVNULL,
                stdout=errors_end,
                stderr=errors_end,
                pass_fds=(theirs.fileno(), info_end, block_end),
                env=self._environment(),
                cwd=None if machine.sandboxed else config.stage.parent,
                start_new_session=True,
                **as_user(None if machine.needs_outer else machine.user),
            )
        except OSError as error:
            raise SandboxError(str(error)) from None
        finally:
            for end in (errors_end, info_end, block_end):
                os.close(end)
            theirs.close()
        try:
            self._enter_group(info, block)
        except (OSError, ValueError, CgroupError) as error:
            self.end()
            raise SandboxError(self.with_output(str(error))) from None
        finally:
            os.close(info)
            os.close(block)

    @property
    def watched_memory(self) -> int | None:
        """The memory that its processes may use together, if the kernel does not limit it."""
        return watched_memory(self.config, self._group)

    def with_output(self, problem: str) -> str:
        """Return `problem`, followed by what the process printed so far."""
        output = b""
        with contextlib.suppress(OSError):
            output = os.read(self._errors, 1 << 16)
        return f"{problem}: {output.decode(errors='replace').strip()[-1000:]}".strip(": ")

    def end(self) -> None:
        """End every process of the sandbox; return when they have ended."""
        if self._ended:
            return
        self._ended = True
        self.connection.close()
        if self._descriptor is not None:
            kill(self._descriptor)
        elif self.config.defences.reap:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        if self.config.guard is not None:
            self.config.guard.gone(self.first)
        remove_group(self._group, self.config.defences)

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.close(self._errors)

    def _enter_group(self, info: int, block: int) -> None:
        """Move the first process into a control group before it starts any other process."""
        pids = [self.process.pid]
        if self.config.machine.sandboxed:
            pids.append(_child_pid(info))
            self._descriptor = os.pidfd_open(pids[1])
        self.first = pids[-1]
        if self.config.guard is not None:
            self.config.guard.process(self.first)
        if self.config.defences.dies_first:
            for pid in pids:
                processes.die_first(pid)
        self._group = make_group(self.config)
        if self._group is not None:
            for pid in pids:
                self._group.add(pid)
        os.write(block, b"\n")

    def _settings(self, mode: str, framework: str, descriptor: int) -> dict[str, Any]:
        defences, machine = self.config.defences, self.config.machine
        limits = dataclasses.asdict(self.config.limits)
        if not defences.memory:
            limits["address_space"] = None
        if not defences.processes or not machine.sandboxed:  # else it counts all of the user's
            limits["processes"] = None
        if not defences.file_size:
            limits["file_size"] = None
        return {
            "mode": mode,
            "framework": framework,
            "descriptor": descriptor,
            "limits": limits,
            "limited": True,
            "cpus": list(self.config.cpus),
            "quiet": defences.quiet,
            "namespaces": defences.namespaces,
            "calls": defences.calls and machine.filters,
            "dies_first": defences.dies_first,
            "unreadable_parent": defences.unreadable_parent,
            "scratch": SCRATCH if machine.sandboxed else "",
            "own_tmp": _can_replace_tmp(),
        }

    def _environment(self) -> dict[str, str]:
        environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}
        environment |= _ONE_THREAD | _QUIET_FRAMEWORKS | _COMPILING | {"MPLBACKEND": "Agg"}
        if self.config.machine.sandboxed:
            environment |= {"HOME": SCRATCH, "TMPDIR": SCRATCH, "MPLCONFIGDIR": SCRATCH}
        return environment | {"CUDA_VISIBLE_DEVICES": "", "D2L_UNATTENDED": "1"}

    def _command(
        self, mode: str, framework: str, descriptor: int, info: int, block: int
    ) -> list[str]:
        config = self.config
        machine, limits, defences = config.machine, config.limits, config.defences
        settings = json.dumps(self._settings(mode, framework, descriptor))
        if machine.bwrap is None:
            return [sys.executable, "-s", "-B", f"{config.stage}/start.py", settings]
        command, shown = base_command(machine.bwrap), [("--ro-bind", str(config.stage))]
        if not defences.namespaces:
            command[command.index("--unshare-all")] = "--unshare-user"
            command.remove("--hostname")
            command.remove("sandbox")
        elif mode == "worker" and "--disable-userns" in _bwrap_help(machine.bwrap):
            command += ["--unshare-user", "--disable-userns"]
        command += ["--ro-bind", str(config.stage), _STAGE]
        if defences.hidden:
            for path in sockets_shown():
                command += ["--ro-bind", "/dev/null", path]
        if config.shown and not (defences.hidden and defences.read_only):
            option = "--ro-bind" if defences.read_only else "--bind"
            command += [option, str(config.shown), str(config.shown)]
            shown.append((option, str(config.shown)))
        command += ["--proc", "/proc"] if defences.namespaces else ["--bind", "/proc", "/proc"]
        command += ["--dev", "/dev"]
        command += ["--size", str(limits.shared_memory), "--tmpfs", "/dev/shm"]
        command += ["--size", str(limits.scratch), "--tmpfs", SCRATCH]
        read_only = ["/dev"] if _can_replace_tmp() else ["/dev", "/tmp"]
        if defences.dies_first:  # what stands in /proc/self/oom_score_adj must stay
            read_only.insert(0, "/proc")
        if mode == "zygote":  # workers mount folders of their own over these and over SCRATCH
            read_only = ["/dev", "/dev/shm", "/tmp"]
        for folder in [*read_only, "/"]:
            command += ["--remount-ro", folder]
        for name, value in self._environment().items():
            command += ["--setenv", name, value]
        command += ["--chdir", SCRATCH, "--info-fd", str(info), "--block-fd", str(block)]
        command += [sys.executable, "-s", "-B", f"{_STAGE}/start.py", settings]
        if machine.needs_outer and machine.user is not None:
            command = [*outer_command(machine.bwrap, machine.user, shown), *command]
        return command


def make_group(config: SandboxConfig) -> Cgroup | None:
    """Create a control group with the configured limits; None if this machine allows none.

    Raises:
        CgroupError: it cannot be created.
    """
    cgroups, defences = config.machine.cgroups, config.defences
    if cgroups is None:
        return None
    return cgroups.make(config.limits, defences.memory, defences.processes)


def watched_memory(config: SandboxConfig, group: Cgroup | None) -> int | None:
    """Return the memory to be watched; None if a control group limits it."""
    return None if group is not None or not config.defences.memory else config.limits.memory


def remove_group(group: Cgroup | None, defences: Defences) -> None:
    """Kill the processes that are still in a control group, and remove the group."""
    if group is None:
        return
    until = time.monotonic() + 5
    while defences.reap and (pids := group.pids()) and time.monotonic() < until:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    group.remove(5.0 if defences.reap else 0.0)


def kill(descriptor: int) -> None:
    """Kill the process of a pidfd, wait until it has ended, and close the descriptor."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.poll(10_000)
    os.close(descriptor)


def _child_pid(info: int) -> int:
    """Read from bubblewrap which process is the first in the sandbox.

    Raises:
        ValueError: bubblewrap ended before it started one.
    """
    text = b""
    while not text.rstrip().endswith(b"}"):
        data = os.read(info, 4096)
        if not data:
            raise ValueError("bubblewrap did not start")
        text += data
    return int(json.loads(text)["child-pid"])


@functools.cache
def _can_replace_tmp() -> bool:
    """Return whether a worker can have a /tmp of its own: no file of Python is below /tmp."""
    return not any(Path(path).is_relative_to("/tmp") for path in python_paths())


@functools.cache
def _bwrap_help(bwrap: str) -> str:
    return subprocess.run([bwrap, "--help"], capture_output=True, text=True).stdout
