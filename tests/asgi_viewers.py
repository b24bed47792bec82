"""
Viewers without a network: the application is called as a server calls it, and each chunk waits until it is read.

So a test decides, step by step and in one event loop, what a viewer reads, how far behind it stays and when it leaves.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from benchmarks.ledger import Ledger, Truth
from streaming.protocol.frames import Frame, FrameParser

#: ASGI's own types are unions of all protocols.
Application = Callable[[Any, Any, Any], Coroutine[Any, Any, None]]


class AsgiViewer:
    """One connection; make it inside the loop that runs it."""

    def __init__(self, application: Application, path: str, *, query: str = "", headers: Mapping[str, str]) -> None:
        """Ask for a path; nothing is read yet."""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.frames: list[Frame] = []
        #: What came, decoded.
        self.text = b""
        #: Whether the server ended the stream.
        self.was_ended = False
        self._may_read = 0
        self._is_let = asyncio.Event()
        self._has_left = asyncio.Event()
        self._was_asked = False
        self._inflate = zlib.decompressobj(31)
        self._parser = FrameParser()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"localhost")]
            + [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        self._task = asyncio.create_task(application(scope, self._receive, self._send))

    @property
    def is_open(self) -> bool:
        """Whether the connection is there."""
        return not self._task.done()

    @property
    def is_whole(self) -> bool:
        """Whether a deflated stream was one gzip member with the right checksum and length."""
        return self.headers.get("content-encoding") != "gzip" or (self._inflate.eof and not self._inflate.unused_data)

    def read(self, chunks: int) -> None:
        """Let so many more chunks through."""
        self._may_read += chunks
        self._is_let.set()

    async def until(self, is_true: Callable[[], bool], *, within_seconds: float = 10.0) -> None:
        """Run until a condition holds, or the stream is over."""
        deadline = time.monotonic() + within_seconds
        while not is_true() and self.is_open:
            assert time.monotonic() < deadline, (
                f"a viewer waits, {len(self.frames)} frames, last {self.frames[-1:]!r:.99}"
            )
            await asyncio.sleep(0.001)
        if self._task.done():
            # What went wrong inside the application is the test's failure.
            self._task.result()

    async def leave(self) -> None:
        """Cut the line, wherever it is."""
        self._has_left.set()
        await asyncio.wait([self._task])

    async def _receive(self) -> Any:  # noqa: ANN401
        if not self._was_asked:
            self._was_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._has_left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:  # noqa: ANN401
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            return
        body = message.get("body", b"")
        while body and self._may_read <= 0:
            self._is_let.clear()
            await self._is_let.wait()
        self._may_read -= bool(body)
        text = self._inflate.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
        self.text += text
        self.frames += self._parser.feed(text)
        self.was_ended = not message.get("more_body", False)


class Watcher:
    """A viewer through all its connections, with its ledger."""

    def __init__(self, truth: Truth) -> None:
        self.ledger = Ledger(truth)
        #: None while it is away.
        self.line: AsgiViewer | None = None
        self._taken = 0

    def open(self, line: AsgiViewer) -> None:
        """Begin a connection."""
        self.line, self._taken = line, 0

    def take(self) -> None:
        """Write into the ledger what came."""
        if self.line is not None:
            for frame in self.line.frames[self._taken :]:
                self.ledger.take(frame)
            self._taken = len(self.line.frames)
