"""Imports the framework once and forks a worker for each submission.

It runs inside bubblewrap, never runs student code, and contains nothing worth reading: no inputs,
no submission, no secret. For each submission the grader sends a socket; the zygote starts

    zygote > A (enters new namespaces) > B (first process there) > C (the worker)

and the grader kills B, which ends every process in those namespaces. One submission at a time.
"""

from __future__ import annotations

import array
import gc
import os
import socket
import sys
from typing import Any

from inside import isolate, worker


def serve(control: socket.socket, settings: dict[str, Any]) -> None:
    """Start a worker for each socket that arrives, until the grader closes the connection."""
    os.chdir("/")
    worker.load(settings["framework"])
    worker.load_in_advance()
    if settings["quiet"]:
        worker.silence()
    isolate.set_readable(not settings["unreadable_parent"])
    gc.collect()
    gc.freeze()
    control.sendall(b"ready\n")
    while True:
        size = array.array("i").itemsize
        message, extra, _, _ = control.recvmsg(16, socket.CMSG_SPACE(size))
        if not message:
            return
        descriptor = array.array("i", extra[0][2][:size])[0]
        child = os.fork()
        if child == 0:
            try:
                control.close()
                _leave(socket.socket(fileno=descriptor), settings)
            except BaseException as error:
                _complain(descriptor, error)
            os._exit(1)
        os.close(descriptor)
        os.waitpid(child, 0)
        control.sendall(b"gone\n")


def _complain(descriptor: int, error: BaseException) -> None:
    try:
        text = str(error).encode("ascii", "replace").decode().replace('"', "'")
        os.write(descriptor, f'{{"failed":"{text[:300]}"}}\n'.encode())
    except OSError:
        pass


def _leave(connection: socket.socket, settings: dict[str, Any]) -> None:
    """In A: enter new namespaces, start B, and wait for it."""
    isolate.die_with_parent()
    if settings["namespaces"]:
        isolate.enter_namespaces()
    isolate.set_readable(not settings["unreadable_parent"])
    first = os.fork()
    if first == 0:
        try:
            _begin(connection, settings)
        except BaseException as error:
            _complain(connection.fileno(), error)
        os._exit(1)
    connection.close()
    os.waitpid(first, 0)
    os._exit(0)


def _begin(connection: socket.socket, settings: dict[str, Any]) -> None:
    """In B: mount the folders that a worker may write, give up privileges, start C, and reap."""
    isolate.die_with_parent()
    if settings["namespaces"]:
        isolate.keep_mounts_private()
        limits = settings["limits"]
        isolate.mount_tmpfs(settings["scratch"], limits["scratch"])
        isolate.mount_tmpfs("/dev/shm", limits["shared_memory"])
        if settings["own_tmp"]:
            isolate.mount_tmpfs("/tmp", limits["scratch"])
        if settings["framework"] != "tensorflow":  # it reads /proc/self
            isolate.mount_tmpfs("/proc", 4096, read_only=True)
        elif settings["dies_first"]:  # what stands in /proc/self/oom_score_adj must stay
            isolate.make_read_only("/proc")
        isolate.drop_capabilities()
    connection.sendall(b'{"hello":true}\n')
    if connection.recv(1) != b"\n":  # the grader has put this process into a control group
        os._exit(1)
    worker_process = os.fork()
    if worker_process == 0:
        os.setsid()
        os.chdir(settings["scratch"])
        worker.serve(connection, settings, greeted=True)
        os._exit(0)
    connection.close()
    sys.stdin = sys.stdout = sys.stderr = None
    while True:
        child, _ = os.wait()
        if child == worker_process:
            os._exit(0)
