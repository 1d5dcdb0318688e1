"""How much a submission may use, and which defences are up."""

from __future__ import annotations

from dataclasses import dataclass

from d2lexercises.notebook_files import ANSWER_SECONDS, CELL_SECONDS, NOTEBOOK_SECONDS

from grader.units import GIB, MIB


@dataclass(frozen=True)
class Limits:
    """What one submission may use. Times are seconds by the clock, sizes are bytes."""

    answer_seconds: float = ANSWER_SECONDS  # one question's probe
    cell_seconds: float = CELL_SECONDS  # one statement of a cell, up to a check in it
    submission_seconds: float = NOTEBOOK_SECONDS  # all of a submission, restarts included
    start_seconds: float = 120.0  # a worker until it is ready, the framework's import included
    cpu_seconds: int = 300  # of processor time, one process
    memory: int = 3 * GIB  # of all processes together
    address_space: int = 12 * GIB  # of one process
    processes: int = 256  # threads count
    descriptors: int = 256
    file_size: int = 64 * MIB  # one file
    scratch: int = 128 * MIB  # all files in the scratch folder; they are kept in memory
    shared_memory: int = 64 * MIB  # /dev/shm
    reply_bytes: int = 8 * MIB  # one message from the worker
    traffic_bytes: int = 64 * MIB  # all messages of one worker


@dataclass(frozen=True)
class Defences:
    """Which defences are up: all of them. Only tests take one down, to show what it is for."""

    time_limit: bool = True  # an answer that hangs is abandoned
    memory: bool = True  # limits on memory
    dies_first: bool = True  # when the machine's memory runs out, the kernel ends what runs there
    processes: bool = True  # limits on the number of processes
    file_size: bool = True  # limits on files
    quiet: bool = True  # what student code prints is discarded
    namespaces: bool = True  # own process, network and IPC namespaces
    read_only: bool = True  # only the scratch folder can be written
    hidden: bool = True  # files of the grader and of other students are not visible
    pruned: bool = True  # questions are staged without inputs and judges
    calls: bool = True  # system calls that no answer needs are refused
    reap: bool = True  # when a worker ends, everything it started has ended
    restart: bool = True  # a crash or a hang costs its own question only
    nonce: bool = True  # a reply must name the request that it answers
    unreadable_parent: bool = True  # the worker's parent cannot be read (fast path)


ALL_DEFENCES = Defences()
USUAL = Limits()
