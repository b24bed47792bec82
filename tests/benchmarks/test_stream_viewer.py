"""A viewer of schedules, told a stream over a real socket: what it asks for, where it leaves, what it counts."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from benchmarks.ledger import Ledger, Truth
from benchmarks.schedules import Connection
from benchmarks.stream_viewer import Viewer
from streaming.protocol import json_text, messages, snapshots


def _truth() -> Truth:
    """Return a session without a tick to tell, so that its end follows from its beginning."""
    truth = Truth()
    for number, kind in enumerate(["initial_state", *["trade_update"] * 8, "backtest_complete"]):
        data: dict[str, Any] = {"event_id": number, "session_id": "s"}
        if kind == "trade_update":
            data |= {"trade": {"trade_id": f"t-{number}"}, "summary": {"total_trades": number}}
        else:
            numbers = range(1, number)
            trades = {
                "date": "2024-10-29",
                "summary": {"total_trades": number - 1} if number else {},
                "trades": [{"trade_id": f"t-{one}"} for one in numbers],
            }
            data |= snapshots.snapshot_fields(
                diagnostics=json_text.encode(messages.empty_diagnostics()),
                trades=json_text.encode(trades),
                strategy_id="x",
                start_date="2024-10-29",
                end_date="2024-10-29",
            )
        truth.add({"event": kind, "data": data})
    return truth


class _Server:
    """Answers every request with what comes next in a list; keeps the requests."""

    def __init__(self, answers: Sequence[bytes], *, mode: str = "live; head=-1", is_gzip: bool = False) -> None:
        self.requests: list[str] = []
        self._answers = iter(answers)
        self._mode = mode
        self._is_gzip = is_gzip

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        body = next(self._answers)
        if self._is_gzip:
            deflate = zlib.compressobj(wbits=31)
            body = deflate.compress(body) + deflate.flush()
        encoding = "gzip" if self._is_gzip else "identity"
        head = f"X-Backtest-Stream: {self._mode}\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}"
        writer.write(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + body)
        writer.close()


def _in_a_loop(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    # In a thread: a browser's tests keep a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(work())).result(timeout=30)


def _watch(server: _Server, truth: Truth, *connections: Connection) -> Viewer:
    viewers: list[Viewer] = []

    async def work() -> None:
        listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        viewers.append(Viewer([f"http://127.0.0.1:{port}"], "s", Ledger(truth)))
        async with listening:
            await viewers[0].watch(connections)

    _in_a_loop(work)
    return viewers[0]


@pytest.mark.parametrize("is_gzip", [False, True])
@pytest.mark.parametrize("bytes_at_once", [1, 7, 65_536])
def test_a_true_stream_is_clean_however_it_is_read(is_gzip: bool, bytes_at_once: int) -> None:
    truth = _truth()
    server = _Server([b"".join(truth.frames)], is_gzip=is_gzip)

    viewer = _watch(server, truth, Connection(is_gzip=is_gzip, bytes_at_once=bytes_at_once))

    assert viewer.ledger.faults == []
    assert viewer.ledger.is_clean
    assert viewer.ledger.events == 10


def _doubled(frames: list[bytes]) -> list[bytes]:
    return [*frames[:5], frames[4], *frames[5:]]


def _without_one(frames: list[bytes]) -> list[bytes]:
    return [*frames[:5], *frames[6:]]


def _altered(frames: list[bytes]) -> list[bytes]:
    return [*frames[:5], frames[5].replace(b"t-5", b"t-6"), *frames[6:]]


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [(_doubled, (0, 1, False)), (_without_one, (1, 0, True)), (_altered, (0, 0, True))],
)
def test_a_stream_that_was_spoilt_is_counted(
    spoil: Callable[[list[bytes]], list[bytes]], expected: tuple[int, int, bool]
) -> None:
    truth = _truth()

    ledger = _watch(_Server([b"".join(spoil(truth.frames))]), truth, Connection()).ledger

    assert (ledger.lost, ledger.doubled, bool(ledger.faults)) == expected
    assert not ledger.is_clean


def test_a_stream_with_a_wrong_checksum_is_told() -> None:
    truth = _truth()
    deflate = zlib.compressobj(wbits=-15)
    body = b"".join(truth.frames)
    packed = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + deflate.compress(body) + deflate.flush()

    class _Cut(_Server):
        async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            head = f"X-Backtest-Stream: live; head=-1\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}"
            writer.write(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + packed)
            writer.close()

    ledger = _watch(_Cut([]), truth, Connection(is_gzip=True)).ledger

    assert ledger.faults == ["the stream was no whole gzip member"]


def test_a_viewer_that_is_cut_comes_back_with_what_it_has_seen_whole() -> None:
    truth = _truth()
    in_the_fifth = sum(map(len, truth.frames[:4])) + 20
    server = _Server([b"".join(truth.frames), b"".join(truth.frames[4:])], mode="replay; head=9")

    viewer = _watch(
        server,
        truth,
        Connection(cut_after_bytes=in_the_fifth, is_reset=True),
        Connection(cursor_by="query", skips=True),
    )

    assert (viewer.tally.connections, viewer.tally.cuts, viewer.tally.cuts_inside_a_frame) == (2, 1, 1)
    assert (viewer.ledger.lost, viewer.ledger.doubled) == (0, 0)
    assert server.requests[1].startswith("GET /api/backtest/s/stream?last_event_id=3&on_lag=skip HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("connection", "query", "header"),
    [
        (Connection(cursor_by="header"), "", "3"),
        (Connection(cursor_by="both"), "?last_event_id=1", "3"),
        (Connection(cursor_by="older", older_by=2), "", "1"),
        (Connection(cursor_by="older", older_by=20), "", "0"),
        (Connection(cursor_by="none"), "", None),
        (Connection(cursor_by="unusable", unusable="1e3"), "", "1e3"),
    ],
)
def test_a_viewer_tells_its_cursor_as_it_should(connection: Connection, query: str, header: str | None) -> None:
    truth = _truth()
    server = _Server([b"".join(truth.frames[:4]), b"".join(truth.frames)])

    _watch(server, truth, Connection(), connection)

    first, *lines = server.requests[1].splitlines()
    assert first == f"GET /api/backtest/s/stream{query} HTTP/1.1"
    assert [line for line in lines if line.startswith("Last-Event-ID")] == (
        [] if header is None else [f"Last-Event-ID: {header}"]
    )
