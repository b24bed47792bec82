"""The event log: batches in order, one writer, and reading that fits together."""

import asyncio
import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession, NodeEvent
from streaming import event_log, relay
from streaming.event_log import LogWriter, SeriesPoint
from streaming.models import EventBlock, SessionLog
from streaming.protocol import frames, json_text
from streaming.sse_event_emitter import EncodedEvent, TickPoint
from tests import sessions


def _tick(event_id: int) -> EncodedEvent:
    text = json_text.encode({"event_id": event_id, "tick": event_id})
    point = TickPoint(event_id, 1_730_173_500 + event_id, 24_300.5, "-1.50")
    return EncodedEvent("tick_update", event_id, data_json=text, point=point)


def _point(event_id: int) -> SeriesPoint:
    return SeriesPoint(event_id, 1_730_173_500 + event_id, 24_300.5, -150)


def _frame(event_id: int) -> bytes:
    return frames.encode_frame("tick_update", _tick(event_id).data_json, event_id)


def _append(writer: LogWriter, *event_ids: int) -> None:
    with transaction.atomic():
        writer.append([_tick(event_id) for event_id in event_ids])


def test_batches_are_read_back_event_by_event_from_anywhere(session: BacktestSession) -> None:
    writer = LogWriter(session.pk)
    _append(writer, *range(5))
    _append(writer, *range(5, 200))
    _append(LogWriter(session.pk), *range(200, 230))

    everything = event_log.read_frames(session.pk, after=-1, limit=1000)
    for after in (-1, 0, 3, 4, 5, 62, 63, 64, 127, 128, 198, 199, 200, 228, 229):
        assert event_log.read_frames(session.pk, after=after, limit=7) == everything[after + 1 : after + 8]

    assert [event_id for event_id, _ in everything] == list(range(230))
    assert everything[17] == (17, _frame(17))
    assert EventBlock.objects.filter(session=session, first_event_id=200, starts_segment=True).exists()


@pytest.mark.parametrize("event_ids", [(0,), (4,), (6,), (5, 7), (5, 5)])
def test_ids_that_do_not_follow_the_head_are_refused_s1(session: BacktestSession, event_ids: tuple[int, ...]) -> None:
    writer = LogWriter(session.pk)
    _append(writer, 0, 1, 2, 3, 4)

    with pytest.raises(event_log.LogError, match="cannot follow event"):
        _append(writer, *event_ids)

    assert event_log.read_state(session.pk).head == 4


def test_a_second_writer_cannot_fork_the_log_s1(session: BacktestSession) -> None:
    first, second = LogWriter(session.pk), LogWriter(session.pk)
    _append(first, 0, 1)

    # The unique key of blocks refuses the same first event, the head refuses any other one.
    with pytest.raises(IntegrityError):
        _append(second, 0)
    second.head = 0
    with pytest.raises(event_log.LogTaken):
        _append(second, 1, 2)

    assert len(event_log.read_frames(session.pk, after=-1, limit=10)) == 2


def test_a_batch_that_fails_leaves_nothing_behind(session: BacktestSession) -> None:
    writer = LogWriter(session.pk)
    _append(writer, 0)

    def append_and_fail() -> None:
        with transaction.atomic():
            writer.append([_tick(1)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        append_and_fail()

    assert event_log.read_state(session.pk).head == 0
    assert EventBlock.objects.count() == 1


def test_nothing_follows_the_last_event(session: BacktestSession) -> None:
    sessions.publish(session, sessions.events_of(session))

    with pytest.raises(event_log.LogError, match="last event already"):
        _append(LogWriter(session.pk), 313)


def test_texts_come_back_from_the_rows_as_they_went_in(session: BacktestSession) -> None:
    """Whatever is a sign of its own in a COPY: tabs, line ends, backslashes, its NULL, its end of data."""
    awkward = ["a\tb\nc\r\nd", "\\N", "\\.", "back\\slash \\t", "quotes \" ' {}", "\u0085\u2028 ₹ \U0001f600"]
    batch = [
        EncodedEvent("node_event", number, data=_node_event(number, name=text)) for number, text in enumerate(awkward)
    ]
    with transaction.atomic():
        LogWriter(session.pk).append(batch)

    found = list(NodeEvent.objects.filter(session=session))
    assert [row.node_name for row in found] == awkward
    assert [row.record["node_name"] for row in found] == awkward
    assert [row.signal_emitted for row in found] == [False, True] * 3
    assert str(found[0].timestamp) == "2024-10-29 03:45:00+00:00"


def _node_event(number: int, *, name: str) -> dict[str, object]:
    return {
        "event_id": number,
        "session_id": "s",
        "execution_id": f"exec-{number}",
        "parent_execution_id": None,
        "node_id": "n",
        "node_name": name,
        "node_type": "entryNode",
        "timestamp": "2024-10-29 09:15:00+05:30",
        "event_type": "logic_completed",
        "signal_emitted": number % 2 == 1,
        "conditions_preview": "",
    }


def test_the_lock_of_a_session_has_one_holder_and_is_seen_by_others(session: BacktestSession) -> None:
    found: list[bool] = []

    def try_it() -> None:
        with event_log.session_lock(session.pk) as is_ours:
            found.append(is_ours)
        connection.close()

    with event_log.session_lock(session.pk) as is_ours:
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
        while_held = event_log.locked_sessions([session.pk, session.pk + 1])
    afterwards = event_log.locked_sessions([session.pk])
    try_it()

    assert (is_ours, found) == (True, [False, True])
    assert while_held == frozenset({session.pk})
    assert afterwards == frozenset()


def test_what_is_read_at_one_instant_fits_together_s7(session: BacktestSession) -> None:
    writer = LogWriter(session.pk)
    _append(writer, 0, 1)

    def write_on() -> None:
        _append(writer, 2, 3)
        connection.close()

    with event_log.one_instant():
        before = event_log.read_state(session.pk)
        thread = threading.Thread(target=write_on)
        thread.start()
        thread.join()
        blocks = event_log.read_frames(session.pk, after=-1, limit=10)
        after = event_log.read_state(session.pk)

    assert before.head == after.head == 1
    assert len(blocks) == 2
    assert event_log.read_state(session.pk).head == 3


def test_blocks_are_stored_as_they_are_and_small(session: BacktestSession) -> None:
    sessions.run_here(session)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, attstorage FROM pg_attribute WHERE attrelid = 'streaming_eventblock'::regclass "
            "AND attname IN ('body', 'series')"
        )
        storage = dict(cursor.fetchall())
    blocks = EventBlock.objects.filter(session=session)
    raw, stored = sum(block.raw_bytes for block in blocks), sum(len(block.body) for block in blocks)

    assert {name: str(kind) for name, kind in storage.items()} == {"body": "e", "series": "e"}
    assert stored < raw / 5


def test_a_session_that_never_ran_has_an_empty_log(session: BacktestSession) -> None:
    assert event_log.read_state(session.pk) == event_log.LogState(head=None, oldest_event_id=0, is_finished=False)
    assert event_log.read_frames(session.pk, after=-1, limit=5) == []
    assert event_log.viewer_state(session)["tick"] is None
    assert SessionLog.objects.count() == 0


def test_the_state_for_the_page_is_the_last_tick_and_the_trades(session: BacktestSession) -> None:
    events = sessions.events_of(session)
    sessions.publish(session, events[:154])

    state = event_log.viewer_state(session)

    assert state["tick"] == next(event["data"] for event in reversed(events[:154]) if event["event"] == "tick_update")
    assert [trade["trade_id"] for trade in state["trades"]["trades"]] == ["call-1-r0", "call-2-r0"]
    assert state["trades"]["summary"]["total_pnl"] == "-500.00"
    assert state["head"] == 153


def test_a_complete_segment_is_one_row_of_the_same_bytes(session: BacktestSession) -> None:
    writer = LogWriter(session.pk)
    for event_id in range(64):
        _append(writer, event_id)
    pieces = list(EventBlock.objects.all())
    frames_before = event_log.read_frames(session.pk, after=-1, limit=1000)
    _append(writer, 64)
    whole, begun = EventBlock.objects.all()

    assert len(pieces) == 64
    assert (whole.first_event_id, whole.last_event_id, whole.event_count) == (0, 63, 64)
    assert whole.body == b"".join(piece.body for piece in pieces)
    assert (whole.starts_segment, begun.starts_segment) == (True, True)
    assert (whole.crc32_before, whole.crc32_through) == (0, begun.crc32_before)
    assert event_log.unpack_series(whole.series) == [_point(event_id) for event_id in range(64)]
    assert event_log.read_frames(session.pk, after=-1, limit=64) == frames_before


def test_a_finished_log_has_one_row_a_segment(session: BacktestSession) -> None:
    session.pace = 100_000.0
    session.save()
    sessions.run_here(session)

    blocks = EventBlock.objects.all()
    assert all(block.starts_segment for block in blocks)
    assert [block.first_event_id for block in blocks] == [0, 64, 128, 192, 256]


def test_what_a_stopped_writer_left_becomes_one_row(session: BacktestSession) -> None:
    writer = LogWriter(session.pk)
    for event_id in range(5):
        _append(writer, event_id)

    _append(LogWriter(session.pk), 5)

    assert [(block.first_event_id, block.last_event_id) for block in EventBlock.objects.all()] == [(0, 4), (5, 5)]
    assert [event_id for event_id, _ in event_log.read_frames(session.pk, after=-1, limit=10)] == list(range(6))


def test_a_segment_ends_after_ten_seconds(session: BacktestSession) -> None:
    now = 1000.0
    writer = LogWriter(session.pk, clock=lambda: now)
    for event_id in range(6):
        _append(writer, event_id)
        now += 4.0

    starts = [block.first_event_id for block in EventBlock.objects.all() if block.starts_segment]
    assert starts == [0, 3]


def test_a_reader_goes_on_where_pieces_became_one_row(session: BacktestSession) -> None:
    """Whatever it has read of a segment before, a relay reads every event once."""
    writer = LogWriter(session.pk)
    for event_id in range(40):
        _append(writer, event_id)
    readers = [(relay.Relay(), relay.Feed(session.pk)) for _ in range(3)]

    _read(readers[:1])
    for event_id in range(40, 90):
        _append(writer, event_id)
    _read(readers[:2])
    for event_id in range(90, 200):
        _append(writer, event_id)
    _read(readers)

    everything = event_log.read_frames(session.pk, after=-1, limit=1000)
    assert len(everything) == 200
    for (_, feed), first in zip(readers, (0, 64, 192), strict=True):
        assert feed.ring.frames_after(-1) == everything[first:]


def _read(readers: list[tuple[relay.Relay, relay.Feed]]) -> None:
    # In a thread: a browser's tests keep a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(_read_all(readers))).result()


async def _read_all(readers: list[tuple[relay.Relay, relay.Feed]]) -> None:
    for one, feed in readers:
        await one._read_all(feed)
        assert one._reader is not None
        await one._reader.close()


def test_a_log_keeps_as_many_events_as_it_may_in_whole_segments_s10(
    session: BacktestSession, settings: Settings
) -> None:
    settings.EVENT_LOG_MAX_EVENTS = 100
    writer = LogWriter(session.pk)
    sizes = []
    for event_id in range(400):
        _append(writer, event_id)
        state = event_log.read_state(session.pk)
        sizes.append(event_id + 1 - state.oldest_event_id)
    state = event_log.read_state(session.pk)

    # It is looked at whenever a segment begins: at event 192 the first segment is not needed any more.
    assert sizes[:192] == list(range(1, 193))
    assert max(sizes) == 192
    assert min(sizes[192:]) == 129
    assert EventBlock.objects.order_by("first_event_id")[0].first_event_id == state.oldest_event_id
    assert event_log.read_frames(session.pk, after=state.oldest_event_id - 2, limit=5) == []
    assert len(event_log.read_frames(session.pk, after=state.oldest_event_id - 1, limit=1000)) == sizes[-1]


def test_trimming_tells_what_it_drops_and_keeps_the_newest_segment(session: BacktestSession) -> None:
    sessions.publish(session, sessions.events_of(session))
    stored = sum(len(block.body) + len(block.series) for block in EventBlock.objects.all()[:4])

    told = event_log.trim(session.pk, keep_events=1, is_dry_run=True)
    untouched = EventBlock.objects.count()
    dropped = event_log.trim(session.pk, keep_events=1)
    again = event_log.trim(session.pk, keep_events=1)

    assert told == dropped == event_log.Dropped(events=256, stored_bytes=stored)
    assert untouched == 5
    assert again == event_log.Dropped(events=0, stored_bytes=0)
    assert [block.first_event_id for block in EventBlock.objects.all()] == [256]
    assert event_log.read_state(session.pk) == event_log.LogState(head=312, oldest_event_id=256, is_finished=True)


_POINTS = st.lists(
    st.builds(
        SeriesPoint,
        tick=st.integers(0, 2**32 - 1),
        epoch_second=st.integers(-(2**62), 2**62),
        underlying=st.floats(allow_nan=False),
        total_pnl_cents=st.integers(-(2**62), 2**62),
    ),
    max_size=70,
)


@given(_POINTS)
def test_series_come_back_as_they_were_packed(points: list[SeriesPoint]) -> None:
    assert event_log.unpack_series(event_log.pack_series(points)) == points


def test_a_price_that_is_missing_stays_missing() -> None:
    (point,) = event_log.unpack_series(event_log.pack_series([SeriesPoint(1, 2, math.nan, 3)]))

    assert math.isnan(point.underlying)
