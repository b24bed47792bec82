"""A session's channel of django-eventstream: its endpoint replays from the log and is fed by the relay."""

import json
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django_eventstream import send_event
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from streaming import channels
from streaming.protocol.frames import FrameParser
from streaming.publisher import LogPublisher
from streaming.sse_event_emitter import SSEEvent
from tests import sessions


def _listen(
    base: str, session_id: str, *, cursor: str | None, until: int, query: str = ""
) -> Iterator[tuple[str, int]]:
    """Yield type and id of each event until one has the id."""
    headers = {} if cursor is None else {"Last-Event-ID": cursor}
    with (
        httpx.Client(timeout=20) as client,
        client.stream("GET", f"{base}/events/{session_id}/{query}", headers=headers) as response,
    ):
        assert response.status_code == 200
        parser = FrameParser()
        for chunk in response.iter_raw():
            for frame in parser.feed(chunk):
                if frame.event in ("stream-open", "keep-alive"):
                    continue
                name, _, event_id = frame.last_event_id.rpartition(":")
                assert name == session_id
                yield frame.event, int(event_id)
                if int(event_id) >= until:
                    return


def test_the_stock_endpoint_replays_from_the_log(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent]
) -> None:
    sessions.publish(session, events)

    name = session.session_id
    seen = list(_listen(asgi_server, name, cursor=f"{name}:-1", until=312))

    assert [event_id for _, event_id in seen] == list(range(313))
    assert [kind for kind, _ in seen] == [event["event"] for event in events]


def test_events_of_another_thread_reach_its_listeners_live_each_once(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent]
) -> None:
    sessions.publish(session, events[:50])
    name = session.session_id
    seen: dict[int, list[int]] = {}

    def listen(number: int) -> None:
        seen[number] = [
            event_id for _, event_id in _listen(asgi_server, name, cursor=f"{name}:{40 + number}", until=312)
        ]

    listeners = [threading.Thread(target=listen, args=(number,)) for number in range(3)]
    for listener in listeners:
        listener.start()
    time.sleep(0.5)
    with LogPublisher(session, underlying=sessions.UNDERLYING) as publisher:
        for event in events[50:]:
            publisher.publish(sessions.encoded(event))
            time.sleep(0.003)
    for listener in listeners:
        listener.join(timeout=30)

    assert seen == {number: list(range(41 + number, 313)) for number in range(3)}


def test_a_listener_without_a_cursor_gets_what_comes_from_now_on(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent]
) -> None:
    sessions.publish(session, events[:50])
    seen: list[int] = []

    def listen() -> None:
        seen.extend(event_id for _, event_id in _listen(asgi_server, session.session_id, cursor=None, until=60))

    listener = threading.Thread(target=listen)
    listener.start()
    time.sleep(0.5)
    sessions.publish(session, events[:61])
    listener.join(timeout=20)

    assert seen == list(range(50, 61))


@pytest.mark.parametrize("cursor", ["nonsense", "other:5", "17", "{name}:x", "{name}:-7"])
def test_a_bad_cursor_counts_as_none(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent], cursor: str
) -> None:
    sessions.publish(session, events[:10])

    def write_later() -> None:
        time.sleep(0.5)
        sessions.publish(session, events[:12])
        connection.close()

    writer = threading.Thread(target=write_later)
    writer.start()
    name = session.session_id
    seen = list(_listen(asgi_server, name, cursor=cursor.format(name=name), until=11, query="?lastEventId=nonsense"))
    writer.join()

    assert [event_id for _, event_id in seen] == [10, 11]


def test_a_session_that_somebody_may_not_see_is_404(
    asgi_server: str, session: BacktestSession, settings: Settings
) -> None:
    settings.PUBLIC_VIEWING = False

    assert httpx.get(f"{asgi_server}/events/{session.session_id}/").status_code == 404
    assert httpx.get(f"{asgi_server}/events/no-such/").status_code == 404


def test_the_channel_has_the_sessions_own_rule(session: BacktestSession, settings: Settings) -> None:
    settings.PUBLIC_VIEWING = False
    manager = channels.SessionChannels()
    staff = User.objects.create_user("staff", is_staff=True)

    assert manager.can_read_channel(staff, session.session_id)
    assert not manager.can_read_channel(User.objects.create_user("stranger"), session.session_id)
    assert not manager.can_read_channel(None, session.session_id)
    assert not manager.can_read_channel(AnonymousUser(), session.session_id)
    assert not manager.can_read_channel(staff, "no-such")


def test_nobody_but_the_run_sends_into_a_sessions_channel(session: BacktestSession) -> None:
    with pytest.raises(channels.ChannelClosed, match=session.session_id):
        send_event(session.session_id, "tick_update", {"event_id": 0})


def test_the_events_data_are_those_of_the_log(session: BacktestSession, events: list[SSEEvent]) -> None:
    sessions.publish(session, events)

    stored = channels.LogStorage().get_events(session.session_id, 67, limit=2)

    assert [(event.id, event.type, json.loads(event.data)) for event in stored] == [
        (68, "trade_update", events[68]["data"]),
        (69, "tick_update", events[69]["data"]),
    ]
