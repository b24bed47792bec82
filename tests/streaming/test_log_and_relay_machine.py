"""
The log, its writers, the relay and its viewers as one state machine, on a real Postgres.

Whatever the order of batches, batches rolled back, connections that die in a batch, writers that take over, trimming,
notifications lost, viewers that come with any cursor, read a little and leave: after each step the log holds exactly
what was committed, and no viewer was sent anything else.
"""

import asyncio
import contextlib
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings as django_settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django.fixtures import Settings

from backtest_site.asgi import application
from benchmarks.ledger import Truth
from strategies.models import BacktestSession
from streaming import event_log, relay, snapshot_cache
from streaming.event_log import LogWriter
from streaming.models import EventBlock
from streaming.protocol import json_text, segments
from streaming.sse_event_emitter import EncodedEvent, SSEEvent
from tests import log_faults, sessions
from tests.asgi_viewers import AsgiViewer, Watcher

_LIMIT = 100
_UNUSABLE = ("abc", "-1", "1.5", "999999", "99999999999999999999")


class _RolledBack(Exception):
    """What a test's transaction fails with."""


class LogAndViewers(RuleBasedStateMachine):
    """One session at a time, always the same events."""

    events: list[SSEEvent]
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.session = BacktestSession.objects.filter(session_id="machine").first() or sessions.create_session(
            session_id="machine"
        )
        self.truth = Truth()
        self.writer: LogWriter | None = None
        #: Writers that another one came after.
        self.overtaken: list[LogWriter] = []
        self.oldest = 0
        self.watchers: list[Watcher] = []

    @initialize(keep_events=st.sampled_from([0, 1, 70]))
    def begin(self, keep_events: int) -> None:
        """Begin a session; its writers keep all events or a few."""
        django_settings.EVENT_LOG_MAX_EVENTS = keep_events

    @property
    def head(self) -> int:
        """The last event that was committed; -1 for none."""
        return self.truth.head

    @property
    def is_finished(self) -> bool:
        """Whether that was the session's last."""
        return self.head == len(self.events) - 1

    def _is_running(self) -> bool:
        return not self.is_finished

    # Writing

    @precondition(_is_running)
    @rule(sizes=st.lists(st.integers(1, 90), min_size=1, max_size=4))
    def write(self, sizes: list[int]) -> None:
        """A writer goes on, or a new one takes over and goes on, in batches."""
        for size in sizes:
            if batch := self._next(size):
                with transaction.atomic():
                    self._ready_writer().append(batch)
                self._commit(len(batch))

    @precondition(_is_running)
    @rule(count=st.integers(1, 120))
    def run_again(self, count: int) -> None:
        """A worker dies unseen, and another one reruns the session from its first event, a little further."""
        count = len(self._next(count))
        self._let_go_of_writer()
        sessions.publish(self.session, self.events[: self.head + 1 + count])
        self._commit(count)

    @precondition(_is_running)
    @rule(size=st.integers(1, 90))
    def roll_back(self, size: int) -> None:
        """A transaction fails after its batch; its writer is not used again."""
        batch = self._next(size)
        with contextlib.suppress(_RolledBack), transaction.atomic():
            self._ready_writer().append(batch)
            raise _RolledBack
        self.writer = None

    @precondition(_is_running)
    @rule(size=st.integers(1, 90))
    def lose_the_connection_in_a_batch(self, size: int) -> None:
        """The writer's connection ends before the batch is committed."""
        batch, writer = self._next(size), self._ready_writer()
        with pytest.raises(DatabaseError):
            log_faults.append_and_lose_the_connection(writer, batch)
        connection.close()
        self.writer = None

    @precondition(lambda self: self._is_running() and self.overtaken)
    @rule(size=st.integers(1, 90))
    def write_with_an_overtaken_writer(self, size: int) -> None:
        """A writer that lost its lock without knowing is refused."""
        writer = self.overtaken.pop()
        first = 0 if writer.head is None else writer.head + 1
        batch = [sessions.encoded(event) for event in self.events[first : first + size]]
        with pytest.raises((event_log.LogError, IntegrityError)), transaction.atomic():
            writer.append(batch)

    @precondition(lambda self: self.head >= 0)
    @rule(keep_events=st.integers(1, 200))
    def trim(self, keep_events: int) -> None:
        """Somebody drops old events."""
        event_log.trim(self.session.pk, keep_events=keep_events)
        self._look_at_the_tail(keep_events)

    def _next(self, size: int) -> list[EncodedEvent]:
        return [sessions.encoded(event) for event in self.events[self.head + 1 : self.head + 1 + size]]

    def _ready_writer(self) -> LogWriter:
        if self.writer is None:
            self.writer = LogWriter(self.session.pk)
        return self.writer

    def _let_go_of_writer(self) -> None:
        if self.writer is not None:
            self.overtaken.append(self.writer)
        self.writer = None

    def _commit(self, count: int) -> None:
        for event in self.events[self.head + 1 : self.head + 1 + count]:
            self.truth.add(event)
        self.session.refresh_from_db()
        self._look_at_the_tail(django_settings.EVENT_LOG_MAX_EVENTS or self.head + 1)

    def _look_at_the_tail(self, keep_events: int) -> None:
        """S10: note how much is left, which may not be less than was to be kept."""
        oldest = event_log.read_state(self.session.pk).oldest_event_id
        assert self.oldest <= oldest <= max(self.oldest, self.head + 1 - keep_events)
        self.oldest = oldest

    # Watching

    @rule(
        cursor=st.one_of(st.none(), st.integers(-120, 30), st.sampled_from(_UNUSABLE)),
        is_gzip=st.booleans(),
        skips=st.booleans(),
    )
    def connect(self, cursor: int | str | None, is_gzip: bool, skips: bool) -> None:
        """A viewer comes: with no cursor, with one that many events before or after the head, or with nonsense."""
        told = str(max(0, self.head + cursor)) if isinstance(cursor, int) else cursor
        known = int(told) if told is not None and told.isdigit() and int(told) <= self.head else None
        watcher = Watcher(self.truth)
        if known is not None:
            watcher.ledger.state = self.truth.viewer_state(known)
        self.watchers.append(watcher)
        self._connect(watcher, told, is_gzip=is_gzip, skips=skips)

    @precondition(lambda self: any(watcher.line is None for watcher in self.watchers))
    @rule(is_gzip=st.booleans(), skips=st.booleans())
    def come_back(self, is_gzip: bool, skips: bool) -> None:
        """A viewer that was cut comes back with the last event that it has."""
        watcher = next(watcher for watcher in self.watchers if watcher.line is None)
        if not watcher.ledger.has_ended:
            cursor = watcher.ledger.cursor
            self._connect(watcher, None if cursor is None else str(cursor), is_gzip=is_gzip, skips=skips)

    @precondition(lambda self: any(watcher.line for watcher in self.watchers))
    @rule(chunks=st.integers(0, 3), data=st.data())
    def read_a_little(self, chunks: int, data: st.DataObject) -> None:
        """A viewer reads a few chunks, as far as they come."""
        watcher = data.draw(st.sampled_from([watcher for watcher in self.watchers if watcher.line]))
        assert watcher.line is not None
        watcher.line.read(chunks)
        self.loop.run_until_complete(asyncio.sleep(0.004))
        watcher.take()

    @precondition(lambda self: any(watcher.line for watcher in self.watchers))
    @rule()
    def read_everything(self) -> None:
        """All viewers read on until they have what the log has."""
        for watcher in self.watchers:
            if watcher.line is not None:
                self._read_to_head(watcher)

    @precondition(lambda self: any(watcher.line for watcher in self.watchers))
    @rule(data=st.data())
    def cut(self, data: st.DataObject) -> None:
        """A viewer's line is cut."""
        watcher = data.draw(st.sampled_from([watcher for watcher in self.watchers if watcher.line]))
        self._cut(watcher)

    @rule()
    def lose_notifications(self) -> None:
        """The relay's connections end; what is committed until it is back is announced to nobody."""
        log_faults.end_connections(but_pid=log_faults.own_pid())

    def _connect(self, watcher: Watcher, cursor: str | None, *, is_gzip: bool, skips: bool) -> None:
        headers = {"Accept-Encoding": "gzip" if is_gzip else "identity"}
        headers |= {} if cursor is None else {"Last-Event-ID": cursor}
        known = int(cursor) if cursor is not None and cursor.isdigit() and int(cursor) <= self.head else None
        line = self.loop.run_until_complete(self._open(headers, "on_lag=skip" if skips else ""))
        status, mode = self._expected(known)
        assert (line.status, line.headers["x-backtest-stream"]) == (status, f"{mode}; head={self.head}")
        watcher.ledger.is_trimmed = self.oldest > 0
        watcher.ledger.connect(known, mode=mode, head=self.head, skips=skips)
        watcher.ledger.has_ended = status == 204
        if status == 200:
            watcher.open(line)

    async def _open(self, headers: dict[str, str], query: str) -> AsgiViewer:
        line = AsgiViewer(application, "/api/backtest/machine/stream", query=query, headers=headers)
        await line.until(lambda: bool(line.status))
        return line

    def _expected(self, cursor: int | None) -> tuple[int, str]:
        """Say what S5, S6, S10 and S11 answer: status and mode."""
        if self.head < 0:
            return 200, "live"
        if cursor is None or self.head - cursor >= _LIMIT or cursor < self.oldest - 1:
            return 200, "complete" if self.is_finished else "snapshot"
        if cursor == self.head:
            return (204, "complete") if self.is_finished else (200, "live")
        return 200, "replay"

    def _read_to_head(self, watcher: Watcher) -> None:
        line = watcher.line
        assert line is not None
        line.read(1_000_000)

        def has_all() -> bool:
            watcher.take()
            return watcher.ledger.last >= self.head and (not self.is_finished or line.was_ended)

        self.loop.run_until_complete(line.until(has_all))
        watcher.take()
        line.read(-1_000_000)
        if line.is_open:
            return
        # It has the end; or what it should have had next was trimmed, and it comes back for a snapshot.
        assert line.is_whole
        assert watcher.ledger.has_ended or self.oldest > watcher.ledger.last + 1
        watcher.line = None

    def _cut(self, watcher: Watcher) -> None:
        assert watcher.line is not None
        self.loop.run_until_complete(watcher.line.leave())
        watcher.take()
        watcher.line = None

    # What always holds

    @invariant()
    def the_log_holds_what_was_committed(self) -> None:
        """S1: ids without a hole, and the frames that the engine gave."""
        state = event_log.read_state(self.session.pk)
        assert (-1 if state.head is None else state.head, state.is_finished) == (self.head, self.is_finished)
        found = event_log.read_frames(self.session.pk, after=self.oldest - 1, limit=len(self.events))
        assert [event_id for event_id, _ in found] == list(range(self.oldest, self.head + 1))
        assert [frame for _, frame in found] == self.truth.frames[self.oldest :]

    @invariant()
    def blocks_are_one_row_a_segment_and_one_gzip_member(self) -> None:
        """S18, S20: the bytes of the log, behind a gzip header, are the frames; complete segments are one row each."""
        blocks = list(EventBlock.objects.filter(session=self.session).order_by("first_event_id"))
        starts = [number for number, block in enumerate(blocks) if block.starts_segment]
        newest = len(blocks) if self.is_finished else max(starts, default=0)
        assert starts[: newest + 1] == list(range(min(newest + 1, len(blocks))))
        inflate = zlib.decompressobj(31)
        text = inflate.decompress(segments.GZIP_HEADER + b"".join(bytes(block.body) for block in blocks))
        assert text == b"".join(self.truth.frames[self.oldest :])

    @invariant()
    def a_snapshot_is_the_fold_of_all_events(self) -> None:
        """S4, S7."""
        if self.head < 0:
            return
        parts = event_log.read_snapshot(self.session.pk)
        documents = {
            "diagnostics": json_text.decode(parts.diagnostics_json),
            "trades": json_text.decode(parts.trades_json),
        }
        assert json_text.canonical(documents) == self.truth.state(self.head - self.is_finished)

    @invariant()
    def no_viewer_was_sent_anything_but_the_truth(self) -> None:
        """S6, S8, S14."""
        for watcher in self.watchers:
            ledger = watcher.ledger
            assert (ledger.lost, ledger.doubled, ledger.faults) == (0, 0, [])

    def teardown(self) -> None:
        """S9: let the session end; every viewer comes back, and ends with the state of the last event."""
        try:
            if self._is_running():
                self.run_again(len(self.events))
            self.the_log_holds_what_was_committed()
            for watcher in self.watchers:
                while not watcher.ledger.has_ended:
                    if watcher.line is None:
                        cursor = watcher.ledger.cursor
                        self._connect(watcher, None if cursor is None else str(cursor), is_gzip=True, skips=False)
                    if watcher.line is not None:
                        self._read_to_head(watcher)
            self.no_viewer_was_sent_anything_but_the_truth()
        finally:
            for watcher in self.watchers:
                if watcher.line is not None:
                    self._cut(watcher)
            self.session.delete()


@pytest.fixture
def quick_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the relay look up heads and connect again without long waits, and snapshots be of the moment."""
    monkeypatch.setattr(relay, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(relay, "_RECONNECT_SECONDS", (0.005, 0.02))
    monkeypatch.setattr(snapshot_cache, "RECENT_SECONDS", 0.0)


def test_the_log_and_its_viewers_hold_their_promises_in_any_order_of_what_happens(
    session: BacktestSession, settings: Settings, quick_relay: None
) -> None:
    """S1, S4, S6, S7, S8, S9, S10, S14, S18, S20."""
    settings.EVENT_LOG_MAX_EVENTS = 0
    # This thread's own connection would be ended with the relay's.
    connection.close()

    def run() -> None:
        LogAndViewers.loop = asyncio.new_event_loop()
        try:
            first = sessions.create_session(session_id="machine")
            LogAndViewers.events = sessions.events_of(first)
            run_state_machine_as_test(LogAndViewers, settings=_BOUNDED)
        finally:
            LogAndViewers.loop.run_until_complete(_rest())
            LogAndViewers.loop.close()
            connection.close()

    # In a thread: a browser's tests keep a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


async def _rest() -> None:
    """Let what the last viewers left behind end."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
    await asyncio.get_running_loop().shutdown_default_executor()


_BOUNDED = settings(
    max_examples=12,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
