"""
The limit: a socket server without any framework that forwards the compressed bytes that our stream forwards.

It knows one request and no permission, no cursor, no slow viewer; what it sends is made before the run.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import cast

import uvloop

from benchmarks.contestants.fan_contest import Contest, Event
from streaming.protocol import frames, segments

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
)


class Viewers(asyncio.Protocol):
    """One connection; all of them stand in one set."""

    open: set[asyncio.Transport] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)
        self._request = b""

    def data_received(self, data: bytes) -> None:
        """Answer a request once it is whole."""
        self._request += data
        if self._request.endswith(b"\r\n\r\n"):
            self._transport.write(_HEAD + chunk(segments.GzipMember().open()))
            self.open.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self.open.discard(self._transport)


def chunk(body: bytes) -> bytes:
    """Frame a piece of an HTTP/1.1 body."""
    return b"%x\r\n%b\r\n" % (len(body), body)


class Blocks:
    """What is sent, by its first event."""

    def __init__(self) -> None:
        self._ready: dict[int, bytes] = {}

    def prepare(self, batches: list[list[Event]]) -> None:
        """Compress as the log's writer does."""
        encoder = segments.SegmentEncoder()
        for batch in batches:
            encoded = [
                (event.event_id, frames.encode_frame(event.event_type, event.text.encode(), event.event_id))
                for event in batch
            ]
            self._ready[batch[0].event_id] = chunk(b"".join(block.body for block in encoder.add(encoded)))

    async def publish(self, batch: list[Event]) -> None:
        """Write to all."""
        ready = self._ready[batch[0].event_id]
        for transport in Viewers.open:
            transport.write(ready)


async def main() -> None:
    """Serve."""
    blocks = Blocks()
    server = await asyncio.get_running_loop().create_server(Viewers, "127.0.0.1", 0, backlog=2048)
    contest = Contest(blocks.publish, blocks.prepare)
    await contest.serve(port=server.sockets[0].getsockname()[1], version=f"uvloop {version('uvloop')}")
    server.close()


if __name__ == "__main__":
    uvloop.run(main())
