"""
The relay: one reader of the event log for all viewers of a web process.

It listens on a connection of its own for committed batches and reads the new blocks of a watched session once, however
many watch it. The blocks go into the ring of the session's `Feed`, bounded in events and bytes. A viewer is a cursor
into the ring: nobody queues for it, and one that falls out of the ring reads the log itself, at its own pace.

Notifications are a hint and may be lost while the connection is; the heads of watched sessions are therefore polled as
well, and after a lost connection everything watched is read again. A relay belongs to one event loop and lives as long
as somebody watches.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

import psycopg
from django.db import connections

from streaming import event_log, meters
from streaming.cohort import MOST_MEMBERS, Cohorts
from streaming.counts import counts
from streaming.models import EventBlock, SessionLog
from streaming.ring import LogBlock, Ring

logger = logging.getLogger(__name__)

#: What a ring holds at most.
RING_EVENTS: Final = 2048
RING_BYTES: Final = 8 * 1024 * 1024
#: How often heads are looked up without a notification.
POLL_SECONDS: Final = 1.0
#: What comes so soon after other events waits that long for company: each delivery costs something for each viewer.
PAUSE_SECONDS: Final = 0.02
#: Blocks that are read at once; up to 64 events each.
_BLOCKS_PER_READ: Final = 8
_RECONNECT_SECONDS: Final = (0.2, 1.0)

Frames = Sequence[tuple[int, bytes]]

# The last column tells how old the newest batch is, by the one clock that wrote its time down.
_READ_FROM: Final = f"""
    SELECT {event_log.BLOCK_COLUMNS}, extract(epoch FROM clock_timestamp() - l.written_at)::float8
    FROM {event_log.BLOCK_SOURCE}
    WHERE b.session_id = %(session)s AND b.last_event_id > %(head)s AND b.first_event_id >= coalesce((
        SELECT max(first_event_id) FROM {EventBlock._meta.db_table} WHERE session_id = %(session)s AND %(start)s), 0)
    ORDER BY b.first_event_id LIMIT %(limit)s
"""
_READ_NEWEST: Final = _READ_FROM.replace("%(start)s", "starts_segment")
# The row that follows may begin before the head: one that was made of several meanwhile.
_READ_ON: Final = _READ_FROM.replace("%(start)s", "first_event_id <= %(head)s + 1")
_READ_HEADS: Final = (
    f"SELECT session_id, head FROM {SessionLog._meta.db_table} WHERE session_id = ANY(%s) AND head IS NOT NULL"
)


class Watcher(Protocol):
    """An open stream."""

    def push(self, now: float) -> None:
        """Send what is new, without waiting; `now` is a time of `time.monotonic`."""


class Feed:
    """What is new of one session."""

    def __init__(self, session_pk: int) -> None:
        self.session_pk = session_pk
        #: The newest event that a notification or a poll told of.
        self.announced_head = -1
        self.watchers = 0
        #: Called with all new frames before viewers wake up; by name, so that each is there once.
        self.listeners: dict[str, Callable[[Frames], None]] = {}
        #: Set when the newest segment of the log is here, or is known to be missing.
        self.is_ready = asyncio.Event()
        #: The newest blocks.
        self.ring = Ring()
        #: Open streams that are sent what is new: each by itself, and those that stand alike together.
        self.viewers: set[Watcher] = set()
        self.cohorts = Cohorts()
        #: Set where the pump should look at the log.
        self.is_due = asyncio.Event()

    @property
    def head(self) -> int:
        """The newest event here; -1 before the first."""
        return self.ring.head

    def announce(self, head: int) -> None:
        """Hear that the log reaches up to an event."""
        if head > self.announced_head:
            self.announced_head = head
        if head > self.head:
            self.is_due.set()

    def add(self, blocks: Sequence[LogBlock]) -> None:
        """Take blocks of the log that follow those before."""
        before = self.ring.head
        for block in blocks:
            if not self.ring.add(block):
                logger.error("Events up to %d of session %d do not follow.", block.last_event_id, self.session_pk)
        if self.ring.head == before:
            return
        if self.listeners:
            frames = self.ring.frames_after(before)
            for listener in tuple(self.listeners.values()):
                listener(frames)
        self.ring.drop_oldest(max_events=RING_EVENTS, max_bytes=RING_BYTES)

    async def deliver(self) -> None:
        """Send all viewers what is new; others get their turn before the last viewer's comes."""
        alone = tuple(self.viewers)
        for cohort in self.cohorts:
            cohort.push(self.ring, time.monotonic())
            await asyncio.sleep(0)
        for start in range(0, len(alone), MOST_MEMBERS):
            now = time.monotonic()
            for viewer in alone[start : start + MOST_MEMBERS]:
                viewer.push(now)
            await asyncio.sleep(0)
        self.cohorts.gather()


class Relay:
    """Feeds of the watched sessions, kept up to date in one event loop."""

    def __init__(self) -> None:
        self._feeds: dict[int, Feed] = {}
        self._pumps: dict[int, asyncio.Task[None]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._reader: psycopg.AsyncConnection[Any] | None = None
        self._reading = asyncio.Lock()
        #: Cancelled, and perhaps not at their end yet.
        self._ending: set[asyncio.Task[None]] = set()
        #: Rows read so far; a test sees by it that viewers share.
        self.reads = 0
        #: Whether notifications are heard, and when the log was last reached, a time of `time.monotonic`.
        self.is_listening = False
        self.reached_at = time.monotonic()

    @property
    def feeds(self) -> Sequence[Feed]:
        """The feeds that somebody watches."""
        return tuple(self._feeds.values())

    @contextlib.asynccontextmanager
    async def watch(self, session_pk: int) -> AsyncIterator[Feed]:
        """Share the session's feed while the block runs. It holds the newest segment, or will in a moment."""
        feed = self._feeds.get(session_pk)
        if feed is None:
            feed = self._feeds[session_pk] = Feed(session_pk)
            feed.is_due.set()
            self._pumps[session_pk] = asyncio.create_task(self._pump(feed), name=f"feed of session {session_pk}")
        if self._listening is None:
            self.reached_at = time.monotonic()
            # A context of its own: what the first viewer's request has bound to its log lines is not the relay's.
            task = self._listen_for_ever()
            self._listening = asyncio.create_task(task, name="relay", context=contextvars.Context())
        feed.watchers += 1
        try:
            yield feed
        finally:
            feed.watchers -= 1
            if not feed.watchers:
                self._forget(feed)

    def _forget(self, feed: Feed) -> None:
        # Out of the tables first: whoever comes while the tasks end starts afresh.
        del self._feeds[feed.session_pk]
        self._end(self._pumps.pop(feed.session_pk))
        if self._feeds or self._listening is None:
            return
        self._end(self._listening)
        self._listening, reader, self._reader = None, self._reader, None
        if reader is not None:
            # A viewer that is being cancelled must not wait here; this ends by itself.
            closing = asyncio.create_task(_close_after(tuple(self._ending), reader))
            self._ending.add(closing)
            closing.add_done_callback(self._ending.discard)

    def _end(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _pump(self, feed: Feed) -> None:
        """Read the session's new blocks whenever there are some."""
        while True:
            await feed.is_due.wait()
            feed.is_due.clear()
            try:
                await self._read_all(feed)
                feed.is_ready.set()
                if feed.viewers or feed.cohorts:
                    await asyncio.sleep(PAUSE_SECONDS)
            except (psycopg.Error, OSError) as error:
                counts.relay_failures += 1
                logger.warning("Reading the log of session %d failed, trying again: %s", feed.session_pk, error)
                await asyncio.sleep(random.uniform(*_RECONNECT_SECONDS))
                feed.is_due.set()

    async def _read_all(self, feed: Feed) -> None:
        while True:
            blocks = await self._read_blocks(feed)
            feed.add(blocks)
            await feed.deliver()
            if len(blocks) < _BLOCKS_PER_READ:
                return
            await asyncio.sleep(0)

    async def _read_blocks(self, feed: Feed) -> list[LogBlock]:
        values = {"session": feed.session_pk, "head": feed.head, "limit": _BLOCKS_PER_READ}
        async with self._reading:
            if self._reader is None or self._reader.closed:
                self._reader = await _connect()
            self.reads += 1
            cursor = await self._reader.execute(_READ_NEWEST if feed.head < 0 else _READ_ON, values, binary=True)
            rows = await cursor.fetchall()
        self.reached_at = time.monotonic()
        # What a feed begins with was written at any time before, and where more is to be read the newest is not here.
        if rows and feed.head >= 0 and len(rows) < _BLOCKS_PER_READ and rows[-1][-1] is not None:
            meters.relay_lag.observe(rows[-1][-1])
        return [LogBlock._make(row[:-1]) for row in rows]

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                counts.relay_failures += 1
                logger.warning("The relay lost its database connection, connecting again: %s", error)
            await asyncio.sleep(random.uniform(*_RECONNECT_SECONDS))

    async def _listen(self) -> None:
        listening = await _connect()
        try:
            await listening.execute(f"LISTEN {event_log.NOTIFY_CHANNEL}")
            self.is_listening = True
            # Whatever was announced before this moment was not heard.
            await self._poll(listening)
            while True:
                async for notification in listening.notifies(timeout=POLL_SECONDS):
                    self._hear(notification.payload)
                await self._poll(listening)
        finally:
            self.is_listening = False
            await _close(listening)

    def _hear(self, payload: str) -> None:
        session_pk, _, head = payload.partition(":")
        if session_pk.isdigit() and head.isdigit() and (feed := self._feeds.get(int(session_pk))) is not None:
            feed.announce(int(head))

    async def _poll(self, reading: psycopg.AsyncConnection[Any]) -> None:
        if not self._feeds:
            return
        cursor = await reading.execute(_READ_HEADS, [list(self._feeds)])
        self.reached_at = time.monotonic()
        for session_pk, head in await cursor.fetchall():
            if (feed := self._feeds.get(session_pk)) is not None:
                feed.announce(head)


_relays: WeakKeyDictionary[asyncio.AbstractEventLoop, Relay] = WeakKeyDictionary()


def get_relay() -> Relay:
    """Return the relay of the running event loop."""
    loop = asyncio.get_running_loop()
    relay = _relays.get(loop)
    if relay is None:
        relay = _relays[loop] = Relay()
    return relay


async def _connect() -> psycopg.AsyncConnection[Any]:
    """Open a connection of the relay's own: Django's belong to threads and end with their requests."""
    parameters = connections["default"].get_connection_params()
    for of_django_alone in ("cursor_factory", "context", "prepare_threshold", "server_side_binding", "isolation_level"):
        parameters.pop(of_django_alone, None)
    return await psycopg.AsyncConnection.connect(**parameters, autocommit=True)


async def _close_after(tasks: Sequence[asyncio.Task[None]], connection: psycopg.AsyncConnection[Any]) -> None:
    """Close a connection when nobody waits for it any more: its descriptor may be another's the moment after."""
    await asyncio.gather(*tasks, return_exceptions=True)
    await _close(connection)


async def _close(connection: psycopg.AsyncConnection[Any]) -> None:
    with contextlib.suppress(psycopg.Error, OSError):
        await connection.close()
