"""
What django-eventstream lacks for a log that other processes write: a feed of its listeners, and small answers.

The package hears of an event where `send_event` is called, or by Redis. Ours come from the workers, by way of the log.
So while somebody listens to a session's channel, the web process shares the session's feed (see `relay`) and hands each
new event to its local listeners, whichever of the package's views they came by: its own, `include`d or not, or the one
for the REST framework. What the package then sends twice is dropped, the right to look is looked at again, and the
listener counts as an open stream.

Behind a GRIP proxy the package answers with at most a hundred events, but Pushpin takes at most 100,000 bytes of such
an answer; it is told to ask for the rest sooner.

`install` puts both in the place of the package's own functions, for which it has no setting.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, close_old_connections
from django_eventstream import eventstream, utils, views
from django_eventstream.event import Event

from strategies.models import BacktestSession
from streaming import farewell
from streaming.protocol import frames
from streaming.relay import Frames, get_relay
from streaming.stream_places import places

logger = logging.getLogger(__name__)

#: What an answer to a GRIP proxy may hold: Pushpin's 100,000 bytes without the opening and what is put between.
MAX_ANSWER_BYTES: Final = 90_000
#: How often the right to look is looked at again; with the time that this takes, within 5 s of losing it.
PERMISSION_SECONDS: Final = 2.5

_EVENT_END: Final = "\n\n"
_ID_LINE: Final = re.compile(r"^id: ([A-Za-z0-9._%-]+:\d+(?:,[A-Za-z0-9._%-]+:\d+)*)$", re.MULTILINE)
_CURSOR: Final = re.compile(r"-1|0|[1-9][0-9]{0,17}")
_REFUSED_RETRY_MS: Final = 30_000

_stock_stream = views.stream
_stock_get_events = eventstream.get_events


def install() -> None:
    """Feed all listeners of this process from now on; called once when Django starts."""
    views.stream = stream
    eventstream.get_events = get_events


def event_of_frame(channel: str, event_id: int, frame: bytes) -> Event:
    """Read an event of the log as one of the package."""
    parsed = frames.FrameParser().feed(frame)[0]
    return Event(channel, parsed.event, parsed.data, id=event_id)


async def stream(event_request: Any, listener: Any) -> AsyncIterator[str]:  # noqa: ANN401 - the package has no types
    """Send a listener's events; in the place of `django_eventstream.views.stream`."""
    place = places.take(event_request.user.pk if event_request.user else None)
    if place is None:
        # Any status but 200 would end a native EventSource for good.
        yield (frames.encode_retry(_REFUSED_RETRY_MS) + frames.encode_comment("too many open streams")).decode()
        return
    try:
        async with AsyncExitStack() as feeds:
            await _feed(feeds, event_request)
            guard = _Guard(event_request)
            watching = asyncio.create_task(guard.watch(), name="permission of a listener")
            try:
                sent: dict[str, int] = {}
                parts = await feeds.enter_async_context(aclosing(_stock_stream(event_request, listener)))
                async for part in _until(parts, guard.is_over):
                    if text := _without_repeats(part, sent):
                        yield text
                if guard.lost:
                    text = f"Permission denied to channels: {', '.join(guard.lost)}"
                    yield utils.sse_encode_error("forbidden", text, extra={"channels": guard.lost})
            finally:
                watching.cancel()
    finally:
        places.give_back(place)


def get_events(request: Any, limit: int = 100, user: Any = None) -> Any:  # noqa: ANN401 - the package has no types
    """Read a listener's events; in the place of `django_eventstream.eventstream.get_events`."""
    cursors = dict(request.channel_last_ids)
    response = _stock_get_events(request, limit=limit, user=user)
    while limit > 1 and not getattr(request, "is_fed", False) and (size := _answer_bytes(response)) > MAX_ANSWER_BYTES:
        limit = max(1, min(limit - 1, limit * MAX_ANSWER_BYTES // size))
        # Where there was more, it has moved them on.
        request.channel_last_ids = dict(cursors)
        response = _stock_get_events(request, limit=limit, user=user)
    return response


def _answer_bytes(response: Any) -> int:  # noqa: ANN401 - the package has no types
    return sum(len(event.data.encode()) + 100 for events in response.channel_items.values() for event in events)


async def _feed(feeds: AsyncExitStack, event_request: Any) -> None:  # noqa: ANN401 - the package has no types
    """Share the feeds of a listener's sessions; give it a cursor in each, so that no event falls between two reads."""
    event_request.is_fed = True
    storage = utils.get_storage()
    for channel, session_pk in (await sync_to_async(_sessions)(event_request.channels)).items():
        feed = await feeds.enter_async_context(get_relay().watch(session_pk))
        # What the feed reads first is history, which the listener reads from the log by itself.
        await feed.is_ready.wait()
        # One hand-over for all listeners of the session; it stays as long as the feed.
        feed.listeners.setdefault("channels", _HandOver(channel, feed.head))
        if not _CURSOR.fullmatch(str(event_request.channel_last_ids.get(channel))):
            event_request.channel_last_ids[channel] = str(await sync_to_async(storage.get_current_id)(channel))


def _sessions(channels: Iterable[str]) -> dict[str, int]:
    try:
        return dict(BacktestSession.objects.filter(session_id__in=channels).values_list("session_id", "pk"))
    finally:
        close_old_connections()


class _HandOver:
    """Hands new events of a session to all its listeners here."""

    def __init__(self, channel: str, head: int) -> None:
        self._channel = channel
        #: The last event that the feed has told of.
        self._head = head

    def __call__(self, new: Frames) -> None:
        manager = views.get_listener_manager()
        follows, self._head = new[0][0] == self._head + 1, new[-1][0]
        if self._channel not in manager.listeners_by_channel:
            return
        if follows and len(new) <= views.MAX_PENDING:
            for event_id, frame in new:
                manager.add_to_queues(self._channel, event_of_frame(self._channel, event_id, frame))
            return
        # More than its queue holds, or the feed began anew further on: each reads on from where it is.
        with manager.lock:
            for listener in manager.listeners_by_channel.get(self._channel, ()):
                listener.overflow = True
                listener.wake_threadsafe()


async def _until(parts: AsyncIterator[str], is_over: asyncio.Event) -> AsyncIterator[str]:
    """Pass parts on until something is over, also while none comes."""
    over = asyncio.ensure_future(is_over.wait())
    try:
        while True:
            coming = asyncio.ensure_future(_next(parts))
            try:
                await asyncio.wait({coming, over}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not coming.done():
                    # The package's own clean-up happens in there.
                    coming.cancel()
                    with suppress(asyncio.CancelledError):
                        await coming
            if coming.cancelled() or (part := coming.result()) is None:
                return
            yield part
    finally:
        over.cancel()


async def _next(parts: AsyncIterator[str]) -> str | None:
    return await anext(parts, None)


class _Guard:
    """Looks again and again whether a listener may still look, and whether the process ends."""

    def __init__(self, event_request: Any) -> None:  # noqa: ANN401 - the package has no types
        self.is_over = asyncio.Event()
        #: Channels that may not be read any more.
        self.lost: list[str] = []
        self._channels = sorted(event_request.channels)
        self._user_pk: int | None = event_request.user.pk if event_request.user else None
        self._ending = farewell.get_ending()

    async def watch(self) -> None:
        while not (self.lost or self._ending.is_set()):
            with suppress(TimeoutError):
                async with asyncio.timeout(PERMISSION_SECONDS):
                    await self._ending.wait()
            try:
                self.lost = await asyncio.to_thread(self._look)
            except DatabaseError:
                # Nothing is lost by waiting for the database; nothing new comes either.
                logger.exception("Permission for %s could not be looked up.", ", ".join(self._channels))
        self.is_over.set()

    def _look(self) -> list[str]:
        manager = utils.get_channelmanager()
        try:
            user: AbstractBaseUser | None = None
            if self._user_pk is not None:
                user = get_user_model().objects.filter(pk=self._user_pk).first()
            return [channel for channel in self._channels if not manager.can_read_channel(user, channel)]
        finally:
            close_old_connections()


def _without_repeats(text: str, sent: dict[str, int]) -> str:
    """
    Drop events that were sent before: the package reads again where events come while it reads.

    An id names the last event of each channel, `one:5,other:7`. What was read again names too old ones of the other
    channels; they are corrected, so that the listener's cursor never goes back.
    """
    kept = []
    for event in text.split(_EVENT_END)[:-1]:
        found = _ID_LINE.search(event)
        if found is not None:
            ids = _read_ids(found[1])
            if "event: stream-reset" not in event and all(sent.get(name, -1) >= ids[name] for name in ids):
                continue
            sent.update({name: max(number, sent.get(name, -1)) for name, number in ids.items()})
            event = event.replace(found[0], f"id: {_write_ids({name: sent[name] for name in ids})}", 1)
        kept.append(event + _EVENT_END)
    return "".join(kept)


def _read_ids(text: str) -> dict[str, int]:
    return {name: int(number) for name, _, number in (part.rpartition(":") for part in text.split(","))}


def _write_ids(ids: Mapping[str, int]) -> str:
    return ",".join(f"{name}:{number}" for name, number in ids.items())
