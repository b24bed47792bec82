"""
The worker's side of a GRIP proxy: what the log has committed is published, fire and forget.

A batch goes to the proxy when its transaction is over, from a thread of its own. Nothing waits for it: where the proxy
is away or slow, batches wait in a queue of bounded size, the oldest are dropped, and the newest failure is logged once.
Nothing is lost by that. Each item names the one before it (`prev-id`), so the proxy sees the hole and asks for what is
missing by the link that it was given (see `held_stream`).

Each batch is published twice: to the session's stream as the frames of the log, and to the channel of
django-eventstream's endpoint as that package writes them. An item is a batch, or a part of one: what a proxy does, it
does for each item and viewer.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import gripcontrol
import jwt
import orjson
import urllib3
from django.conf import settings
from django.db import transaction

from streaming import grip
from streaming.protocol import frames, messages
from streaming.sse_event_emitter import EncodedEvent

logger = logging.getLogger(__name__)

#: What may wait for the proxy.
MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
#: What one item holds at most, but for an event that is larger itself. Pushpin takes 1,000,000 bytes at once; as JSON
#: the text grows by its quotation marks, and there are two of it.
MAX_ITEM_BYTES: Final = 256 * 1024

#: How long the proxy may take for one batch.
TIMEOUT_SECONDS: Final = 3.0
#: Between two attempts while the proxy is away.
_RETRY_SECONDS: Final = (0.1, 0.5, 2.0)
#: How long the process waits at its end for what is still to be published.
_FAREWELL_SECONDS: Final = 2.0
_TOKEN_SECONDS: Final = 3600
_TAKEN: Final = range(200, 300)
_REFUSED: Final = range(400, 500)
#: The first one is told to nobody: a connection that was kept and has been closed meanwhile fails once.
_LOGGED_FAILURE: Final = 2


class _Event(NamedTuple):
    event_id: int
    event_type: str
    data_json: bytes


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is published with one request."""

    session_id: str
    #: Consecutive; empty where a channel is only to be closed.
    events: tuple[_Event, ...] = ()
    #: Whose viewers are sent away, without an event.
    closed_channel: str = ""

    @property
    def size(self) -> int:
        return sum(len(event.data_json) for event in self.events)

    def items(self, prefix: str) -> list[dict[str, Any]]:
        if self.closed_channel:
            return [{"channel": prefix + self.closed_channel, "formats": {"http-stream": {"action": "close"}}}]
        first, last = self.events[0].event_id, self.events[-1].event_id
        ids = {"id": str(last), "prev-id": str(first - 1)}
        ours = {"content": b"".join(map(_frame, self.events)).decode()}
        name = quote(self.session_id)
        # The package's channels have this filter, which takes per cent signs for its own unless they are doubled.
        stock_text = b"".join([_stock_frame(name, event) for event in self.events]).decode().replace("%", "%%")
        stock = {"content": stock_text, "content-filters": ["build-id"]}
        channel = prefix + grip.session_channel(self.session_id)
        items: list[dict[str, Any]] = [
            {"channel": channel, **ids, "formats": {"http-stream": ours}},
            {"channel": prefix + grip.stock_channel(self.session_id), **ids, "formats": {"http-stream": stock}},
        ]
        if self.events[-1].event_type == messages.BACKTEST_COMPLETE:
            # An item of its own, and after the last event: who missed that is not sent away, but recovers it first.
            ids = {"id": f"{last}-end", "prev-id": str(last)}
            items.append({"channel": channel, **ids, "formats": {"http-stream": {"action": "close"}}})
        return items


def _frame(event: _Event) -> bytes:
    return frames.encode_frame(event.event_type, event.data_json, event.event_id)


def _stock_frame(name: str, event: _Event) -> bytes:
    """Write an event as `django_eventstream.utils.sse_encode_event` does."""
    return b"event: %b\nid: %b:%d\ndata: %b\n\n" % (
        event.event_type.encode(),
        name.encode(),
        event.event_id,
        event.data_json,
    )


def is_wanted() -> bool:
    """Tell whether there is a proxy that wants to be told of events."""
    return settings.GRIP_URL is not None


def publish_after_commit(session_id: str, batch: Sequence[EncodedEvent]) -> None:
    """Have a batch published when the transaction that it is written in is committed; nothing where no proxy is."""
    if batch and is_wanted():
        transaction.on_commit(partial(get_publisher().publish, session_id, batch))


def get_publisher() -> GripPublisher:
    """Return this process's publisher to the proxy of the settings."""
    return _publisher_to(settings.GRIP_URL, settings.GRIP_PREFIX)


@lru_cache(maxsize=1)
def _publisher_to(url: str, prefix: str) -> GripPublisher:
    publisher = GripPublisher(url, prefix=prefix)
    atexit.register(publisher.close)
    return publisher


class GripPublisher:
    """Publish to one proxy, from a thread that begins with the first batch."""

    def __init__(self, url: str, *, prefix: str = "") -> None:
        """Remember where; `url` is as GRIP_URL has it, checked."""
        #: Batches that were not published, for good.
        self.dropped = 0
        self._proxy: dict[str, Any] = gripcontrol.parse_grip_uri(url)
        self._address = f"{self._proxy['control_uri'].rstrip('/')}/publish/"
        self._prefix = prefix
        self._http = urllib3.PoolManager(num_pools=1, maxsize=1, timeout=TIMEOUT_SECONDS, retries=False)
        self._waiting: deque[_Batch] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closing = False
        #: Attempts that failed since the last one that did not.
        self._failures = 0

    def publish(self, session_id: str, batch: Sequence[EncodedEvent]) -> None:
        """Take events that follow each other; returns at once, whatever becomes of them."""
        for events in _parts(batch):
            self._put(_Batch(session_id, events))

    def close_channel(self, channel: str) -> None:
        """Have everybody sent away whom the proxy holds for a channel."""
        self._put(_Batch("", closed_channel=channel))

    def close(self) -> None:
        """Publish what waits, as far as the proxy takes it in a moment, and end."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=_FAREWELL_SECONDS)

    def _put(self, batch: _Batch) -> None:
        with self._changed:
            self._waiting.append(batch)
            self._waiting_bytes += batch.size
            while self._waiting_bytes > MAX_WAITING_BYTES and len(self._waiting) > 1:
                self._waiting_bytes -= self._waiting.popleft().size
                self.dropped += 1
            if self._thread is None:
                # A daemon: the process must be able to end while the proxy does not answer.
                self._thread = threading.Thread(target=self._run, name="publisher to the proxy", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    # In the thread

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            if not self._send(batch):
                if self._is_closing:
                    return
                self._put_back(batch)
                # Not woken by batches that come: they are no reason to knock earlier.
                time.sleep(_RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS)) - 1])

    def _next(self) -> _Batch | None:
        """Wait for the oldest batch; None where none will come."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or self._is_closing)
            if not self._waiting:
                return None
            batch = self._waiting.popleft()
            self._waiting_bytes -= batch.size
            return batch

    def _put_back(self, batch: _Batch) -> None:
        with self._changed:
            self._waiting.appendleft(batch)
            self._waiting_bytes += batch.size

    def _send(self, batch: _Batch) -> bool:
        """Send a batch; return whether that is done with, rather than to be tried again."""
        try:
            answer = self._http.request(
                "POST",
                self._address,
                body=orjson.dumps({"items": batch.items(self._prefix)}),
                headers={"Content-Type": "application/json", **self._proof()},
            )
        except urllib3.exceptions.HTTPError as error:
            return self._fail(str(error))
        if answer.status in _REFUSED:
            self.dropped += 1
            logger.error(
                "The proxy refuses what session %s publishes: %d %s", batch.session_id, answer.status, answer.data[:200]
            )
            return True
        if answer.status not in _TAKEN:
            return self._fail(f"status {answer.status}")
        if self._failures >= _LOGGED_FAILURE:
            logger.warning("The proxy takes what is published again; %d batches were dropped so far.", self.dropped)
        self._failures = 0
        return True

    def _fail(self, reason: str) -> bool:
        self._failures += 1
        if self._failures == _LOGGED_FAILURE:
            logger.warning("The proxy does not take what is published, runs go on without it: %s", reason)
        return False

    def _proof(self) -> dict[str, str]:
        """Say who publishes, to a proxy that wants to know."""
        key = self._proxy.get("key")
        if key is None:
            return {}
        if issuer := self._proxy.get("control_iss"):
            claim = {"iss": issuer, "exp": int(time.time()) + _TOKEN_SECONDS}
            return {"Authorization": f"Bearer {jwt.encode(claim, key, algorithm='HS256')}"}
        return {"Authorization": f"Bearer {key}"}


def _parts(batch: Sequence[EncodedEvent]) -> Iterator[tuple[_Event, ...]]:
    """Cut a batch into parts that a proxy takes at once."""
    part: list[_Event] = []
    size = 0
    for event in batch:
        if part and size + len(event.data_json) > MAX_ITEM_BYTES:
            yield tuple(part)
            part, size = [], 0
        part.append(_Event(event.event_id, event.event, event.data_json))
        size += len(event.data_json)
    if part:
        yield tuple(part)
