"""A viewer at its own pace: one whose connection does not take what is sent, under our handler and under Django's."""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler

from strategies.models import BacktestSession
from streaming import relay, viewer
from streaming.protocol.frames import FrameParser
from streaming.shared_reads import SharedReads
from streaming.sse_event_emitter import SSEEvent
from streaming.stream_handler import StreamHandler
from tests import sessions


@pytest.fixture
def events(session: BacktestSession) -> list[SSEEvent]:
    """Return all 313 events of the session; its log holds the first five."""
    found = sessions.events_of(session)
    sessions.publish(session, found[:5])
    return found


class Connection:
    """An ASGI server's side of one stream, whose line can be blocked."""

    def __init__(self, session: BacktestSession) -> None:
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": f"/api/backtest/{session.session_id}/stream",
            "query_string": b"last_event_id=4",
            "headers": [(b"host", b"localhost")],
        }
        self.is_free = asyncio.Event()
        self.is_free.set()
        self.is_blocked = asyncio.Event()
        self.body = b""
        self._has_more = asyncio.Event()
        self._requests = [{"type": "http.request"}]

    async def receive(self) -> Mapping[str, Any]:
        """Give the request, then wait for ever: the viewer stays."""
        if self._requests:
            return self._requests.pop()
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def send(self, message: Mapping[str, Any]) -> None:
        """Take a message, as soon as the line is free."""
        if not self.is_free.is_set():
            self.is_blocked.set()
            await self.is_free.wait()
        self.body += message.get("body", b"")
        self._has_more.set()

    async def wait_for(self, text: bytes) -> None:
        """Wait until something was sent."""
        async with asyncio.timeout(20):
            while text not in self.body:
                self._has_more.clear()
                await self._has_more.wait()

    @property
    def ids(self) -> list[int]:
        """The events that were sent."""
        return [int(frame.last_event_id) for frame in FrameParser().feed(self.body)]


@pytest.mark.parametrize("handler", [StreamHandler, ASGIHandler])
def test_a_viewer_whose_line_is_blocked_goes_on_where_it_stood_s8_s14(
    session: BacktestSession,
    events: list[SSEEvent],
    monkeypatch: pytest.MonkeyPatch,
    handler: Callable[[], ASGIHandler],
) -> None:
    # So small that the viewer has to read the log when it goes on.
    monkeypatch.setattr(relay, "RING_EVENTS", 10)
    monkeypatch.setattr(viewer, "EVENTS_PER_READ", 30)

    async def watch() -> Connection:
        connection = Connection(session)
        answering = asyncio.create_task(handler()(connection.scope, connection.receive, connection.send))
        await connection.wait_for(b": open")
        connection.is_free.clear()
        for stop in range(20, len(events) + 20, 20):
            await asyncio.to_thread(sessions.publish, session, events[:stop])
        async with asyncio.timeout(20):
            await connection.is_blocked.wait()
        connection.is_free.set()
        async with asyncio.timeout(20):
            await answering
        return connection

    assert asyncio.run(watch()).ids == list(range(5, 313))


def test_a_line_that_breaks_ends_its_own_stream_and_no_other(
    session: BacktestSession, events: list[SSEEvent], caplog: pytest.LogCaptureFixture
) -> None:
    async def watch() -> list[int]:
        application = StreamHandler()
        broken, sound = Connection(session), Connection(session)
        send = broken.send

        async def break_at_events(message: Mapping[str, Any]) -> None:
            if b"event: " in message.get("body", b""):
                raise OSError("the line is gone")
            await send(message)

        answering = [
            asyncio.create_task(application(broken.scope, broken.receive, break_at_events)),
            asyncio.create_task(application(sound.scope, sound.receive, sound.send)),
        ]
        await broken.wait_for(b": open")
        await sound.wait_for(b": open")
        await asyncio.to_thread(sessions.publish, session, events)
        async with asyncio.timeout(20):
            await asyncio.gather(*answering)
        return sound.ids

    with caplog.at_level(logging.ERROR, logger="streaming.viewer"):
        ids = asyncio.run(watch())

    assert ids == list(range(5, 313))
    assert [record.exc_info[1].args for record in caplog.records if record.exc_info and record.exc_info[1]] == [
        ("the line is gone",)
    ]


def test_who_asks_while_others_are_answered_shares_the_next_answer() -> None:
    asked: list[str] = []
    is_under_way, is_first_let_go = threading.Event(), threading.Event()

    def answer(name: str) -> str:
        asked.append(name)
        if len(asked) == 1:
            is_under_way.set()
            is_first_let_go.wait(timeout=10)
        return f"{name} {len(asked)}"

    async def ask() -> list[str]:
        reads = SharedReads()
        first = asyncio.create_task(reads.read("log", partial(answer, "log")))
        await asyncio.to_thread(is_under_way.wait, 10)
        # The one under way began before these asked: it may not know what they must see.
        others = [asyncio.create_task(reads.read(key, partial(answer, key))) for key in ("log", "log", "head")]
        await asyncio.sleep(0)
        others[0].cancel()
        is_first_let_go.set()
        return await asyncio.gather(first, *others[1:])

    assert asyncio.run(ask()) == ["log 1", "log 2", "head 3"]
    assert asked == ["log", "log", "head"]


def test_an_answer_that_fails_fails_for_those_who_asked_for_it_alone() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    async def ask() -> list[object]:
        reads = SharedReads()
        asking = [reads.read("bad", fail), reads.read("bad", fail), reads.read("good", lambda: "fine")]
        return list(await asyncio.gather(*asking, return_exceptions=True))

    *failed, good = asyncio.run(ask())

    assert [type(error) for error in failed] == [ZeroDivisionError, ZeroDivisionError]
    assert good == "fine"
