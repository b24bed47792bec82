"""
One open stream: a cursor into the session's feed, and a connection.

What is new is written to all viewers of a session in one go, by the feed, without waking a task for each: to those who
stand alike together (see `cohort`), to the others one by one. That goes as long as the server takes the bytes at once.
A viewer that does not take them, or that needs what the ring does not hold any more, gets a task of its own, which
sends at its pace until it is level with the feed again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Generator, Mapping
from functools import partial
from types import coroutine
from typing import Any, Final, Protocol

from django.db import close_old_connections

from strategies.models import BacktestSession
from streaming import admission, event_log
from streaming.admission import Admission
from streaming.cohort import Cohort
from streaming.counts import counts
from streaming.line import Line, frame_chunk, line_of, write_to_all
from streaming.protocol import frames, resume
from streaming.relay import Feed, get_relay
from streaming.sign_in import SignIn
from streaming.stream_handler import Send
from streaming.stream_records import CloseReason, StreamRecord
from streaming.wire import Private, Wire

logger = logging.getLogger(__name__)

#: Events that a viewer behind the ring reads from the log at once.
EVENTS_PER_READ: Final = 256

_GOODBYE: Final = Private(frames.encode_comment("goodbye, the server stops"))


class Audience(Protocol):
    """Who looks after open streams."""

    def add(self, viewer: Viewer) -> None:
        """Look after a viewer."""

    def discard(self, viewer: Viewer) -> None:
        """Let go of a viewer."""


class Viewer:
    """One open stream."""

    __slots__ = (
        "_audience",
        "_cohort",
        "_cursor",
        "_feed",
        "_first",
        "_is_complete",
        "_is_ending",
        "_line",
        "_over",
        "_own_pace",
        "_response",
        "_sent_at",
        "_skips",
        "_wire",
        "patience_seconds",
        "record",
        "send",
        "session",
        "sign_in",
    )

    def __init__(
        self, admitted: Admission, sign_in: SignIn, audience: Audience, record: StreamRecord, *, skips: bool
    ) -> None:
        self.session: Final = admitted.session
        self.sign_in: Final = sign_in
        #: How the server takes what is sent; None where its handler does not tell (see `stream_handler`).
        self.send: Send | None = None
        self._sent_at = time.monotonic()
        #: How long silence may last from then on.
        self.patience_seconds = 0.0
        #: What is told of the stream, with why it ends.
        self.record: Final = record
        self._first: tuple[bytes, ...] = admitted.chunks
        self._is_complete = admitted.resume.ends_at == admitted.cursor
        self._wire = admitted.wire
        self._cursor = admitted.cursor
        self._audience = audience
        #: Whether it wants a snapshot rather than all events where it is far behind.
        self._skips = skips
        self._feed: Feed | None = None
        #: Sends what is new to all who stand as this one does; None while it goes alone.
        self._cohort: Cohort | None = None
        #: The short way past `send`, where there is one.
        self._line: Line | None = None
        #: Set where nothing more is to be sent but the ending.
        self._over: asyncio.Future[None] | None = None
        #: Whether that is wanted, and waits for the viewer's own pace.
        self._is_ending = False
        #: Sends at the viewer's own pace; None while it takes what comes.
        self._own_pace: asyncio.Task[None] | None = None
        self._response: asyncio.Task[Any] | None = None

    @property
    def sent_at(self) -> float:
        """When something was last sent, a time of `time.monotonic`."""
        return self._sent_at if self._cohort is None else self._cohort.sent_at

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the response, without what the feed sends by itself."""
        for chunk in self._first:
            yield chunk
        self._first = ()
        if self._wire.has_ended or self._is_complete:
            self.record.reason = "finished"
        else:
            async with get_relay().watch(self.session.pk) as feed:
                if self.send is None:
                    async for chunk in self._hand_over(feed):
                        yield chunk
                else:
                    await self._be_fed(feed)
        if self.record.reason == "server_stops":
            yield self._wire.add_private(_GOODBYE)
        if ending := self._wire.close():
            yield ending

    async def _be_fed(self, feed: Feed) -> None:
        """Let the feed send, until the session's last event or until the stream is to end before."""
        assert self.send is not None
        self._feed, self._response, self._line = feed, asyncio.current_task(), line_of(self.send)
        self._over = asyncio.get_running_loop().create_future()
        feed.viewers.add(self)
        self._audience.add(self)
        try:
            self.push(time.monotonic())
            await self._over
        finally:
            self.go_alone()
            feed.viewers.discard(self)
            self._audience.discard(self)
            if self._own_pace is not None:
                self._own_pace.cancel()

    async def _hand_over(self, feed: Feed) -> AsyncIterator[bytes]:
        """Give what the feed sends, where the handler does not tell how to send."""
        passed: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)

        async def send(message: Mapping[str, Any]) -> None:
            await passed.put(message["body"])

        self.send = send
        feeding = asyncio.create_task(self._be_fed(feed))
        # Whoever waits for more hears that there is none.
        feeding.add_done_callback(lambda _: passed.put_nowait(b"") if passed.empty() else None)
        try:
            while not (feeding.done() and passed.empty()):
                if chunk := await passed.get():
                    yield chunk
        finally:
            feeding.cancel()

    # What the feed and the audience call

    def push(self, now: float) -> None:
        """Send what is new, as far as the connection takes it at once."""
        feed = self._feed
        assert feed is not None
        if self._cohort is not None or self._cursor >= feed.head:
            return
        try:
            while self._cursor < feed.head and self._is_ready():
                chunk = self._take(feed)
                if chunk is None:
                    self._go_own_pace(None)
                else:
                    self._write(chunk, now)
        except Exception as error:  # noqa: BLE001 - the other viewers go on
            self._fail(error)
        # One that skips ahead is served otherwise than others as soon as it falls behind.
        if self._line is not None and not self._skips and self._is_ready():
            cohort = feed.cohorts.find(self._wire.stand, self._cursor, now)
            cohort.add(self, self._line)
            self.join(cohort)

    def join(self, cohort: Cohort) -> None:
        """Stand where a cohort stands, and be sent what it is sent, from now on."""
        assert self._feed is not None
        self._feed.viewers.discard(self)
        self._cohort = cohort
        self._wire.join(cohort.tally)

    def go_alone(self) -> None:
        """Leave the cohort, from where it stands."""
        if self._cohort is None:
            return
        assert self._feed is not None
        assert self._line is not None
        self._cohort.discard(self._line)
        self._cursor, self._sent_at, self._cohort = self._cohort.cursor, self._cohort.sent_at, None
        self._wire.leave()
        self._feed.viewers.add(self)

    def show_sign_of_life(self, now: float) -> None:
        """Keep the line alive; one that does not even take its events needs none."""
        try:
            if self._is_ready():
                self.go_alone()
                self._write(self._wire.sign_of_life(), now)
        except Exception as error:  # noqa: BLE001 - the other viewers go on
            self._fail(error)

    def end(self, reason: CloseReason, *, grace_seconds: float) -> None:
        """End the stream; a viewer that does not take its bytes is cut off after a while."""
        if self._over is None or self._over.done() or self._is_ending:
            return
        self.go_alone()
        self.record.reason = reason
        if self._own_pace is None:
            self._over.set_result(None)
            return
        self._is_ending = True
        assert self._response is not None
        asyncio.get_running_loop().call_later(grace_seconds, self._response.cancel)

    # Sending

    def _is_ready(self) -> bool:
        """Tell whether something may be sent now."""
        return self._own_pace is None and self._over is not None and not self._over.done()

    def _take(self, feed: Feed) -> bytes | None:
        """Take what follows the cursor; None where that has to be read first."""
        if self._is_far_behind(feed):
            return None
        taken = self._wire.take(feed.ring, self._cursor)
        if taken is None:
            return None
        self._cursor = taken.last_event_id
        return taken.chunk

    def _is_far_behind(self, feed: Feed) -> bool:
        return self._skips and feed.head - self._cursor >= resume.DEFAULT_LIMIT

    def _write(self, chunk: bytes, now: float) -> None:
        assert self.send is not None
        self._sent_at = now
        if self._line is not None and not write_to_all((self._line,), frame_chunk(chunk)):
            self._end_after_last()
            return
        steps = self.send({"type": "http.response.body", "body": chunk, "more_body": True}).__await__()
        try:
            # As far as it goes without waiting: mostly that is all of it, and no task had to be woken.
            waits_for = next(steps)
        except StopIteration:
            self._end_after_last()
        else:
            self._go_own_pace(_rest_of(steps, waits_for))

    def _go_own_pace(self, sending: Awaitable[None] | None) -> None:
        self._own_pace = asyncio.create_task(self._send_at_own_pace(sending))

    async def _send_at_own_pace(self, sending: Awaitable[None] | None) -> None:
        assert self._feed is not None
        assert self.send is not None
        try:
            if sending is not None:
                await sending
            while self._cursor < self._feed.head and not (self._is_ending or self._wire.has_ended):
                chunk = self._take(self._feed)
                for ready in [chunk] if chunk is not None else await self._read(self._feed):
                    await self.send({"type": "http.response.body", "body": ready, "more_body": True})
        except Exception as error:  # noqa: BLE001 - the database, most likely; the client comes back by itself
            self._fail(error)
            return
        self._own_pace = None
        self._sent_at = time.monotonic()
        if self._is_ending:
            self._set_over(self.record.reason)
        self._end_after_last()

    async def _read(self, feed: Feed) -> list[bytes]:
        """Read what the ring does not have, or a snapshot where the viewer wants to skip ahead."""
        if self._is_far_behind(feed):
            counts.skips_ahead += 1
            chunks, self._cursor = await admission.start_afresh(self.session, self._wire)
        else:
            chunks, self._cursor = await asyncio.to_thread(_read_on, self.session, self._wire, self._cursor)
        if not chunks:
            # Trimmed meanwhile. The client comes back by itself, and is given a snapshot then.
            self.record.reason, self._is_ending = "trimmed", True
        return chunks

    def _end_after_last(self) -> None:
        if self._wire.has_ended:
            self._set_over("finished")

    def _fail(self, error: Exception) -> None:
        logger.error("The stream of session %s failed.", self.session, exc_info=error)
        self._set_over("failed")

    def _set_over(self, reason: CloseReason) -> None:
        if self._over is not None and not self._over.done():
            self.record.reason = reason
            self._over.set_result(None)


def _read_on(session: BacktestSession, wire: Wire, cursor: int) -> tuple[list[bytes], int]:
    """Read what comes after the cursor from the log; return chunks and the last event in them."""
    try:
        ring = event_log.read_blocks(session.pk, after=cursor, limit=EVENTS_PER_READ)
    finally:
        close_old_connections()
    return wire.drain(ring, cursor)


@coroutine
def _rest_of(steps: Generator[Any, Any, None], waits_for: object) -> Generator[Any, Any, None]:
    """Go on with what was begun by hand and waits for something."""
    while True:
        try:
            value = yield waits_for
        except BaseException as error:  # noqa: BLE001 - also that the task is cancelled
            step = partial(steps.throw, error)
        else:
            step = partial(steps.send, value)
        try:
            waits_for = step()
        except StopIteration:
            return
