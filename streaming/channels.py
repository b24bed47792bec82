"""
A session's channel of django-eventstream: `GET /events/<session_id>/`, and its Python interface.

The channel is named by the session id and has the session's own rule of who may look. Its storage is the event log, so
it replays by `Last-Event-ID` in that package's form, `<session_id>:<event id>`. Events come from the worker's process,
see `channel_feed`. The package's views may be mounted elsewhere as well, also the one for the REST framework: they name
channels as ever, and have the same rule.

For many viewers use the stream (see `stream`): this endpoint encodes for each listener and reads the database again
when one has more than ten events waiting.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, cast

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django_eventstream import views
from django_eventstream.channelmanager import ChannelManagerBase, DefaultChannelManager
from django_eventstream.event import Event
from django_eventstream.storage import EventDoesNotExist, StorageBase

from strategies import actions
from strategies.models import BacktestSession
from streaming import channel_feed, event_log, grip


class SessionChannels(ChannelManagerBase):  # type: ignore[misc]  # the package has no types
    """One channel for each session."""

    def get_channels_for_request(self, request: HttpRequest, view_kwargs: dict[str, Any]) -> set[str]:
        """Name the channels of the address."""
        if "session_id" in view_kwargs:
            return {str(view_kwargs["session_id"])}
        # Where somebody mounts the package's views themselves, as it names channels by default.
        return cast("set[str]", DefaultChannelManager().get_channels_for_request(request, view_kwargs))

    def can_read_channel(self, user: AbstractBaseUser | AnonymousUser | None, channel: str) -> bool:
        """Ask the session's own rule."""
        session = BacktestSession.objects.filter(session_id=channel).first()
        return session is not None and actions.can_view(user, session)

    def is_channel_reliable(self, channel: str) -> bool:
        """Every session's channel can be read again from its log."""
        return True


class ChannelClosed(Exception):
    """Somebody tried to send into a session's channel; only its worker does, through the log."""


class LogStorage(StorageBase):  # type: ignore[misc]  # the package has no types
    """The event log as the package's storage."""

    def append_event(self, channel: str, event_type: str, _data: object) -> Event:
        """Refuse: a session's events come from its run alone."""
        raise ChannelClosed(
            f"A {event_type} cannot be sent into the channel of session {channel}: its events come from its run. "
            "Publish through streaming.publisher, or use a channel with another storage."
        )

    def get_events(self, channel: str, last_id: int, limit: int = 100) -> list[Event]:
        """
        Read events after one.

        Raises:
            EventDoesNotExist: If that event is not in the log (any more); the listener is told to start afresh.
        """
        try:
            with event_log.one_instant():
                session_pk = _session_pk(channel)
                state = event_log.read_state(session_pk)
                head = -1 if state.head is None else state.head
                if not state.oldest_event_id - 1 <= last_id <= head:
                    raise EventDoesNotExist(f"Event {last_id} is not in the log of session {channel}.", head)
                found = event_log.read_frames(session_pk, after=last_id, limit=limit)
        finally:
            # The thread that reads belongs to the listener, and would keep its connection as long as it listens.
            close_old_connections()
        return [channel_feed.event_of_frame(channel, event_id, frame) for event_id, frame in found]

    def get_current_id(self, channel: str) -> int:
        """Return the head; -1 before the first event, so that event 0 follows it."""
        try:
            head = event_log.read_state(_session_pk(channel)).head
        finally:
            close_old_connections()
        return -1 if head is None else head


async def events(request: HttpRequest, session_id: str) -> HttpResponseBase:
    """Serve the package's own endpoint for one session."""
    # A GRIP proxy that follows the package's link has the proof of who looks in it, and no cookies.
    if not (request.GET.get("es-meta") and grip.is_proxied(request)):
        if not await asyncio.to_thread(_may_look, request, session_id):
            return HttpResponse("There is no such session.\n", status=404, content_type="text/plain; charset=utf-8")
        _drop_bad_cursor(request, session_id)
    return await asyncio.to_thread(_serve, request, session_id)


def _serve(request: HttpRequest, session_id: str) -> HttpResponseBase:
    try:
        return cast("HttpResponseBase", views.events(request, session_id=session_id))
    finally:
        close_old_connections()


def _drop_bad_cursor(request: HttpRequest, session_id: str) -> None:
    """Let an unusable cursor count as none: an error would end a native EventSource for good."""
    usable = re.compile(rf"{re.escape(session_id)}:(0|-1|[1-9][0-9]{{0,17}})")
    if not usable.fullmatch(request.META.get("HTTP_LAST_EVENT_ID", "")):
        request.META.pop("HTTP_LAST_EVENT_ID", None)
    if not all(usable.fullmatch(value) for value in request.GET.getlist("lastEventId")):
        parameters = request.GET.copy()
        parameters.pop("lastEventId")
        request.GET = cast("Any", parameters)


def _may_look(request: HttpRequest, session_id: str) -> bool:
    try:
        session = BacktestSession.objects.filter(session_id=session_id).first()
        return session is not None and actions.can_view(request.user, session)
    finally:
        close_old_connections()


def _session_pk(channel: str) -> int:
    return BacktestSession.objects.values_list("pk", flat=True).get(session_id=channel)
