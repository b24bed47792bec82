"""
A viewer that follows its part of a schedule over real sockets, and keeps its ledger.

It reads with its own hands rather than with a client library: so it can read as little as it likes, and leave in the
middle of a frame.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools

from benchmarks.ledger import Ledger
from benchmarks.schedules import Connection
from streaming.protocol import resume
from streaming.protocol.frames import Frame, FrameParser

#: The kernel's buffer of a slow viewer, so that it is slow for the server, too.
_SMALL_BUFFER = 65_536
_AT_ONCE = 65_536


@dataclass(slots=True)
class Tally:
    """What a viewer did."""

    connections: int = 0
    cuts: int = 0
    #: Cuts with a part of a frame in hand.
    cuts_inside_a_frame: int = 0
    #: Streams that the server ended before the session's end.
    early_ends: int = 0


class _Response:
    """One response, taken apart as its bytes come."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        #: Whether the headers are here.
        self.has_begun = False
        #: Whether all of it is here.
        self.is_complete = False
        self.body_bytes = 0
        #: Bytes of the text after its last frame.
        self.rest_bytes = 0
        self._new_frames: list[Frame] = []
        self._http = httptools.HttpResponseParser(self)
        self._inflate = zlib.decompressobj(31)
        self._frames = FrameParser()

    @property
    def status(self) -> int:
        """Its status."""
        return self._http.get_status_code()

    @property
    def is_whole(self) -> bool:
        """Whether a deflated body was one member with the right checksum and length."""
        return self.headers.get("content-encoding") != "gzip" or (self._inflate.eof and not self._inflate.unused_data)

    def feed(self, chunk: bytes) -> None:
        """Take bytes."""
        self._http.feed_data(chunk)

    def take_frames(self) -> list[Frame]:
        """Return the frames that came since the last call."""
        taken, self._new_frames = self._new_frames, []
        return taken

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        self.headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        self.has_begun = True

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self.body_bytes += len(body)
        text = self._inflate.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
        self._new_frames += self._frames.feed(text)
        end = text.rfind(b"\n\n")
        self.rest_bytes = self.rest_bytes + len(text) if end < 0 else len(text) - end - 2

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self.is_complete = True


class Viewer:
    """Watch one session to its end."""

    def __init__(self, bases: Sequence[str], session_id: str, ledger: Ledger) -> None:
        """
        Watch nothing yet.

        Args:
            bases: Addresses of web processes, any of which serves the session.
            session_id: Which session.
            ledger: Where to write what came.
        """
        self.tally = Tally()
        self.ledger = ledger
        self._bases = bases
        self._path = f"/api/backtest/{session_id}/stream"

    async def watch(self, connections: Sequence[Connection]) -> None:
        """Follow connections, then come back until the session's end is seen."""
        for connection in connections:
            await self._follow(connection)
            if self.ledger.has_ended:
                return
        while not self.ledger.has_ended:
            await self._follow(Connection(is_gzip=connections[-1].is_gzip))

    async def _follow(self, connection: Connection) -> None:
        await asyncio.sleep(connection.away_seconds)
        self.tally.connections += 1
        line = socket.socket()
        line.setblocking(False)
        if connection.slow_seconds or connection.stall_seconds:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        try:
            await self._ask(line, connection)
            await self._read(line, connection)
        finally:
            if connection.is_reset:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            line.close()

    async def _ask(self, line: socket.socket, connection: Connection) -> None:
        address = urlsplit(self._bases[connection.process % len(self._bases)])
        header, query = self._cursors(connection)
        values = [f"last_event_id={query}"] if query is not None else []
        values += ["on_lag=skip"] if connection.skips else []
        lines = [f"GET {self._path}{'?' if values else ''}{'&'.join(values)} HTTP/1.1", f"Host: {address.netloc}"]
        lines += [f"Accept-Encoding: {'gzip' if connection.is_gzip else 'identity'}"]
        lines += [f"Last-Event-ID: {header}"] if header is not None else []
        loop = asyncio.get_running_loop()
        await loop.sock_connect(line, (address.hostname, address.port))
        await loop.sock_sendall(line, ("\r\n".join(lines) + "\r\n\r\n").encode())

    def _cursors(self, connection: Connection) -> tuple[str | None, str | None]:
        """Return header and query."""
        cursor = self.ledger.cursor
        if connection.cursor_by == "unusable":
            return connection.unusable, None
        if cursor is None or connection.cursor_by == "none":
            return None, None
        if connection.cursor_by == "query":
            return None, str(cursor)
        if connection.cursor_by == "both":
            return str(cursor), str(cursor // 2)
        if connection.cursor_by == "older":
            return str(max(0, cursor - connection.older_by)), None
        return str(cursor), None

    async def _read(self, line: socket.socket, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        response = _Response()
        has_begun = has_stalled = False
        slow_until = time.monotonic() + connection.slow_seconds
        while not response.is_complete:
            is_slow = time.monotonic() < slow_until
            chunk = await loop.sock_recv(line, _limit(connection, response, is_slow=is_slow))
            if not chunk:
                raise ConnectionError("the server cut the line")
            response.feed(chunk)
            if response.has_begun and not has_begun:
                has_begun = True
                self._begin(response, connection)
            for frame in response.take_frames():
                self.ledger.take(frame)
            if connection.cut_after_bytes is not None and response.body_bytes >= connection.cut_after_bytes:
                self.tally.cuts += 1
                self.tally.cuts_inside_a_frame += bool(response.rest_bytes)
                return
            if is_slow:
                await asyncio.sleep(connection.rest_seconds)
            if connection.stall_seconds and not has_stalled:
                has_stalled = True
                await asyncio.sleep(connection.stall_seconds)
        self._end(response)

    def _begin(self, response: _Response, connection: Connection) -> None:
        if response.status != 200:
            raise ConnectionError(f"the server answered with status {response.status}")
        mode, _, head = response.headers["x-backtest-stream"].partition("; head=")
        header, query = self._cursors(connection)
        is_usable = connection.cursor_by != "unusable"
        cursor = resume.choose_cursor(header=header, query=query) if is_usable else None
        self.ledger.connect(cursor, mode=mode, head=int(head), skips=connection.skips)

    def _end(self, response: _Response) -> None:
        if not response.is_whole:
            self.ledger.faults.append("the stream was no whole gzip member")
        self.tally.early_ends += not self.ledger.has_ended


def _limit(connection: Connection, response: _Response, *, is_slow: bool) -> int:
    """Say how many bytes to read at once."""
    limit = connection.bytes_at_once if is_slow or not connection.slow_seconds else _AT_ONCE
    if connection.cut_after_bytes is None:
        return limit
    # The last read ends where the cut is, as far as the body's bytes go.
    return max(1, min(limit, connection.cut_after_bytes - response.body_bytes))
