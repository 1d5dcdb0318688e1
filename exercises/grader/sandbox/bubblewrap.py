"""One bubblewrap with a Python in it: what it is shown, what it may use, and how it is ended."""

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

from grader.sandbox.cgroups import Cgroup, CgroupError
from grader.sandbox.channel import Decoder
from grader.sandbox.limits import ALL_DEFENCES, USUAL, Defences, Limits
from grader.sandbox.machine import (
    SCRATCH,
    Machine,
    as_user,
    base_command,
    outer_command,
    python_binds,
)

_STAGE = "/opt/d2l"
_QUIET_FRAMEWORKS = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
_ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    **dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"),
}


class SandboxError(RuntimeError):
    """A worker could not be started: nothing that a submission did."""


@dataclass(frozen=True)
class Grounds:
    """Where and how student code runs."""

    machine: Machine
    stage: Path  # filled by `stage.make_stage`
    limits: Limits = USUAL
    defences: Defences = ALL_DEFENCES
    cpus: tuple[int, ...] = ()  # the processors to keep to; (): all
    shown: Path | None = None  # a folder that a test shows where a defence is down
    decode: Decoder | None = None  # likewise, another way to read replies


class Process:
    """One bubblewrap, or without a sandbox one Python, that runs `start.py`."""

    def __init__(self, grounds: Grounds, mode: str, framework: str) -> None:
        self.grounds = grounds
        self._ended = False
        self._group: Cgroup | None = None
        self._descriptor: int | None = None
        self.connection, theirs = socket.socketpair()
        errors, errors_end = os.pipe()
        self._errors = errors
        os.set_blocking(errors, False)
        info, info_end = os.pipe()
        block_end, block = os.pipe()
        machine = grounds.machine
        try:
            self.process = subprocess.Popen(
                self._command(mode, framework, theirs.fileno(), info_end, block_end),
                stdin=subprocess.DEVNULL,
                stdout=errors_end,
                stderr=errors_end,
                pass_fds=(theirs.fileno(), info_end, block_end),
                env=self._environment(),
                cwd=None if machine.sandboxed else grounds.stage.parent,
                start_new_session=True,
                **as_user(None if machine.inner else machine.user),
            )
        except OSError as error:
            raise SandboxError(str(error)) from None
        finally:
            for end in (errors_end, info_end, block_end):
                os.close(end)
            theirs.close()
        try:
            self._prepare(info, block)
        except (OSError, ValueError, CgroupError) as error:
            self.end()
            raise SandboxError(self.complaint(str(error))) from None
        finally:
            os.close(info)
            os.close(block)

    def complaint(self, what: str) -> str:
        """`what`, with what was said on standard error."""
        said = b""
        with contextlib.suppress(OSError):
            said = os.read(self._errors, 1 << 16)
        return f"{what}: {said.decode(errors='replace').strip()[-1000:]}".strip(": ")

    def end(self) -> None:
        """End every process; returns when they are gone."""
        if self._ended:
            return
        self._ended = True
        self.connection.close()
        if self._descriptor is not None:
            kill(self._descriptor)
        elif self.grounds.defences.reap:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        clear(self._group, self.grounds.defences)

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.close(self._errors)

    def _prepare(self, info: int, block: int) -> None:
        """Put the first process into a control group before it starts anything."""
        pids = [self.process.pid]
        if self.grounds.machine.sandboxed:
            pids.append(_child_pid(info))
            self._descriptor = os.pidfd_open(pids[1])
        self._group = make_group(self.grounds)
        if self._group is not None:
            for pid in pids:
                self._group.add(pid)
        os.write(block, b"\n")

    def _settings(self, mode: str, framework: str, descriptor: int) -> dict[str, Any]:
        defences, machine = self.grounds.defences, self.grounds.machine
        limits = dataclasses.asdict(self.grounds.limits)
        if not defences.memory:
            limits["address_space"] = None
        if not defences.processes or (not machine.sandboxed):  # they would count all of the user's
            limits["processes"] = None
        if not defences.file_size:
            limits["file_size"] = None
        return {
            "mode": mode,
            "framework": framework,
            "descriptor": descriptor,
            "limits": limits,
            "limited": True,
            "cpus": list(self.grounds.cpus),
            "quiet": defences.quiet,
            "namespaces": defences.namespaces,
            "calls": defences.calls,
            "unreadable_parent": defences.unreadable_parent,
            "scratch": SCRATCH if machine.sandboxed else "",
            "own_tmp": _own_tmp(),
        }

    def _environment(self) -> dict[str, str]:
        environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}
        environment |= _ONE_THREAD | _QUIET_FRAMEWORKS | {"MPLBACKEND": "Agg"}
        if self.grounds.machine.sandboxed:
            environment |= {"HOME": SCRATCH, "TMPDIR": SCRATCH, "MPLCONFIGDIR": SCRATCH}
        return environment | {"CUDA_VISIBLE_DEVICES": "", "D2L_UNATTENDED": "1"}

    def _command(
        self, mode: str, framework: str, descriptor: int, info: int, block: int
    ) -> list[str]:
        machine, limits, defences = (
            self.grounds.machine, self.grounds.limits, self.grounds.defences,
        )  # fmt: skip
        settings = json.dumps(self._settings(mode, framework, descriptor))
        if machine.bwrap is None:
            return [sys.executable, "-s", "-B", f"{self.grounds.stage}/start.py", settings]
        command, shown = base_command(machine.bwrap), [("--ro-bind", str(self.grounds.stage))]
        if not defences.namespaces:
            command[command.index("--unshare-all")] = "--unshare-user"
            command.remove("--hostname")
            command.remove("sandbox")
        elif mode == "worker" and "--disable-userns" in _bwrap_help(machine.bwrap):
            command += ["--unshare-user", "--disable-userns"]
        command += ["--ro-bind", str(self.grounds.stage), _STAGE]
        if self.grounds.shown and not (defences.hidden and defences.read_only):
            how = "--ro-bind" if defences.read_only else "--bind"
            command += [how, str(self.grounds.shown), str(self.grounds.shown)]
            shown.append((how, str(self.grounds.shown)))
        command += ["--proc", "/proc"] if defences.namespaces else ["--bind", "/proc", "/proc"]
        command += ["--dev", "/dev"]
        command += ["--size", str(limits.shared_memory), "--tmpfs", "/dev/shm"]
        command += ["--size", str(limits.scratch), "--tmpfs", SCRATCH]
        closed = ["/dev"] if _own_tmp() else ["/dev", "/tmp"]
        if mode == "zygote":  # workers get folders of their own over these and over SCRATCH
            closed = ["/dev", "/dev/shm", "/tmp"]
        for folder in [*closed, "/"]:
            command += ["--remount-ro", folder]
        for name, value in self._environment().items():
            command += ["--setenv", name, value]
        command += ["--chdir", SCRATCH, "--info-fd", str(info), "--block-fd", str(block)]
        command += [sys.executable, "-s", "-B", f"{_STAGE}/start.py", settings]
        if machine.inner and machine.user is not None:
            command = [*outer_command(machine.bwrap, machine.user, shown), *command]
        return command


def make_group(grounds: Grounds) -> Cgroup | None:
    cgroups, defences = grounds.machine.cgroups, grounds.defences
    if cgroups is None:
        return None
    return cgroups.make(grounds.limits, defences.memory, defences.processes)


def clear(group: Cgroup | None, defences: Defences) -> None:
    """Remove a control group; what is still in it is killed first."""
    if group is None:
        return
    until = time.monotonic() + 5
    while defences.reap and (left := group.pids()) and time.monotonic() < until:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    group.remove(5.0 if defences.reap else 0.0)


def kill(descriptor: int) -> None:
    """Kill the process behind a descriptor, wait until it is gone, and close the descriptor."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.poll(10_000)
    os.close(descriptor)


def _child_pid(info: int) -> int:
    """The first process of a sandbox, as bubblewrap names it.

    Raises:
        ValueError: bubblewrap failed before it had one.
    """
    text = b""
    while not text.rstrip().endswith(b"}"):
        data = os.read(info, 4096)
        if not data:
            raise ValueError("bubblewrap did not start")
        text += data
    return int(json.loads(text)["child-pid"])


@functools.cache
def _own_tmp() -> bool:
    """Whether nothing of Python's lies below /tmp, so that a worker can have it for itself."""
    return not any(Path(target).is_relative_to("/tmp") for _, target in python_binds())


@functools.cache
def _bwrap_help(bwrap: str) -> str:
    return subprocess.run([bwrap, "--help"], capture_output=True, text=True).stdout
