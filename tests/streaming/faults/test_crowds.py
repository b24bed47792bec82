"""Many viewers at once: those that stop reading, and those that are all cut at the same moment."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from benchmarks import talk
from strategies.models import BacktestSession
from streaming.counts import counts
from streaming.protocol.frames import FrameParser
from streaming.sse_event_emitter import SSEEvent
from tests import sessions, viewers
from tests.clients.web_server import WebServer
from tests.streaming.faults.crowd import Loop, Viewer
from tests.streaming.faults.follower import Follower

#: How many are cut at once.
_HERD = 1_000
_STALLED = 20


@pytest.fixture
def loop() -> Iterator[Loop]:
    """Yield an event loop for viewers."""
    running = Loop()
    yield running
    running.close()


# Those that stop reading


def _memory_mb(pid: int) -> float:
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def test_viewers_that_stop_reading_take_no_memory_slow_nobody_and_go_on_later_s13_s14(
    transactional_db: None,
    data_folder: Path,
    start_web: Callable[[str], WebServer],
    database_address: str,
    loop: Loop,
) -> None:
    session = sessions.create_session(seconds=6_000)
    events = sessions.events_of(session)
    expected = sessions.frames_of(session)
    whole_mb = sum(map(len, expected)) / 2**20
    sessions.publish(session, events[:1])
    web = start_web(database_address)
    stalled = [Viewer(web.url, session.session_id) for _ in range(_STALLED)]
    skipping = Viewer(web.url, session.session_id, query="?on_lag=skip")
    loop.run(*[viewer.connect() for viewer in (*stalled, skipping)])
    reading = Follower([web.url], session.session_id)
    reading.wait_for(0)
    before = _memory_mb(web.pid)

    sessions.publish(session, events)
    reading.check(expected)
    grown = _memory_mb(web.pid) - before
    loop.run(*[viewer.read_until() for viewer in (*stalled, skipping)])

    assert reading.cuts == 0
    whole = viewers.state_of(FrameParser().feed(b"".join(expected))).canonical()
    for viewer in stalled:
        assert viewer.ids == list(range(len(expected)))
    assert viewers.state_of(stalled[0].frames).canonical() == viewers.state_of(skipping.frames).canonical() == whole
    # It was given a snapshot for most of what it slept through.
    assert len(skipping.frames) < len(expected) / 2
    # Kept for each, what they slept through would be several times as much.
    assert grown < 0.3 * _STALLED * whole_mb


# Those that are cut at once


def _publish_bit_by_bit(session: BacktestSession, events: list[SSEEvent], first: int) -> None:
    for head in (*range(first, len(events), 8), len(events) - 1):
        sessions.publish(BacktestSession.objects.get(pk=session.pk), events[: head + 1])
    connection.close()


def test_a_crowd_that_is_cut_at_once_is_caught_up_in_seconds_with_one_snapshot_a_head_s6_s9_s13(
    asgi_server: str, session: BacktestSession, loop: Loop
) -> None:
    talk.allow_many_files()
    events = sessions.events_of(session)
    sessions.publish(session, events[:50])
    crowd = [Viewer(asgi_server, session.session_id) for _ in range(_HERD)]
    loop.run(*[viewer.connect() for viewer in crowd])
    loop.run(*[viewer.read_until(49) for viewer in crowd])
    loop.run(*[viewer.cut() for viewer in crowd])
    sessions.publish(session, events[:201])
    built = counts.snapshots_built

    async def come_back(viewer: Viewer) -> None:
        await viewer.connect()
        await viewer.read_until(200)

    # Of processor time, server and viewers together: how long that takes is the machine's affair.
    began = time.process_time()
    loop.run(*[come_back(viewer) for viewer in crowd])
    took = time.process_time() - began
    built_for_one_head = counts.snapshots_built - built

    # Once more, with newcomers and a head that moves.
    built = counts.snapshots_built
    newcomers = [Viewer(asgi_server, session.session_id) for _ in range(_HERD)]
    writer = threading.Thread(target=_publish_bit_by_bit, args=(session, events, 201))
    writer.start()
    loop.run(*[viewer.connect() for viewer in newcomers])
    loop.run(*[viewer.read_until() for viewer in (*crowd, *newcomers)])
    writer.join(timeout=60)
    heads = {viewer.frames[0].last_event_id for viewer in newcomers}

    assert took <= 10
    assert built_for_one_head == 1
    assert counts.snapshots_built - built == len(heads)
    final = viewers.state_after(events).canonical()
    for viewer in crowd:
        assert viewer.ids == [49, *range(200, 313)]
    for viewer in newcomers:
        assert viewer.ids == list(range(viewer.ids[0], 313))
    for viewer in (*crowd[:5], *newcomers[:5]):
        assert viewers.state_of(viewer.frames).canonical() == final
