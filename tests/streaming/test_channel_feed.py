"""
django-eventstream's own views, unchanged, on our log: several sessions at once, and its view for the REST framework.

The sessions run in another process; nothing but Postgres is between.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_eventstream.eventrequest import EventRequest
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from streaming import channel_feed
from streaming.protocol.frames import Frame, FrameParser
from streaming.sse_event_emitter import SSEEvent
from tests import sessions

LAST = 312


@pytest.fixture
def stock_views(settings: Settings) -> None:
    """Mount the package's own views, with the renderers that its manual asks for."""
    settings.ROOT_URLCONF = "tests.streaming.stock_urls"
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_RENDERER_CLASSES": [
            "rest_framework.renderers.JSONRenderer",
            "django_eventstream.renderers.SSEEventRenderer",
            "django_eventstream.renderers.BrowsableAPIEventStreamRenderer",
        ],
    }


@dataclass
class Heard:
    """What a listener heard."""

    status: int = 0
    frames: list[Frame] = field(default_factory=list)
    is_open: threading.Event = field(default_factory=threading.Event)
    was_ended: bool = False

    def of(self, name: str) -> list[int]:
        """Return the event ids of one session, as their payloads tell them."""
        data = [json.loads(frame.data) for frame in self.frames if frame.event not in ("stream-open", "keep-alive")]
        return [one["event_id"] for one in data if one.get("session_id") == name]


@contextmanager
def _listening(url: str, until: Callable[[Heard], bool], **options: Any) -> Iterator[Heard]:  # noqa: ANN401 - httpx's
    """Listen in a thread of its own while the block runs, and until what is waited for has come."""
    heard = Heard()

    def listen() -> None:
        with httpx.Client(timeout=20) as client, client.stream("GET", url, **options) as response:
            heard.status = response.status_code
            parser = FrameParser()
            deadline = time.monotonic() + 40
            for chunk in response.iter_raw():
                heard.frames += parser.feed(chunk)
                heard.is_open.set()
                if until(heard):
                    return
                assert time.monotonic() < deadline
            heard.was_ended = True

    listener = threading.Thread(target=listen)
    listener.start()
    assert heard.is_open.wait(20)
    yield heard
    listener.join(timeout=60)
    assert not listener.is_alive()


def _signed_in() -> dict[str, str]:
    client = Client()
    client.force_login(User.objects.create_user("staff", is_staff=True))
    return {"sessionid": client.cookies["sessionid"].value}


def _is_complete(heard: Heard) -> bool:
    return bool(heard.frames) and heard.frames[-1].event == "backtest_complete"


def test_a_worker_process_reaches_a_listener_of_the_stock_endpoint(
    asgi_server: str, session: BacktestSession, start_worker_process: Callable[..., object]
) -> None:
    with _listening(f"{asgi_server}/events/{session.session_id}/", _is_complete) as heard:
        start_worker_process()

    assert heard.frames[0] == Frame("stream-open", "", "")
    assert heard.of(session.session_id) == list(range(LAST + 1))
    assert heard.frames[-1].last_event_id == f"{session.session_id}:{LAST}"


def test_the_packages_own_view_and_its_rest_view_need_no_change(
    stock_views: None, asgi_server: str, session: BacktestSession, events: list[SSEEvent]
) -> None:
    """Mounted by somebody else, with their own ways of naming a channel; the REST framework wants a sign-in first."""
    sessions.publish(session, events[:50])
    name = session.session_id
    ask = {
        "headers": {"Last-Event-ID": f"{name}:40", "Accept": "text/event-stream"},
        "cookies": _signed_in(),
    }
    with (
        _listening(f"{asgi_server}/stock-events/?channel={name}", _is_complete, **ask) as of_view,
        _listening(f"{asgi_server}/rest-events/{name}/", _is_complete, **ask) as of_rest_view,
        _listening(f"{asgi_server}/rest-events/?channels={name}", _is_complete, **ask) as of_rest_list,
    ):
        sessions.publish(session, events)

    for heard in (of_view, of_rest_view, of_rest_list):
        assert heard.of(name) == list(range(41, LAST + 1))


def test_one_listener_of_two_sessions_gets_each_event_once_and_can_resume_both(
    stock_views: None, asgi_server: str, session: BacktestSession, events: list[SSEEvent]
) -> None:
    other = sessions.create_session()
    others_events = sessions.events_of(other)
    one, two = session.session_id, other.session_id
    url = f"{asgi_server}/stock-events/?channel={one}&channel={two}"

    def has_both(heard: Heard) -> bool:
        return heard.of(one)[-1:] == [LAST] and heard.of(two)[-1:] == [LAST]

    sessions.publish(session, events[:30])
    with _listening(url, lambda heard: has_both(heard) or len(heard.frames) > 150) as first:
        for end in range(31, 120, 7):
            sessions.publish(session, events[:end])
            sessions.publish(other, others_events[: end + 20])
    with _listening(url, has_both, headers={"Last-Event-ID": first.frames[-1].last_event_id}) as second:
        sessions.publish(session, events)
        sessions.publish(other, others_events)

    assert first.of(one) + second.of(one) == list(range(30, LAST + 1))
    assert first.of(two) + second.of(two) == list(range(LAST + 1))


def test_a_cursor_that_the_log_does_not_know_any_more_is_told_to_start_afresh(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent]
) -> None:
    sessions.publish(session, events[:50])
    name = session.session_id

    with _listening(
        f"{asgi_server}/events/{name}/",
        lambda heard: heard.of(name)[-1:] == [59],
        headers={"Last-Event-ID": f"{name}:4000"},
    ) as heard:
        sessions.publish(session, events[:60])

    reset = heard.frames[1]
    assert (reset.event, json.loads(reset.data), reset.last_event_id) == (
        "stream-reset",
        {"channels": [name]},
        f"{name}:49",
    )
    assert heard.of(name) == list(range(50, 60))


def test_a_listener_that_loses_the_right_is_told_so_and_let_go(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent], settings: Settings
) -> None:
    """S12: within five seconds, and by the package's own event."""
    settings.PUBLIC_VIEWING = False
    sessions.publish(session, events[:50])
    cookies = _signed_in()

    with _listening(f"{asgi_server}/events/{session.session_id}/", lambda _heard: False, cookies=cookies) as heard:
        User.objects.update(is_staff=False)

    assert heard.was_ended
    assert heard.frames[-1].event == "stream-error"
    assert json.loads(heard.frames[-1].data)["condition"] == "forbidden"


def test_a_listener_counts_as_an_open_stream(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent], settings: Settings
) -> None:
    settings.STREAM_LIMIT_TOTAL = 1
    sessions.publish(session, events[:50])
    url = f"{asgi_server}/events/{session.session_id}/"

    with _listening(url, lambda heard: heard.of(session.session_id)[-1:] == [50]):
        refused = httpx.get(url)
        sessions.publish(session, events[:51])

    assert refused.status_code == 200
    assert refused.text == "retry: 30000\n\n: too many open streams\n\n"


@pytest.mark.parametrize("limit", [1, 100])
def test_what_a_proxy_is_answered_is_cut_where_it_is_too_long(
    session: BacktestSession, events: list[SSEEvent], limit: int
) -> None:
    """The cursor that the package moves on stays where the shorter answer ends."""
    for event in events:
        event["data"] = {**event["data"], "note": "x" * 5000}
    sessions.publish(session, events[:100])
    request = EventRequest()
    request.is_next = False
    request.channels = {session.session_id}
    request.channel_last_ids = {session.session_id: "9"}

    response = channel_feed.get_events(request, limit=limit)

    items = response.channel_items[session.session_id]
    assert 1 <= len(items) < 20
    assert items[0].id == 10
    assert sum(len(item.data) for item in items) <= max(channel_feed.MAX_ANSWER_BYTES, len(items[0].data))
    assert request.channel_last_ids == {session.session_id: items[-1].id}
    assert response.channel_more == {session.session_id}
