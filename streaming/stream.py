"""
The stream of a session: `GET /api/backtest/{session_id}/stream`.

A request is admitted and its first frames are read in one go: permission, log and snapshot, on one connection that is
closed before the response begins. From then on the viewer is a cursor (see `relay`); only one that fell behind the ring
reads the log again. A sibling task looks whether the viewer may still look, for the generator itself stands still while
a viewer does not take its bytes. It also hears when the process is told to end: streams say goodbye then, rather than
be cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from asgiref.sync import SyncToAsync
from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import InterfaceError, OperationalError, close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from strategies import actions
from strategies.models import BacktestSession
from streaming import cross_origin, event_log, farewell
from streaming.counts import counts
from streaming.protocol import frames, resume
from streaming.relay import Feed, get_relay
from streaming.snapshot_cache import snapshot_cache
from streaming.stream_places import Place, places
from streaming.wire import Private, Wire, choose_encoding

logger = logging.getLogger(__name__)

#: A comment keeps the line alive: every 15 s, give or take a fifth, so that many viewers do not beat together.
HEARTBEAT_SECONDS: Final = (12.0, 18.0)
#: When a viewer that lost the line comes back, milliseconds; spread for the same reason.
RETRY_MS: Final = (1000, 5000)
#: How often permission is looked at again. Viewers share answers, so one may be as old as this: twice it is below 5 s.
PERMISSION_SECONDS: Final = 1.5
#: How long a viewer that lost the right has to leave by itself.
GRACE_SECONDS: Final = 1.0
#: What is handed to the server at once.
MAX_CHUNK_BYTES: Final = 256 * 1024
#: Events that a viewer behind the ring reads from the log at once.
EVENTS_PER_READ: Final = 256

#: When a viewer that finds no place comes back, milliseconds.
_REFUSED_RETRY_MS: Final = (20_000, 40_000)
#: What is told where nothing could be looked up.
_REFUSED_HEADERS: Final = {
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
    "X-Backtest-Stream": "live, refused; head=-1",
}

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Admission:
    """What a viewer gets first."""

    session: BacktestSession
    #: Who looks; None for a visitor.
    user_pk: int | None
    resume: resume.Resume
    #: What the viewer is told of; -1 before the first event.
    head: int
    wire: Wire
    #: The opening, a snapshot, missed events.
    chunks: tuple[bytes, ...]
    #: The last event in them, or that the viewer has already; -1 for none.
    cursor: int


class _Stream(StreamingHttpResponse):
    """A response that gives back its place, however it ends."""

    def __init__(self, place: Place, content: AsyncIterator[bytes], headers: Mapping[str, str]) -> None:
        super().__init__(content, content_type="text/event-stream", headers=dict(headers))
        # A viewer that hangs up while the middleware still looks at the response: Django forgets it and closes nothing.
        self._give_back = weakref.finalize(self, places.give_back, place)

    def close(self) -> None:
        """Called by Django at the response's end, also where its content was never asked for."""
        self._give_back()
        super().close()


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
    headers = {"Vary": cross_origin.vary(), **cross_origin.headers(request)}
    try:
        admission = await _in_thread(lambda: _admit(request, session_id, cursor, wire))
    except (OperationalError, InterfaceError) as error:
        logger.warning("A viewer of session %s is asked to come back: the database is away: %s", session_id, error)
        return _refusal({**headers, **_REFUSED_HEADERS}, "the database is away", retry_ms=RETRY_MS)
    if admission is None:
        text = "There is no such session.\n"
        return HttpResponse(text, status=404, content_type="text/plain; charset=utf-8", headers=headers)
    headers |= _headers(admission)
    if admission.resume.mode == "nothing":
        return HttpResponse(status=204, headers={**headers, "Content-Encoding": "identity"})
    if request.method == "HEAD":
        return HttpResponse(content_type="text/event-stream", headers=headers)
    place = places.take(admission.user_pk)
    if place is None:
        headers["X-Backtest-Stream"] = headers["X-Backtest-Stream"].replace(";", ", refused;")
        return _refusal(headers, "too many open streams", retry_ms=_REFUSED_RETRY_MS)
    viewer = _Viewer(admission, _SignIn.of(request), skips=request.GET.get("on_lag") == "skip")
    return _Stream(place, viewer.chunks(), headers)


def _refusal(headers: Mapping[str, str], why: str, *, retry_ms: tuple[int, int]) -> HttpResponse:
    """Ask to come back later. Any status but 200 would end a native EventSource for good."""
    text = frames.encode_retry(random.randint(*retry_ms)) + frames.encode_comment(why)
    return HttpResponse(text, content_type="text/event-stream", headers={**headers, "Content-Encoding": "identity"})


def _headers(admission: _Admission) -> dict[str, str]:
    mode = {"wait": "live", "nothing": "complete"}.get(admission.resume.mode, admission.resume.mode)
    # Named also where it is none: a middleware that compresses leaves alone what has an encoding.
    return {
        "Cache-Control": "no-store, no-transform",
        "Content-Encoding": admission.wire.encoding,
        "X-Accel-Buffering": "no",
        "X-Backtest-Stream": f"{mode}; head={admission.head}",
    }


class _Viewer:
    """One open stream."""

    def __init__(self, admission: _Admission, sign_in: _SignIn, *, skips: bool) -> None:
        self._admission = admission
        self._session = admission.session
        self._wire = admission.wire
        self._cursor = admission.cursor
        self._sign_in = sign_in
        #: Whether it wants a snapshot rather than all events where it is far behind.
        self._skips = skips
        self._ending = farewell.get_ending()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the whole response."""
        _release_request_thread()
        for chunk in self._admission.chunks:
            yield chunk
        if not self._wire.has_ended and self._admission.resume.ends_at != self._cursor:
            guard = _Guard(self._session.pk, self._sign_in, self._ending)
            watching = asyncio.create_task(guard.watch(), name=f"permission for session {self._session}")
            try:
                async with get_relay().watch(self._session.pk) as feed:
                    guard.on_lost = feed.wake
                    async for chunk in self._follow(feed, guard):
                        yield chunk
            finally:
                watching.cancel()
        if self._ending.is_set() and not self._wire.has_ended:
            yield self._wire.add_private(Private(frames.encode_comment("goodbye, the server stops")))
        if ending := self._wire.close():
            yield ending

    async def _follow(self, feed: Feed, guard: _Guard) -> AsyncIterator[bytes]:
        """Send everything after the cursor until the session's last event, or until the stream is to end before."""
        while not (guard.is_lost() or self._ending.is_set() or self._wire.has_ended):
            if not await feed.wait_after(self._cursor, timeout_seconds=random.uniform(*HEARTBEAT_SECONDS)):
                yield self._wire.sign_of_life()
            elif guard.is_lost():
                return
            elif self._skips and feed.head - self._cursor >= resume.DEFAULT_LIMIT:
                chunks, self._cursor = await _in_thread(partial(_skip_ahead, self._session, self._wire))
                for chunk in chunks:
                    yield chunk
            elif (taken := self._wire.take(feed.ring, self._cursor, max_bytes=MAX_CHUNK_BYTES)) is not None:
                self._cursor = taken.last_event_id
                yield taken.chunk
            else:
                chunks, self._cursor = await _in_thread(partial(_read_on, self._session, self._wire, self._cursor))
                if not chunks:
                    # Trimmed meanwhile. The client comes back by itself, and is given a snapshot then.
                    return
                for chunk in chunks:
                    if guard.is_lost():
                        return
                    yield chunk


# Who looks


@dataclass(frozen=True, slots=True)
class _SignIn:
    """How a viewer signed in, so that it can be looked up again: signing out ends it, as does a new password."""

    session_key: str | None

    @classmethod
    def of(cls, request: HttpRequest) -> _SignIn:
        return cls(request.session.session_key if hasattr(request, "session") else None)

    def user(self) -> AbstractBaseUser | AnonymousUser:
        """Look up who it is now."""
        if self.session_key is None:
            return AnonymousUser()
        request = HttpRequest()
        request.session = _session_store(self.session_key)
        return get_user(request) if SESSION_KEY in request.session else AnonymousUser()


def _session_store(session_key: str) -> Any:  # noqa: ANN401 - whichever engine the settings name
    from importlib import import_module

    return import_module(settings.SESSION_ENGINE).SessionStore(session_key)


class _Guard:
    """Looks again and again whether a viewer may still look."""

    def __init__(self, session_pk: int, sign_in: _SignIn, ending: asyncio.Event) -> None:
        self._is_lost = False
        #: Wakes the viewer, that it may see so.
        self.on_lost: Callable[[], None] = lambda: None
        self._session_pk = session_pk
        self._sign_in = sign_in
        self._ending = ending
        self._viewer = asyncio.current_task()

    def is_lost(self) -> bool:
        """Tell whether the viewer may not look any more."""
        return self._is_lost

    async def watch(self) -> None:
        """Look until the right is lost, or the process ends."""
        while not self._is_lost:
            asked_at = time.monotonic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PERMISSION_SECONDS):
                    await self._ending.wait()
                self.on_lost()
                return
            try:
                self._is_lost = not await _permissions.may_look(self._session_pk, self._sign_in, since=asked_at)
            except Exception:
                # The database is away. Nothing is lost by waiting for it; nothing new comes either.
                logger.exception("Permission for session %d could not be looked up.", self._session_pk)
        self.on_lost()
        await asyncio.sleep(GRACE_SECONDS)
        # Still here, so nobody cancelled this task: the viewer does not take its bytes, and would stand there for ever.
        if self._viewer is not None:
            self._viewer.cancel()


class _Permissions:
    """Answers that viewers share: a thousand visitors of a session cost one look each time, not a thousand."""

    def __init__(self) -> None:
        self._asked: dict[tuple[int, _SignIn], tuple[float, asyncio.Future[bool]]] = {}

    async def may_look(self, session_pk: int, sign_in: _SignIn, *, since: float) -> bool:
        """Tell whether a viewer might look at some moment since `since`, a time of `time.monotonic`."""
        key = (session_pk, sign_in)
        asked_at, answer = self._asked.get(key, (0.0, None))
        if answer is None or asked_at < since or answer.get_loop() is not asyncio.get_running_loop():
            self._forget_before(time.monotonic() - PERMISSION_SECONDS)
            answer = asyncio.ensure_future(_in_thread(partial(_may_look, session_pk, sign_in)))
            self._asked[key] = time.monotonic(), answer
        # One viewer that leaves while they all wait does not take the answer along.
        return await asyncio.shield(answer)

    def _forget_before(self, moment: float) -> None:
        for key in [key for key, (asked_at, answer) in self._asked.items() if asked_at < moment and answer.done()]:
            del self._asked[key]


_permissions = _Permissions()


def _may_look(session_pk: int, sign_in: _SignIn) -> bool:
    session = BacktestSession.objects.filter(pk=session_pk).first()
    return session is not None and actions.can_view(sign_in.user(), session)


# What comes first


def _admit(request: HttpRequest, session_id: str, cursor: int | None, wire: Wire) -> _Admission | None:
    """Look up the session and read what the viewer gets first; None where it does not exist for this viewer."""
    session = BacktestSession.objects.filter(session_id=session_id).first()
    if session is None or not actions.can_view(request.user, session):
        return None
    opening = Private(frames.encode_retry(random.randint(*RETRY_MS)) + frames.encode_comment("open"))
    chunks = [wire.open() + wire.add_private(opening)]
    caught_up = _catch_up(session, wire, cursor)
    return _Admission(
        session=session,
        user_pk=request.user.pk,
        resume=caught_up.plan,
        head=caught_up.head,
        wire=wire,
        chunks=(*chunks, *caught_up.chunks),
        cursor=caught_up.cursor,
    )


class _CaughtUp(NamedTuple):
    plan: resume.Resume
    #: The head when what the chunks tell was the newest; -1 before the first event.
    head: int
    chunks: list[bytes]
    #: The last event in them.
    cursor: int


def _catch_up(session: BacktestSession, wire: Wire, cursor: int | None) -> _CaughtUp:
    """Bring a viewer up to date from the log."""
    chunks: list[bytes] = []
    with event_log.one_instant():
        state = event_log.read_state(session.pk)
        plan = resume.decide(cursor, state.head, state.oldest_event_id, state.is_finished)
        head, reached = -1 if state.head is None else state.head, plan.replay_after
        if plan.snapshot_at is not None:
            snapshot = snapshot_cache.get(session, state, event_id=plan.snapshot_at)
            chunks.append(wire.add_private(snapshot.text))
            if plan.mode == "snapshot":
                head = reached = snapshot.event_id
        # What a viewer of a running session missed is mostly in its feed already, for all who were cut at once.
        if plan.ends_at is not None:
            ring = event_log.read_blocks(session.pk, after=reached, limit=resume.DEFAULT_LIMIT)
            missed, reached = wire.drain(ring, reached, max_bytes=MAX_CHUNK_BYTES)
            chunks += missed
    return _CaughtUp(plan, head, chunks, reached)


def _skip_ahead(session: BacktestSession, wire: Wire) -> tuple[list[bytes], int]:
    """Bring a viewer that is far behind up to date as if it came anew; return chunks and the last event in them."""
    counts.skips_ahead += 1
    caught_up = _catch_up(session, wire, None)
    return caught_up.chunks, caught_up.cursor


def _read_on(session: BacktestSession, wire: Wire, cursor: int) -> tuple[list[bytes], int]:
    """Read what comes after the cursor from the log; return chunks and the last event in them."""
    ring = event_log.read_blocks(session.pk, after=cursor, limit=EVENTS_PER_READ)
    return wire.drain(ring, cursor, max_bytes=MAX_CHUNK_BYTES)


def _release_request_thread() -> None:
    """
    End the thread that Django's middleware ran in for this request.

    It would stand idle as long as the viewer watches: a thread for each viewer. Whatever still needs one at the end of
    the request gets a new one.
    """
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = None if context is None else SyncToAsync.context_to_thread_executor.pop(context, None)
    if executor is not None:
        executor.shutdown(wait=False)


async def _in_thread(work: Callable[[], Result]) -> Result:
    """Do database work in a pool's thread, and let go of its connection: a stream outlives every request."""

    def work_and_close() -> Result:
        try:
            return work()
        finally:
            close_old_connections()

    return await asyncio.to_thread(work_and_close)
