"""Messages between the grader and a worker that is not trusted."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from d2lexercises import wire

from grader.sandbox.limits import Limits

Decoder = Callable[[bytes], Any]


class ChannelClosed(Exception):
    """The worker has closed the connection, or has ended."""


class ChannelSilent(Exception):
    """No message arrived in time, or the worker does not read."""


class ChannelFlooded(Exception):
    """The worker sent more than the limits allow."""


class Channel:
    """The grader's end of the connection to one worker: each message is a line of `wire` text."""

    def __init__(
        self, connection: socket.socket, limits: Limits, decode: Decoder | None = None
    ) -> None:
        self.connection = connection
        self.limits = limits
        self._wire = wire.Limits(bytes=limits.reply_bytes + 1024)
        self._decode = decode or (lambda line: wire.decode(line, self._wire))
        self._buffer = bytearray()
        self._received = 0

    def send(self, message: dict[str, Any], seconds: float) -> None:
        """Send plain data.

        Raises:
            ChannelSilent: the worker does not read.
            ChannelClosed: the worker has closed the connection.
        """
        self.send_raw(wire.encode(message).encode() + b"\n", seconds)

    def send_raw(self, data: bytes, seconds: float) -> None:
        """Send bytes unchanged; raises what `send` raises."""
        try:
            self.connection.settimeout(max(seconds, 0.01))
            self.connection.sendall(data)
        except TimeoutError:
            raise ChannelSilent from None
        except OSError:
            raise ChannelClosed from None

    def receive(self, seconds: float) -> dict[str, Any] | None:
        """Return the next message, or None for a line that is not a valid message.

        Raises:
            ChannelSilent: no message arrived within `seconds`.
            ChannelClosed: the worker has closed the connection.
            ChannelFlooded: the worker sent more than the limits allow.
        """
        until = time.monotonic() + seconds
        start = 0
        while (end := self._buffer.find(b"\n", start)) < 0:
            start = len(self._buffer)
            if start > self.limits.reply_bytes + 1024:
                raise ChannelFlooded("a reply is too long")
            self._fill(until)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        try:
            message = self._decode(line)
        except ValueError:
            return None
        return message if type(message) is dict else None

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _fill(self, until: float) -> None:
        left = until - time.monotonic()
        if left <= 0:
            raise ChannelSilent
        try:
            self.connection.settimeout(left)
            data = self.connection.recv(1 << 16)
        except TimeoutError:
            raise ChannelSilent from None
        except OSError:
            raise ChannelClosed from None
        if not data:
            raise ChannelClosed
        self._received += len(data)
        if self._received > self.limits.traffic_bytes:
            raise ChannelFlooded("there are too many replies")
        self._buffer += data
