"""
The stream of a session: `GET /api/backtest/{session_id}/stream`.

A request is admitted and its first frames are read in one go: permission, log and snapshot (see `admission`). From then
on the viewer is a cursor that the session's feed sends to (see `viewer`, `relay`). One task for all of them shows signs
of life, looks whether they may still look, and hears when the process is told to end: streams say goodbye then, rather
than be cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import random
import time
import weakref
from collections.abc import Collection, Mapping
from typing import Final
from weakref import WeakKeyDictionary

from django.db import InterfaceError, OperationalError, close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from strategies import actions
from strategies.models import BacktestSession
from streaming import cross_origin, farewell
from streaming.admission import RETRY_MS, Admission, admit, stream_headers
from streaming.protocol import frames, resume
from streaming.sign_in import SignIn
from streaming.stream_handler import LiveResponse, Send
from streaming.stream_places import Place, places
from streaming.stream_records import StreamRecord, note_answer, note_refusal, stream_records
from streaming.viewer import Viewer
from streaming.wire import Wire, choose_encoding

logger = logging.getLogger(__name__)

#: A comment keeps the line alive: every 15 s, give or take a fifth, so that many viewers do not beat together.
HEARTBEAT_SECONDS: Final = (12.0, 18.0)
#: How often permission is looked at again; with the time that it takes, and the grace, below 5 s.
PERMISSION_SECONDS: Final = 1.5
#: How long a viewer that lost the right has to leave by itself.
GRACE_SECONDS: Final = 1.0
#: When a viewer that finds no place comes back, milliseconds.
_REFUSED_RETRY_MS: Final = (20_000, 40_000)
#: What is told where nothing could be looked up.
_REFUSED_HEADERS: Final = {
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
    "X-Backtest-Stream": "live, refused; head=-1",
}


class _Stream(LiveResponse):
    """A response that gives back its place, however it ends."""

    def __init__(self, place: Place, viewer: Viewer, headers: Mapping[str, str]) -> None:
        super().__init__(viewer.chunks(), content_type="text/event-stream", headers=dict(headers))
        self._viewer = viewer
        # A viewer that hangs up while the middleware still looks at the response: Django forgets it and closes nothing.
        self._end = weakref.finalize(self, _end, place, stream_records.begin(viewer.record))

    def send_with(self, send: Send) -> None:
        """Let the feed send by itself, without asking the response for each chunk."""
        self._viewer.send = send

    def close(self) -> None:
        """Called by Django at the response's end, also where its content was never asked for."""
        self._end()
        super().close()


def _end(place: Place, record: StreamRecord) -> None:
    places.give_back(place)
    stream_records.end(record)


# Nothing is changed here; another method is answered with 405 rather than with a missing token.
@csrf_exempt
async def stream(request: HttpRequest, session_id: str) -> HttpResponseBase:
    """Stream a session's events to one viewer."""
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers=cross_origin.preflight_headers(request))
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(cross_origin.METHODS.split(", "))
    cursor = resume.choose_cursor(header=request.headers.get("Last-Event-ID"), query=request.GET.get("last_event_id"))
    wire = Wire(choose_encoding(request.headers.get("Accept-Encoding")))
    sign_in = SignIn.of(request)
    headers = {"Vary": cross_origin.vary(), **cross_origin.headers(request)}
    try:
        admission = await admit(request, sign_in, session_id, cursor, wire)
    except (OperationalError, InterfaceError) as error:
        logger.warning("A viewer of session %s is asked to come back: the database is away: %s", session_id, error)
        return _refusal({**headers, **_REFUSED_HEADERS}, "the database is away", retry_ms=RETRY_MS)
    if admission is None:
        note_answer(str(request.method), "not_found")
        text = "There is no such session.\n"
        return HttpResponse(text, status=404, content_type="text/plain; charset=utf-8", headers=headers)
    headers |= stream_headers(admission.resume, head=admission.head, encoding=admission.wire.encoding)
    if admission.resume.mode == "nothing":
        note_answer(str(request.method), "nothing")
        return HttpResponse(status=204, headers={**headers, "Content-Encoding": "identity"})
    if request.method == "HEAD":
        return HttpResponse(content_type="text/event-stream", headers=headers)
    place = places.take(admission.user_pk)
    if place is None:
        note_refusal(session_id, admission.user_pk)
        headers["X-Backtest-Stream"] = headers["X-Backtest-Stream"].replace(";", ", refused;")
        return _refusal(headers, "too many open streams", retry_ms=_REFUSED_RETRY_MS)
    skips = request.GET.get("on_lag") == "skip"
    viewer = Viewer(admission, sign_in, _audience(), _record(admission, cursor), skips=skips)
    return _Stream(place, viewer, headers)


def _record(admission: Admission, cursor: int | None) -> StreamRecord:
    return StreamRecord(
        session_id=admission.session.session_id,
        user_pk=admission.user_pk,
        mode=admission.resume.mode,
        head=admission.head,
        cursor=cursor,
        wire=admission.wire,
    )


def _refusal(headers: Mapping[str, str], why: str, *, retry_ms: tuple[int, int]) -> HttpResponse:
    """Ask to come back later. Any status but 200 would end a native EventSource for good."""
    text = frames.encode_retry(random.randint(*retry_ms)) + frames.encode_comment(why)
    return HttpResponse(text, content_type="text/event-stream", headers={**headers, "Content-Encoding": "identity"})


# Who looks after them


class _Audience:
    """The open streams of an event loop: signs of life, the right to look, the process's end."""

    def __init__(self) -> None:
        self._viewers: set[Viewer] = set()
        self._ending = farewell.get_ending()
        self._watching: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None

    def add(self, viewer: Viewer) -> None:
        """Look after a viewer."""
        self._viewers.add(viewer)
        viewer.patience_seconds = _patience()
        if self._watching is None:
            # A context of its own: the first viewer's request is nothing to the others.
            self._watching = asyncio.create_task(self._watch(), name="open streams", context=contextvars.Context())

    def discard(self, viewer: Viewer) -> None:
        """Let go of a viewer."""
        self._viewers.discard(viewer)

    async def _watch(self) -> None:
        """Look after all of them, until there are none."""
        looked_at = time.monotonic()
        while self._viewers and not await self._is_ending_within(_pause()):
            now = time.monotonic()
            self._show_signs_of_life(now)
            if now - looked_at >= PERMISSION_SECONDS and self._looking is None:
                looked_at = now
                self._looking = asyncio.create_task(self._look_at_permissions(), name="permissions")
        self._watching = None
        for viewer in tuple(self._viewers):
            viewer.end("server_stops", grace_seconds=GRACE_SECONDS)

    async def _is_ending_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ending.wait()
        return self._ending.is_set()

    def _show_signs_of_life(self, now: float) -> None:
        for viewer in tuple(self._viewers):
            if now - viewer.sent_at >= viewer.patience_seconds:
                viewer.show_sign_of_life(now)
                viewer.patience_seconds = _patience()

    async def _look_at_permissions(self) -> None:
        """End the streams of those who may not look any more; many who signed in alike cost one look."""
        viewers = tuple(self._viewers)
        try:
            looks = {(viewer.session.pk, viewer.sign_in) for viewer in viewers}
            lost = await asyncio.to_thread(_without_the_right, looks)
            for viewer in viewers:
                if (viewer.session.pk, viewer.sign_in) in lost:
                    viewer.end("permission_lost", grace_seconds=GRACE_SECONDS)
        except Exception:
            # The database is away. Nothing is lost by waiting for it; nothing new comes either.
            logger.exception("The right to look could not be looked up.")
        finally:
            self._looking = None


def _pause() -> float:
    """Say how long to wait before looking after them again, seconds."""
    return min(HEARTBEAT_SECONDS[0], PERMISSION_SECONDS) / 3


def _patience() -> float:
    least, most = HEARTBEAT_SECONDS
    return random.uniform(least, most - _pause())


def _without_the_right(looks: Collection[tuple[int, SignIn]]) -> set[tuple[int, SignIn]]:
    try:
        return {look for look in looks if not _may_look(*look)}
    finally:
        close_old_connections()


def _may_look(session_pk: int, sign_in: SignIn) -> bool:
    session = BacktestSession.objects.filter(pk=session_pk).first()
    return session is not None and actions.can_view(sign_in.user(), session)


_audiences: WeakKeyDictionary[asyncio.AbstractEventLoop, _Audience] = WeakKeyDictionary()


def _audience() -> _Audience:
    """Return the audience of the running event loop."""
    return _audiences.setdefault(asyncio.get_running_loop(), _Audience())
