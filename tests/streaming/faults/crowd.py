"""Very many viewers in one thread: each a bare connection, with as little work as can be."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import h11

from streaming.protocol.frames import Frame, FrameParser

_READ_BYTES = 65_536
_LONGEST_SECONDS = 120.0

Result = TypeVar("Result")


class Loop:
    """An event loop in a thread of its own: the tests' own thread may have one already, of a browser."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="crowd", daemon=True)
        self._thread.start()

    def run(self, *work: Coroutine[Any, Any, Result]) -> list[Result]:
        """Do some things at once and wait for all of them."""
        return asyncio.run_coroutine_threadsafe(_all(work), self._loop).result(timeout=_LONGEST_SECONDS)

    def close(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()


async def _all(work: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
    return list(await asyncio.gather(*work))


@dataclass
class Viewer:
    """One of them."""

    base: str
    session_id: str
    query: str = ""
    frames: list[Frame] = field(default_factory=list)

    @property
    def ids(self) -> list[int]:
        """The event ids in the order in which they came."""
        return [int(frame.last_event_id) for frame in self.frames]

    async def connect(self) -> None:
        """Open the line, from the last event on, and read the answer's head."""
        address = urlsplit(self.base)
        line = socket.socket()
        # Small, so that a viewer that does not read is not read for by the system.
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, (address.hostname, address.port))
        self._reader, self._writer = await asyncio.open_connection(sock=line, limit=_READ_BYTES)
        self._http, self._parser = h11.Connection(h11.CLIENT), FrameParser()
        headers = [("Host", address.netloc)]
        if self.frames:
            headers.append(("Last-Event-ID", self.frames[-1].last_event_id))
        target = f"/api/backtest/{self.session_id}/stream{self.query}"
        self._writer.write(self._http.send(h11.Request(method="GET", target=target, headers=headers)) or b"")
        self._writer.write(self._http.send(h11.EndOfMessage()) or b"")
        answer = await self._next()
        assert isinstance(answer, h11.Response)
        assert answer.status_code == 200

    async def read_until(self, event_id: int | None = None) -> None:
        """Read until an event is here, or until the stream ends."""
        while event_id is None or not self.frames or int(self.frames[-1].last_event_id) < event_id:
            came = await self._next()
            if not isinstance(came, h11.Data):
                break
            self.frames += self._parser.feed(bytes(came.data))

    async def cut(self) -> None:
        """Cut the line without a word."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _next(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(_READ_BYTES))
        return event
