"""What the processes of a sandbox use together, read from the kernel."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_MOST = 5000  # processes that are looked at
_BUFFER = 212_992  # bytes, of a socket
_USUAL_DESCRIPTORS = 64  # of one process


def family(first: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [first]
    for pid in found:
        if len(found) >= _MOST:
            break
        with contextlib.suppress(OSError, ValueError):
            for task in os.listdir(f"/proc/{pid}/task"):
                text = Path(f"/proc/{pid}/task/{task}/children").read_text()
                found += [int(child) for child in text.split()]
    return found


def processor_seconds(first: int) -> float:
    """Return the processor time of a process and its descendants, those that ended included."""
    ticks = 0
    for pid in family(first):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(fields[number]) for number in (11, 12, 13, 14))
    return ticks / _TICKS


def memory(first: int) -> int:
    """Return the bytes of memory of a process and its descendants; shared parts count once."""
    return sum(_memory_of(pid) + _buffers_of(pid) for pid in family(first))


def _memory_of(pid: int) -> int:
    with contextlib.suppress(OSError):  # some kernels, and some users, may not read it
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        held = [int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "RssShmem"))]
        return sum(held) * 1024
    return 0


def _buffers_of(pid: int) -> int:
    """What the sockets and pipes of a process may hold, beyond those that any process has."""
    with contextlib.suppress(OSError):
        return _BUFFER * max(0, len(os.listdir(f"/proc/{pid}/fd")) - _USUAL_DESCRIPTORS)
    return 0


def die_first(pid: int) -> None:
    """Have the kernel, when memory runs out, end this process, and all it starts, before others."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")


def kills_for_memory() -> int:
    """Return how many processes the kernel has ended since it started because memory ran out."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def processors() -> int:
    """Return the number of processors that this process may use, quotas considered."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = min([*_quotas(), float("inf")])
    return max(1, min(count or 1, int(quota + 0.999) if quota != float("inf") else 10**6))


def _quotas() -> list[float]:
    """The quotas of this process's control groups, in processors."""
    found = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, names, path = line.split(":", 2)
            root = Path("/sys/fs/cgroup", *(["cpu"] if "cpu" in names.split(",") else []))
            if names and "cpu" not in names.split(","):
                continue
            folder = root / path.lstrip("/")
            for one in (folder, *folder.parents):
                with contextlib.suppress(OSError, ValueError):
                    if names:
                        quota = int((one / "cpu.cfs_quota_us").read_text())
                        period = int((one / "cpu.cfs_period_us").read_text())
                    else:
                        first, second = (one / "cpu.max").read_text().split()
                        quota, period = (-1 if first == "max" else int(first)), int(second)
                    if quota > 0:
                        found.append(quota / period)
                if one == root:
                    break
    return found
