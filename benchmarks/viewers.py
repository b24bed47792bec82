"""
Viewers for benchmarks: many sockets in one loop, which count what comes and look at little of it.

    python -m benchmarks.viewers

Commands, one line of JSON each (see `talk`):

    {"do": "open", "port": 8000, "path": "/...", "count": 1000, "samples": 20, "gzip": true}
        Open viewers and wait until each has the first bytes of its stream. Answers `seconds`.
    {"do": "watch", "seconds": 3.0}
        Read on for so long. Answers `bytes`, of all viewers, and `cpu_seconds`, of this process.
    {"do": "close"}
        Close all. Answers `bytes` of all and `sample_bytes`, both since the opening; `closed`, how many streams the
        server ended; and `samples`: for each looked-at viewer its events as [event id, arrival in ns of the machine's
        monotonic clock], in the order in which they came.

The viewers that are looked at keep their bytes with the times; they are decoded only after the run.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import socket
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

_OPEN_SECONDS: Final = 60.0
#: Opened at once; no server's queue of new connections is longer than its backlog.
_WAVE: Final = 100
#: Every contestant's payload begins with its id, whoever wrote the JSON.
_EVENT_ID: Final = re.compile(rb'data: ?\{"event_id": ?(\d+)')


class Viewer:
    """One connection."""

    def __init__(self, connection: socket.socket, *, is_sample: bool) -> None:
        self.connection = connection
        self.is_open = True
        self.byte_count = 0
        #: What came and when; None where nobody looks.
        self.received: list[tuple[int, bytes]] | None = [] if is_sample else None


class Viewers:
    """All connections of this process."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._viewers: dict[int, Viewer] = {}
        self._buffer = memoryview(bytearray(1 << 18))

    def open(self, *, port: int, path: str, count: int, samples: int, gzip: bool) -> dict[str, Any]:
        """Open viewers and wait until each stream has begun."""
        request = (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
            f"Accept-Encoding: {'gzip' if gzip else 'identity'}\r\n\r\n"
        ).encode()
        began = time.monotonic()
        every = max(1, count // samples) if samples else count + 1
        for number in range(count):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.sendall(request)
            connection.setblocking(False)
            is_sample = bool(samples) and number % every == 0 and number // every < samples
            self._viewers[connection.fileno()] = Viewer(connection, is_sample=is_sample)
            self._epoll.register(connection, select.EPOLLIN)
            if number % _WAVE == _WAVE - 1:
                self._read(0)
        while any(viewer.byte_count == 0 for viewer in self._viewers.values()):
            self._read(0.05)
            if time.monotonic() - began > _OPEN_SECONDS:
                raise TimeoutError(f"not all of {count} streams began within {_OPEN_SECONDS:g} s")
        return {"seconds": time.monotonic() - began}

    def watch(self, *, seconds: float) -> dict[str, Any]:
        """Read for a time."""
        before, cpu, end = self._total(), time.process_time(), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._read(min(left, 0.1))
        return {"bytes": self._total() - before, "cpu_seconds": time.process_time() - cpu}

    def close(self) -> dict[str, Any]:
        """Close all and tell what came."""
        viewers = list(self._viewers.values())
        for viewer in viewers:
            viewer.connection.close()
        self._viewers.clear()
        looked_at = [viewer for viewer in viewers if viewer.received is not None]
        return {
            "bytes": sum(viewer.byte_count for viewer in viewers),
            "sample_bytes": sum(viewer.byte_count for viewer in looked_at),
            "closed": sum(not viewer.is_open for viewer in viewers),
            "samples": [arrivals(viewer.received or []) for viewer in looked_at],
        }

    def _total(self) -> int:
        return sum(viewer.byte_count for viewer in self._viewers.values())

    def _read(self, timeout_seconds: float) -> None:
        for descriptor, _ in self._epoll.poll(timeout_seconds):
            viewer = self._viewers[descriptor]
            try:
                length = viewer.connection.recv_into(self._buffer)
            except BlockingIOError:
                continue
            except ConnectionResetError:
                length = 0
            if viewer.received is not None:
                viewer.received.append((time.monotonic_ns(), bytes(self._buffer[:length])))
            viewer.byte_count += length
            if not length:
                viewer.is_open = False
                self._epoll.unregister(descriptor)


def arrivals(received: Sequence[tuple[int, bytes]]) -> list[tuple[int, int]]:
    """
    Find the events in what a viewer received.

    Args:
        received: Time and bytes of each read: an HTTP/1.1 response from its first byte on.

    Returns:
        Event id and the time at which the last byte of its frame came.
    """
    found = []
    text = b""
    for moment, body in _bodies(received):
        text += body.replace(b"\r\n", b"\n")
        *complete, text = text.split(b"\n\n")
        found += [(int(match[1]), moment) for frame in complete if (match := _EVENT_ID.search(frame))]
    return found


def _bodies(received: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Give the decoded body: without the head, the chunks' sizes, and compression."""
    waiting, has_head, inflate = b"", False, None
    for moment, data in received:
        waiting += data
        if not has_head:
            head, separator, rest = waiting.partition(b"\r\n\r\n")
            if not separator:
                continue
            has_head, waiting = True, rest
            inflate = zlib.decompressobj(31) if b"content-encoding: gzip" in head.lower() else None
        body, waiting = _unchunk(waiting)
        if body:
            yield moment, inflate.decompress(body) if inflate else body


def _unchunk(data: bytes) -> tuple[bytes, bytes]:
    """Take the complete chunks; return their content and what is left."""
    content = []
    place = 0
    while (end := data.find(b"\r\n", place)) >= 0:
        size = int(data[place:end].partition(b";")[0], 16)
        if len(data) < end + 2 + size + 2:
            break
        content.append(data[end + 2 : end + 2 + size])
        place = end + 2 + size + 2
    return b"".join(content), data[place:]


def main() -> None:
    """Answer commands; between them everything that comes is read, so that no server is held up by us."""
    viewers = Viewers()
    answers: dict[str, Callable[..., dict[str, Any]]] = {
        "open": viewers.open,
        "watch": viewers.watch,
        "close": viewers.close,
    }
    print(json.dumps({"ready": True}), flush=True)
    waiting = b""
    os.set_blocking(sys.stdin.fileno(), False)
    while True:
        viewers.watch(seconds=0.01)
        with contextlib.suppress(BlockingIOError):
            if not (data := os.read(sys.stdin.fileno(), 65536)):
                return
            waiting += data
        *lines, waiting = waiting.split(b"\n")
        for line in lines:
            command = json.loads(line)
            print(json.dumps(answers[command.pop("do")](**command)), flush=True)


if __name__ == "__main__":
    main()
