"""The FastAPI example, run as it says: by uvicorn, in a process of its own, watched over HTTP."""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from examples import fastapi_app
from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from streaming.protocol import json_text, resume
from streaming.protocol.frames import Frame, FrameParser
from streaming.sse_event_emitter import SSEEvent
from tests import viewers
from tests.examples import small_app
from tests.examples.example_server import SESSION, Server, wait_until

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@cache
def engine_events() -> Sequence[SSEEvent]:
    """Return what the engine itself tells of the session."""
    engine = CentralizedBacktestEngineWithSSE(small_app.small_config(), SESSION)
    events: list[SSEEvent] = []
    engine.register_sse_callback(events.append)
    engine.run()
    return events


def engine_frames() -> list[Frame]:
    return [
        Frame(event["event"], json_text.encode(event["data"]).decode(), str(event["data"]["event_id"]))
        for event in engine_events()
    ]


def test_many_viewers_that_are_cut_and_come_back_see_one_run_to_its_end(serve: Callable[..., Server]) -> None:
    """S1, S6, S8, S9: nothing lost, nothing doubled, wherever it is cut; and nobody starts a second engine."""
    server = serve()
    assert server.start(pace=1_000) == 201
    assert server.start() == 409

    with ThreadPoolExecutor(8) as pool:
        cut = [pool.submit(_watch_with_cuts, server, random.Random(number)) for number in range(7)]
        whole = pool.submit(server.read)
        seen = [viewer.result() for viewer in cut]

    final = viewers.state_after(engine_events())
    for frames in (*seen, whole.result().frames):
        assert viewers.state_of(frames) == final
        _assert_without_gap(frames)
    wait_until(lambda: server.show()["viewers"] == 0, what="the leaving of the viewers")
    head = len(engine_events()) - 1
    kept_from = head - fastapi_app.EVENTS_KEPT + 1
    assert server.show() == {"head": head, "oldest": kept_from, "is_finished": True, "viewers": 0}


def test_a_viewer_gets_the_engines_own_events_byte_for_byte(serve: Callable[..., Server]) -> None:
    server = serve()
    server.start(pace=1_000)

    first = server.read(until=lambda seen: len(seen.frames) >= 200)
    last = int(first.frames[-1].last_event_id)
    rest = server.read(cursor=last)

    joined = int(first.frames[0].last_event_id)
    assert first.frames[1:] == engine_frames()[joined + 1 : last + 1]
    # The same moment in the run's life as the first connection's end: fewer than 100 events later, or a snapshot.
    assert rest.headers["X-Backtest-Stream"].startswith(("replay", "live", "snapshot"))
    assert rest.frames[-1] == engine_frames()[-1]
    assert rest.was_ended


def test_a_snapshot_holds_everything_up_to_its_id_and_nothing_later(serve: Callable[..., Server]) -> None:
    """S7, for viewers that join while the run goes on."""
    server = serve()
    server.start(pace=400)
    wait_until(lambda: server.show()["head"] > 200, what="event 200")

    joins = [server.read(cursor=cursor, until=lambda seen: len(seen.frames) >= 3) for cursor in (None, 0, "x", 10**6)]

    for seen in joins:
        assert seen.types[0] == "initial_state"
        assert seen.headers["X-Backtest-Stream"].startswith("snapshot; head=")
        event_id = seen.ids[0]
        assert viewers.state_of(seen.frames[:1]) == viewers.state_after(engine_events()[: event_id + 1])
        assert seen.ids[:3] == [event_id, event_id + 1, event_id + 2]


@pytest.mark.parametrize("place", ["header", "query"])
def test_a_gap_below_a_hundred_is_replayed_and_a_hundred_is_not(serve: Callable[..., Server], place: str) -> None:
    """S6 and S11, on a finished session."""
    server = serve()
    server.start()
    wait_until(lambda: bool(server.show()["is_finished"]), what="the end of the run")
    head = len(engine_events()) - 1

    def read(cursor: int) -> viewers.Seen:
        where = {"cursor": cursor} if place == "header" else {"query": f"?last_event_id={cursor}"}
        return server.read(**where)

    near, far, nowhere = read(head - resume.DEFAULT_LIMIT + 1), read(head - resume.DEFAULT_LIMIT), read(head)
    assert near.frames == engine_frames()[-resume.DEFAULT_LIMIT + 1 :]
    assert far.types == ["initial_state", "backtest_complete"]
    assert far.ids == [head - 1, head]
    assert viewers.state_of(far.frames[:1]) == viewers.state_after(engine_events()[:-1])
    assert viewers.state_of(far.frames) == viewers.state_after(engine_events())
    assert nowhere.status == 204
    assert server.read(cursor=head, query="?last_event_id=3").status == 204


def test_viewers_that_do_not_read_hold_nobody_up_and_come_to_the_same_end(serve: Callable[..., Server]) -> None:
    """S13, S14: the run ends while they stand still; what they missed they are given as a snapshot."""
    server = serve()
    with ExitStack() as stack:
        server.start(pace=2_000)
        stalled = [stack.enter_context(_open_socket(server)) for _ in range(10)]
        watching = server.read()
        assert server.show()["is_finished"]
        assert server.show()["viewers"] == len(stalled)

        late = _read_to_end(stalled[0])

    assert viewers.state_of(watching.frames) == viewers.state_of(late) == viewers.state_after(engine_events())
    snapshots_seen = [frame for frame in late if frame.event == "initial_state"]
    # One for what it joined with, and at least one for what it slept through: less was sent than was told.
    assert len(snapshots_seen) >= 2
    assert len(late) < len(engine_events())


def test_a_viewer_that_is_slow_for_a_while_loses_nothing() -> None:
    """S14: hundreds of events behind, but none of them forgotten yet."""
    with ThreadPoolExecutor(1) as pool:
        # Playwright's event loop stays in the tests' own thread once a browser was there.
        frames, behind, head = pool.submit(asyncio.run, _watch_slowly()).result()

    assert behind > resume.DEFAULT_LIMIT
    assert [int(frame.last_event_id) for frame in frames] == list(range(head + 1))
    assert [frame.event for frame in frames].count("initial_state") == 1


async def _watch_slowly() -> tuple[list[Frame], int, int]:
    """Return what a viewer was sent, how far behind it was, and the head."""
    session = fastapi_app.Session(SESSION, small_app.small_config(500), pace=None)
    following = session.follow(None)
    received = [await anext(following)]
    next_piece = asyncio.ensure_future(anext(following))
    await asyncio.sleep(0)

    session.start()
    received.append(await next_piece)
    await asyncio.to_thread(session.join)
    behind = session.head - len(FrameParser().feed(b"".join(received)))
    received += [piece async for piece in following]

    return FrameParser().feed(b"".join(received)), behind, session.head


def test_it_ends_cleanly_with_streams_open(serve: Callable[..., Server]) -> None:
    """A viewer that reads is told that the run was cancelled; one that does not read delays nothing."""
    server = serve()
    server.start(pace=200)
    wait_until(lambda: server.show()["head"] > 50, what="event 50")
    with ThreadPoolExecutor(4) as pool, _open_socket(server):
        reading = [pool.submit(server.read) for _ in range(4)]
        wait_until(lambda: server.show()["viewers"] == 5, what="the viewers")

        asked = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(timeout=10)

        assert time.monotonic() - asked < 5
        for viewer in reading:
            seen = viewer.result(timeout=5)
            assert seen.was_ended
            assert seen.types[-1] == "backtest_complete"
            assert json.loads(seen.frames[-1].data)["status"] == "cancelled"
    assert "Traceback" not in server.said()
    assert "Application shutdown complete" in server.said()


def test_one_viewer_too_many_is_sent_away_for_a_while(serve: Callable[..., Server]) -> None:
    """With 200 and a retry: at every other status a browser's EventSource gives up for good."""
    server = serve()
    server.start(pace=50)
    with ExitStack() as stack:
        for _ in range(small_app.VIEWERS):
            stack.enter_context(_open_socket(server))
        wait_until(lambda: server.show()["viewers"] == small_app.VIEWERS, what="the viewers")

        refused = server.read()

    assert (refused.status, refused.frames, refused.raw) == (200, [], b"retry: 5000\n\n")
    assert refused.headers["Content-Type"].startswith("text/event-stream")


def test_what_cannot_be_is_refused(serve: Callable[..., Server]) -> None:
    server = serve()
    running = [server.start(f"run-{number}", pace=1) for number in range(5)]

    assert running == [201, 201, 201, 201, 503]
    assert server.read().status == 404
    assert server.start("no spaces") == 422
    assert server.start("too-slow", pace=0) == 422


def test_the_sample_day_needs_no_django(serve: Callable[..., Server]) -> None:
    program = "import sys, examples.fastapi_app as e; e.sample_config(); print(*{'django'} & sys.modules.keys())"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    server = serve("examples.fastapi_app:app")
    server.start()

    seen = server.read(within_seconds=180)

    assert loaded.stdout.strip() == ""
    assert seen.types[-1] == "backtest_complete"
    assert json.loads(seen.frames[-1].data)["total_ticks"] == 22_351
    assert len(viewers.state_of(seen.frames).trades["trades"]) > 5


def test_its_requirements_are_those_that_the_tests_ran_on() -> None:
    own = _pins("examples/requirements.txt")
    tested = _pins("requirements.txt") | _pins("requirements-dev.txt")

    assert {"fastapi", "uvicorn", "orjson", "numpy"} <= own.keys()
    assert own.items() <= tested.items()


def _pins(file: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / file).read_text(), re.MULTILINE))


def _watch_with_cuts(server: Server, chance: random.Random) -> list[Frame]:
    """Watch to the end, leaving and coming back at random moments, by header and by query."""
    frames: list[Frame] = []
    while True:
        cut_after = chance.choice([1, 7, 80, 400, 100_000])
        how: dict[str, Any] = {}
        if frames:
            cursor = frames[-1].last_event_id
            how = chance.choice([{"cursor": cursor}, {"query": f"?last_event_id={cursor}"}])
        seen = server.read(until=lambda seen, enough=cut_after: len(seen.frames) >= enough, **how)
        frames += seen.frames
        if seen.was_ended:
            return frames
        time.sleep(chance.choice([0, 0.02, 0.3]))


def _assert_without_gap(frames: Sequence[Frame]) -> None:
    previous = -1
    for frame in frames:
        event_id = int(frame.last_event_id)
        if frame.event == "initial_state":
            assert event_id >= previous
        else:
            assert event_id == previous + 1
        previous = event_id


def _open_socket(server: Server) -> socket.socket:
    """Ask for the stream and read nothing."""
    address = urlsplit(server.url)
    assert address.hostname is not None
    assert address.port is not None
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    stalled.settimeout(20)
    stalled.connect((address.hostname, address.port))
    stalled.sendall(f"GET /api/backtest/{SESSION}/stream HTTP/1.0\r\nHost: {address.netloc}\r\n\r\n".encode())
    return stalled


def _read_to_end(stalled: socket.socket) -> list[Frame]:
    answer = b""
    while piece := stalled.recv(65_536):
        answer += piece
    # HTTP/1.0: the body is not chunked, and ends with the connection.
    return FrameParser().feed(answer.partition(b"\r\n\r\n")[2])
