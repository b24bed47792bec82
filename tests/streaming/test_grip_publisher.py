"""What is published to a GRIP proxy, and that no run ever waits for one: a small HTTP server stands for the proxy."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from django.db import transaction
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from streaming import event_log, grip_publisher
from streaming.grip_publisher import GripPublisher
from streaming.sse_event_emitter import EncodedEvent, SSEEvent
from tests import sessions

KEY = "k" * 32


@dataclass
class Proxy:
    """What the server was sent, and what it answers next."""

    url: str = ""
    posts: list[dict[str, Any]] = field(default_factory=list)
    proofs: list[str | None] = field(default_factory=list)
    #: Answers before 200 becomes the answer.
    statuses: list[int] = field(default_factory=list)

    @property
    def items(self) -> list[dict[str, Any]]:
        """All items, in the order in which they came."""
        return [item for post in self.posts for item in post["items"]]

    def text(self, channel: str) -> str:
        """Put together what a channel's viewers were sent."""
        streams = [item["formats"]["http-stream"] for item in self.items if item["channel"] == channel]
        return "".join(stream.get("content", "") for stream in streams)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Serve a proxy that takes what is published."""
    told = Proxy()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = told.statuses.pop(0) if told.statuses else 200
            if status == 200:
                told.posts.append(body)
                told.proofs.append(self.headers.get("Authorization"))
                assert self.path == "/publish/"
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield told
        server.shutdown()
        thread.join()


def _wait(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _sized(*sizes: int) -> list[EncodedEvent]:
    return [
        EncodedEvent("tick_update", number, data_json=b'{"text":"%b"}' % (b"x" * size))
        for number, size in enumerate(sizes)
    ]


def test_a_run_publishes_each_frame_once_in_order_and_closes_at_the_end(
    proxy: Proxy, session: BacktestSession, events: list[SSEEvent], settings: Settings
) -> None:
    """S8: every item names the one before it."""
    settings.GRIP_URL, settings.GRIP_PREFIX = proxy.url, "site."

    sessions.publish(session, events[:3])
    sessions.publish(session, events)
    _wait(lambda: bool(proxy.items) and proxy.items[-1]["formats"]["http-stream"].get("action") == "close")

    ours = f"site.backtest-{session.session_id}"
    items = [item for item in proxy.items if item["channel"] == ours]
    assert items[0]["prev-id"] == "-1"
    assert [item["prev-id"] for item in items[1:]] == [item["id"] for item in items[:-1]]
    assert items[-1]["id"] == "312-end"
    frames = event_log.read_frames(session.pk, after=-1, limit=400)
    assert proxy.text(ours).encode() == b"".join(frame for _, frame in frames)


def test_listeners_of_the_package_are_sent_its_own_form(
    proxy: Proxy, session: BacktestSession, events: list[SSEEvent], settings: Settings
) -> None:
    settings.GRIP_URL = proxy.url
    events[1]["data"] = {**events[1]["data"], "note": "100 %I"}

    sessions.publish(session, events[:2])
    _wait(lambda: len(proxy.posts) > 0)

    name = session.session_id
    stock = [item for item in proxy.items if item["channel"] == f"events-{name}"]
    assert {tuple(item["formats"]["http-stream"]["content-filters"]) for item in stock} == {("build-id",)}
    text = proxy.text(f"events-{name}")
    assert text.startswith(f"event: initial_state\nid: {name}:0\ndata: {{")
    assert "100 %%I" in text


def test_nothing_is_published_of_a_batch_that_is_rolled_back(
    proxy: Proxy, session: BacktestSession, settings: Settings
) -> None:
    settings.GRIP_URL = proxy.url

    with transaction.atomic():
        grip_publisher.publish_after_commit(session.session_id, _sized(1))
        transaction.set_rollback(True)
    with transaction.atomic():
        grip_publisher.publish_after_commit("other", _sized(1))
    _wait(lambda: len(proxy.posts) > 0)

    assert {item["channel"] for item in proxy.items} == {"backtest-other", "events-other"}


@pytest.mark.parametrize("kind", ["gone", "silent"])
def test_a_run_does_not_wait_for_a_proxy_that_does_not_answer(
    session: BacktestSession, events: list[SSEEvent], settings: Settings, kind: str
) -> None:
    """S13: nobody listens, or somebody takes the request and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        settings.GRIP_URL = f"http://127.0.0.1:{silent.getsockname()[1]}"
        if kind == "gone":
            silent.close()

        # It would be tried again and again: a run that waited for it would never end.
        sessions.run_here(session)

        assert session.state == "completed"
        assert event_log.read_state(session.pk).head == 312
        assert grip_publisher.get_publisher().dropped == 0
        grip_publisher.get_publisher().close()


def test_what_waits_is_bounded_and_the_newest_is_kept(proxy: Proxy) -> None:
    proxy.statuses = [503, 503]
    publisher = GripPublisher(proxy.url)

    publisher.publish("first", _sized(10))
    _wait(lambda: len(proxy.statuses) < 2)
    for number in range(20):
        publisher.publish(f"session-{number}", _sized(1024 * 1024))
    _wait(lambda: len(proxy.posts) > 0 and proxy.posts[-1]["items"][0]["channel"] == "backtest-session-19")

    assert publisher.dropped >= 4
    assert len(proxy.posts) + publisher.dropped == 21
    publisher.close()


def test_a_batch_is_tried_again_until_the_proxy_takes_it(proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    proxy.statuses = [500, 502, 503]
    publisher = GripPublisher(proxy.url)

    publisher.publish("one", _sized(10))
    publisher.publish("two", _sized(10))
    _wait(lambda: len(proxy.posts) == 2)
    publisher.close()

    assert [post["items"][0]["channel"] for post in proxy.posts] == ["backtest-one", "backtest-two"]
    told = [record.message for record in caplog.records]
    assert told == [
        "The proxy does not take what is published, runs go on without it: status 502",
        "The proxy takes what is published again; 0 batches were dropped so far.",
    ]


def test_a_batch_that_the_proxy_refuses_is_let_go(proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    proxy.statuses = [413]
    publisher = GripPublisher(proxy.url)

    publisher.publish("large", _sized(10))
    publisher.publish("next", _sized(10))
    _wait(lambda: len(proxy.posts) == 1)
    publisher.close()

    assert proxy.items[0]["channel"] == "backtest-next"
    assert publisher.dropped == 1
    assert "session large" in caplog.text


def test_a_large_batch_is_published_in_parts_that_a_proxy_takes(proxy: Proxy) -> None:
    publisher = GripPublisher(proxy.url)

    publisher.publish("many", _sized(*[100_000] * 6))
    publisher.close()

    ours = [item for item in proxy.items if item["channel"] == "backtest-many"]
    assert [(item["prev-id"], item["id"]) for item in ours] == [("-1", "1"), ("1", "3"), ("3", "5")]
    assert all(len(json.dumps(post)) < 1_000_000 for post in proxy.posts)


def test_what_waits_at_the_end_is_published_and_a_channel_can_be_closed(proxy: Proxy) -> None:
    publisher = GripPublisher(proxy.url, prefix="p.")

    publisher.publish("last", _sized(10))
    publisher.close_channel("sign-in-1")
    publisher.close()

    assert proxy.items[-1] == {"channel": "p.sign-in-1", "formats": {"http-stream": {"action": "close"}}}
    assert len(proxy.posts) == 2


@pytest.mark.parametrize("written", [KEY, "base64:" + base64.b64encode(KEY.encode()).decode()])
def test_a_hosted_proxy_is_shown_a_signed_proof(proxy: Proxy, written: str) -> None:
    publisher = GripPublisher(f"{proxy.url}/?iss=realm&key={written}")

    publisher.publish("one", _sized(10))
    publisher.close()

    (proof,) = proxy.proofs
    assert proof is not None
    claim = jwt.decode(proof.removeprefix("Bearer "), KEY, algorithms=["HS256"])
    assert claim["iss"] == "realm"
    assert claim["exp"] > time.time()


def test_a_key_alone_is_shown_as_it_is(proxy: Proxy) -> None:
    publisher = GripPublisher(f"{proxy.url}?key={KEY}")

    publisher.publish("one", _sized(10))
    publisher.close()

    assert proxy.proofs == [f"Bearer {KEY}"]
