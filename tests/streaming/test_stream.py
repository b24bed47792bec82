"""The stream over HTTP: what a viewer gets when it connects, while it watches, and at the end."""

import json
import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from strategies import actions
from strategies.models import BacktestSession
from streaming import relay, stream, viewer
from streaming.protocol import snapshots
from streaming.publisher import LogPublisher
from streaming.sign_in import SignIn
from streaming.sse_event_emitter import SSEEvent
from tests import sessions, viewers
from tests.viewers import Seen

HEAD = sessions.HEAD


@pytest.fixture
def finished(session: BacktestSession, events: list[SSEEvent]) -> BacktestSession:
    """Return the session, completed."""
    sessions.publish(session, events)
    return session


def _has(count: int) -> Callable[[Seen], bool]:
    return lambda seen: len(seen.frames) >= count


def _is_quiet(seen: Seen) -> bool:
    """Stop at the first sign of life: nothing else has come by then, nor will."""
    return b": still here\n" in seen.raw


# Connecting


def test_a_viewer_without_a_cursor_gets_one_snapshot_at_the_head_s5(
    asgi_server: str, running: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", (0.2, 0.3))

    seen = viewers.read(asgi_server, running.session_id, until=_is_quiet)

    assert (seen.types, seen.ids) == (["initial_state"], [HEAD])


@pytest.mark.parametrize(
    "cursor", ["abc", "-1", "1.5", "201", "99999999999999999999", "1e2", "0x10", "null", "\u0663".encode()]
)
def test_a_bad_cursor_counts_as_none_s5(asgi_server: str, running: BacktestSession, cursor: str | bytes) -> None:
    with httpx.Client(timeout=10) as client:
        text = cursor if isinstance(cursor, bytes) else cursor.encode()
        headers = httpx.Headers([(b"Last-Event-ID", text), (b"Accept-Encoding", b"identity")])
        address = f"{asgi_server}/api/backtest/{running.session_id}/stream"
        with client.stream("GET", address, headers=headers) as response:
            first = next(chunk for chunk in response.iter_raw() if b"event:" in chunk)

    assert response.status_code == 200
    assert first.startswith(b"event: initial_state\n")
    assert first.endswith(b"\nid: 200\n\n")


def test_a_session_without_an_event_lets_viewers_wait_for_event_0_s5(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent]
) -> None:
    with viewers.connect(asgi_server, session.session_id) as (response, _):
        chunks = response.iter_raw()
        opening = next(chunks)
        sessions.publish(session, events[:1])
        first = next(chunks)

    assert opening.startswith(b"retry: ")
    assert first.startswith(b"event: initial_state\n")
    assert first.endswith(b"\nid: 0\n\n")


def test_a_viewer_99_events_behind_gets_exactly_those_s6(asgi_server: str, running: BacktestSession) -> None:
    seen = viewers.read(asgi_server, running.session_id, cursor=HEAD - 99, until=_has(99))

    assert seen.ids == list(range(HEAD - 98, HEAD + 1))
    assert "initial_state" not in seen.types


def test_a_viewer_100_events_behind_gets_one_initial_state_s6(
    asgi_server: str, running: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", (0.2, 0.3))

    seen = viewers.read(asgi_server, running.session_id, cursor=HEAD - 100, until=_is_quiet)

    assert (seen.types, seen.ids) == (["initial_state"], [HEAD])


def test_a_viewer_that_missed_nothing_is_sent_nothing_again_s6(
    asgi_server: str, running: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", (0.2, 0.3))

    seen = viewers.read(asgi_server, running.session_id, cursor=HEAD, until=_is_quiet)

    assert seen.frames == []


def test_the_cursor_may_stand_in_the_query_and_the_header_wins(asgi_server: str, running: BacktestSession) -> None:
    by_query = viewers.read(asgi_server, running.session_id, query="?last_event_id=197", until=_has(3))
    by_both = viewers.read(asgi_server, running.session_id, query="?last_event_id=5", cursor=198, until=_has(2))

    assert by_query.ids == [198, 199, 200]
    assert by_both.ids == [199, 200]


@pytest.mark.parametrize("head", [0, 1, 66, 68, 152, 153, 200])
def test_a_snapshot_holds_everything_up_to_its_id_and_nothing_later_s7(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent], head: int
) -> None:
    sessions.publish(session, events[: head + 1])

    seen = viewers.read(asgi_server, session.session_id, until=_has(1))

    assert seen.ids == [head]
    assert viewers.state_of(seen.frames).canonical() == viewers.state_after(events[: head + 1]).canonical()


def test_a_finished_session_is_told_by_a_snapshot_and_its_last_event_s11(
    asgi_server: str, finished: BacktestSession, events: list[SSEEvent]
) -> None:
    seen = viewers.read(asgi_server, finished.session_id)

    last = len(events) - 1
    assert (seen.types, seen.ids) == (["initial_state", "backtest_complete"], [last - 1, last])
    assert seen.was_ended
    assert viewers.state_of(seen.frames[:1]).canonical() == viewers.state_after(events[:-1]).canonical()
    assert json.loads(seen.frames[1].data) == events[-1]["data"]


def test_a_viewer_of_a_finished_session_gets_what_it_missed_and_the_end_s11(
    asgi_server: str, finished: BacktestSession, events: list[SSEEvent]
) -> None:
    last = len(events) - 1

    seen = viewers.read(asgi_server, finished.session_id, cursor=last - 99)

    assert seen.ids == list(range(last - 98, last + 1))
    assert seen.was_ended


def test_a_viewer_that_saw_the_end_gets_204_s11(asgi_server: str, finished: BacktestSession) -> None:
    seen = viewers.read(asgi_server, finished.session_id, cursor=312)

    assert (seen.status, seen.raw) == (204, b"")


def test_a_session_cancelled_in_the_queue_ends_the_streams_that_wait_for_it_s11(
    asgi_server: str, session: BacktestSession
) -> None:
    with viewers.connect(asgi_server, session.session_id) as (response, _):
        chunks = response.iter_raw()
        next(chunks)
        actions.cancel_session(session)
        rest = b"".join(chunks)

    assert b"event: initial_state\n" in rest
    assert b'"status":"cancelled"' in rest
    assert rest.endswith(b"\nid: 1\n\n")


# Live


def test_viewers_that_join_anywhere_get_every_event_once_s8(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent]
) -> None:
    """Viewers come while another thread writes, some with a cursor, some without."""
    sessions.publish(session, events[:50])
    seen: list[Seen] = []
    rng = random.Random(8)

    def watch(delay: float, cursor: int | None) -> None:
        time.sleep(delay)
        seen.append(viewers.read(asgi_server, session.session_id, cursor=cursor))

    threads = [
        threading.Thread(target=watch, args=(rng.uniform(0, 0.8), rng.choice([None, 0, 20, 45, 49]))) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    with LogPublisher(session, underlying=sessions.UNDERLYING) as publisher:
        for event in events[50:]:
            publisher.publish(sessions.encoded(event))
            time.sleep(0.003)
    for thread in threads:
        thread.join(timeout=30)

    assert len(seen) == 12
    for one in seen:
        assert one.ids == list(range(one.ids[0], 313))
        assert viewers.state_of(one.frames).canonical() == viewers.state_after(events).canonical()


def test_a_viewer_that_is_cut_again_and_again_ends_with_the_same_state_s9(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent]
) -> None:
    """Every connection ends in the middle of something; the viewer goes on with the last id that it has."""
    rng = random.Random(9)
    published = 0
    state, cursor = None, None
    while state is None or state.event_id < 312:
        published = min(published + rng.randint(1, 140), len(events))
        if session.state != "completed":
            sessions.publish(session, events[:published])
        wanted = rng.randint(1, 60)
        seen = viewers.read(
            asgi_server,
            session.session_id,
            cursor=cursor,
            until=lambda seen, head=published - 1, wanted=wanted: (  # type: ignore[misc]  # defaults bind now
                len(seen.frames) >= wanted or (bool(seen.ids) and seen.ids[-1] >= head)
            ),
        )
        state = viewers.state_of(seen.frames[:wanted], state)
        cursor = state.event_id

    assert state.canonical() == viewers.state_after(events).canonical()


def test_a_slow_viewer_is_fed_from_the_log_and_misses_nothing_s14(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "RING_EVENTS", 10)
    monkeypatch.setattr(viewer, "EVENTS_PER_READ", 30)
    sessions.publish(session, events[:1])
    with viewers.connect(asgi_server, session.session_id, headers={"Last-Event-ID": "0"}) as (response, _):
        chunks = response.iter_raw()
        next(chunks)
        sessions.publish(session, events)
        rest = b"".join(chunks)

    assert [int(line[4:]) for line in rest.splitlines() if line.startswith(b"id: ")] == list(range(1, 313))


def test_all_viewers_share_one_reader_s13(asgi_server: str, session: BacktestSession, events: list[SSEEvent]) -> None:
    """Ten viewers cost as many reads of the log as one, and hold no database connection and no thread of their own."""
    sessions.publish(session, events[:5])
    done: list[Seen] = []
    threads = [
        threading.Thread(target=lambda: done.append(viewers.read(asgi_server, session.session_id, cursor=4)))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    shared = _wait_for_relay(watchers=10)
    before, request_threads = shared.reads, _request_threads_at_rest()
    for start in range(5, 105, 20):
        sessions.publish(session, events[start : start + 20])
        time.sleep(0.1)
    reads, connections = shared.reads - before, _connections()
    sessions.publish(session, events[105:])
    for thread in threads:
        thread.join(timeout=20)

    assert 1 <= reads <= 10
    # The one that all requests without a thread of their own share.
    assert request_threads <= 1
    # This test's own, the relay's two, and perhaps one that looks up permission.
    assert connections <= 6
    assert all(seen.ids == list(range(5, 313)) for seen in done)


def _wait_for_relay(*, watchers: int) -> relay.Relay:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for one in list(relay._relays.values()):
            if sum(feed.watchers for feed in one._feeds.values()) == watchers:
                return one
        time.sleep(0.01)
    raise AssertionError(f"{watchers} viewers did not get to the relay")


def _request_threads_at_rest() -> int:
    """Count the threads that asgiref keeps for requests, once those that are being let go are gone."""
    deadline = time.monotonic() + 10
    while (count := _request_threads()) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    return count


def _request_threads() -> int:
    """Count the threads that asgiref keeps for requests; those of the pool have another name."""
    return sum(thread.name.startswith("ThreadPoolExecutor") for thread in threading.enumerate())


def _connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def test_a_viewer_that_leaves_leaves_nothing_behind(asgi_server: str, running: BacktestSession) -> None:
    viewers.read(asgi_server, running.session_id, until=_has(1))

    deadline = time.monotonic() + 10
    while any(one._feeds or one._listening for one in relay._relays.values()):
        assert time.monotonic() < deadline, "the relay still watches"
        time.sleep(0.02)


def test_the_relay_goes_on_after_it_lost_its_connections(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent]
) -> None:
    sessions.publish(session, events[:5])
    with viewers.connect(asgi_server, session.session_id, headers={"Last-Event-ID": "4"}) as (response, _):
        chunks = response.iter_raw()
        next(chunks)
        _wait_for_relay(watchers=1)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        sessions.publish(session, events)
        rest = b"".join(chunks)

    assert [int(line[4:]) for line in rest.splitlines() if line.startswith(b"id: ")] == list(range(5, 313))


# Who may look


def test_an_unknown_session_is_404_before_any_byte_of_stream_s12(asgi_server: str, session: BacktestSession) -> None:
    seen = viewers.read(asgi_server, "no-such-session")

    assert seen.status == 404
    assert not seen.headers["content-type"].startswith("text/event-stream")


def test_a_session_that_the_viewer_may_not_see_is_404_too_s12(
    asgi_server: str, running: BacktestSession, settings: Settings
) -> None:
    settings.PUBLIC_VIEWING = False
    stranger = _sign_in(User.objects.create_user("stranger"))
    owner = _sign_in(_make_owner(running))

    assert viewers.read(asgi_server, running.session_id).status == 404
    assert viewers.read(asgi_server, running.session_id, cookies=stranger).status == 404
    assert viewers.read(asgi_server, running.session_id, cookies=stranger, cursor=199).status == 404
    assert viewers.read(asgi_server, running.session_id, cookies=owner, until=_has(1)).status == 200


def _make_owner(session: BacktestSession) -> User:
    owner = User.objects.create_user("owner")
    BacktestSession.objects.filter(pk=session.pk).update(owner=owner)
    return owner


def _sign_in(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {"sessionid": client.cookies["sessionid"].value}


def _sign_out(user: User, session: BacktestSession) -> None:
    from django.contrib.sessions.models import Session

    Session.objects.all().delete()


def _deactivate(user: User, session: BacktestSession) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def _give_away(user: User, session: BacktestSession) -> None:
    BacktestSession.objects.filter(pk=session.pk).update(owner=None)


def _delete(user: User, session: BacktestSession) -> None:
    session.delete()


@pytest.mark.parametrize("lose_the_right", [_sign_out, _deactivate, _give_away, _delete])
def test_losing_the_right_ends_the_stream_within_5_seconds_s12(
    asgi_server: str,
    running: BacktestSession,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    lose_the_right: Callable[[User, BacktestSession], None],
) -> None:
    monkeypatch.setattr(stream, "PERMISSION_SECONDS", 0.2)
    settings.PUBLIC_VIEWING = False
    owner = _make_owner(running)
    with viewers.connect(asgi_server, running.session_id, cookies=_sign_in(owner)) as (response, _):
        chunks = response.iter_raw()
        next(chunks)
        lose_the_right(owner, running)
        began = time.monotonic()
        for _ in chunks:
            pass

    assert time.monotonic() - began < 3
    assert stream.PERMISSION_SECONDS < 5


def test_visitors_of_a_session_share_one_look_at_their_permission(
    asgi_server: str, running: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "PERMISSION_SECONDS", 0.3)
    looks: list[float] = []
    may_look = stream._may_look

    def look(session_pk: int, sign_in: SignIn) -> bool:
        looks.append(time.monotonic())
        return may_look(session_pk, sign_in)

    monkeypatch.setattr(stream, "_may_look", look)
    with ExitStack() as open_streams:
        for _ in range(10):
            open_streams.enter_context(viewers.connect(asgi_server, running.session_id))
        _wait_for_relay(watchers=10)
        looks.clear()
        time.sleep(1.5)

    # Five rounds of ten viewers: each look serves all whose round began before it.
    assert 2 <= len(looks) <= 15


# On the wire


def test_the_first_bytes_leave_at_once_s15(asgi_server: str, running: BacktestSession) -> None:
    retries = set()
    for _ in range(6):
        seen = viewers.read(asgi_server, running.session_id, until=lambda seen: bool(seen.raw))
        opening = seen.raw.split(b"\n\n")
        retries.add(int(opening[0].removeprefix(b"retry: ")))
        assert opening[1] == b": open"

    assert all(1000 <= retry <= 5000 for retry in retries)
    assert len(retries) > 1


def test_a_comment_keeps_an_idle_line_alive_s15(
    asgi_server: str, running: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stream.HEARTBEAT_SECONDS == (12.0, 18.0)
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", (0.1, 0.2))

    seen = viewers.read(
        asgi_server, running.session_id, cursor=HEAD, until=lambda seen: seen.raw.count(b": still here\n\n") >= 3
    )

    assert seen.frames == []


@pytest.mark.parametrize(
    ("cursor", "told"),
    [(None, "snapshot; head=200"), (150, "replay; head=200"), (200, "live; head=200"), (7, "snapshot; head=200")],
)
def test_the_response_headers_of_a_running_session_s16(
    asgi_server: str, running: BacktestSession, cursor: int | None, told: str
) -> None:
    seen = viewers.read(asgi_server, running.session_id, cursor=cursor, until=lambda seen: bool(seen.raw))

    assert seen.headers["content-type"] == "text/event-stream"
    assert seen.headers["cache-control"] == "no-store, no-transform"
    assert seen.headers["x-accel-buffering"] == "no"
    assert "Accept-Encoding" in seen.headers["vary"]
    assert seen.headers["content-encoding"] == "identity"
    assert seen.headers["x-backtest-stream"] == told


@pytest.mark.parametrize(
    ("cursor", "told"),
    [(None, "complete; head=312"), (300, "replay; head=312"), (312, "complete; head=312")],
)
def test_the_response_headers_of_a_finished_session_s16(
    asgi_server: str, finished: BacktestSession, cursor: int | None, told: str
) -> None:
    seen = viewers.read(asgi_server, finished.session_id, cursor=cursor)

    assert seen.headers["x-backtest-stream"] == told


def test_head_is_answered_without_a_stream(asgi_server: str, running: BacktestSession) -> None:
    response = httpx.head(f"{asgi_server}/api/backtest/{running.session_id}/stream", timeout=5)

    assert response.status_code == 200
    assert response.headers["x-backtest-stream"] == "snapshot; head=200"
    assert response.content == b""


def test_other_methods_are_refused(asgi_server: str, running: BacktestSession) -> None:
    response = httpx.post(f"{asgi_server}/api/backtest/{running.session_id}/stream", timeout=5)

    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_no_value_can_inject_a_field_s17(asgi_server: str, session: BacktestSession) -> None:
    poison = "x\r\nevent: evil\n\nid: 99\r\r\0\u2028\u2029\u0085data: y"
    events = sessions.events_of(session)[:3]
    node_event = events[2]["data"] | {"node_name": poison, "conditions_preview": poison}
    sessions.publish(session, [*events[:2], {"event": "node_event", "data": node_event}])

    replayed = viewers.read(asgi_server, session.session_id, cursor=0, until=_has(2))
    snapshot = viewers.read(asgi_server, session.session_id, until=_has(1))

    assert replayed.types == ["tick_update", "node_event"]
    assert replayed.ids == [1, 2]
    assert json.loads(replayed.frames[1].data)["node_name"] == poison
    history = snapshots.unpack(json.loads(snapshot.frames[0].data)["diagnostics"])["events_history"]
    assert [entry["node_name"] for entry in history.values()] == [poison]
