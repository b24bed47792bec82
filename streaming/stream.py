"""
The stream of a session: `GET /api/backtest/{session_id}/stream`.

A request is admitted and its first frames are read in one go: permission, log and snapshot, on one connection that is
closed before the response begins. From then on the viewer is a cursor (see `relay`); only one that fell behind the ring
reads the log again. A sibling task looks whether the viewer may still look, for the generator itself stands still while
a viewer does not take its bytes.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from asgiref.sync import SyncToAsync
from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from strategies import actions
from strategies.models import BacktestSession
from streaming import event_log
from streaming.counts import counts
from streaming.protocol import frames, messages, resume
from streaming.relay import Feed, get_relay
from streaming.wire import Private, Wire, choose_encoding

logger = logging.getLogger(__name__)

#: A comment keeps the line alive: every 15 s, give or take a fifth, so that many viewers do not beat together.
HEARTBEAT_SECONDS: Final = (12.0, 18.0)
#: When a viewer that lost the line comes back, milliseconds; spread for the same reason.
RETRY_MS: Final = (1000, 5000)
#: How often permission is looked at again; what is lost is lost within 5 s.
PERMISSION_SECONDS: Final = 2.5
#: How long a viewer that lost the right has to leave by itself.
GRACE_SECONDS: Final = 1.0
#: What is handed to the server at once.
MAX_CHUNK_BYTES: Final = 256 * 1024
#: Events that a viewer behind the ring reads from the log at once.
EVENTS_PER_READ: Final = 256

_SNAPSHOTS_KEPT: Final = 16

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Admission:
    """What a viewer gets first."""

    session_pk: int
    session_id: str
    resume: resume.Resume
    head: int | None
    wire: Wire
    #: The opening, a snapshot, missed events.
    chunks: tuple[bytes, ...]
    #: The last event in them, or that the viewer has already; -1 for none.
    cursor: int


# Nothing is changed here; another method is answered with 405 rather than with a missing token.
@csrf_exempt
async def stream(request: HttpRequest, session_id: str) -> HttpResponseBase:
    """Stream a session's events to one viewer."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    cursor = resume.choose_cursor(header=request.headers.get("Last-Event-ID"), query=request.GET.get("last_event_id"))
    wire = Wire(choose_encoding(request.headers.get("Accept-Encoding")))
    admission = await _in_thread(lambda: _admit(request, session_id, cursor, wire))
    if admission is None:
        return HttpResponse("There is no such session.\n", status=404, content_type="text/plain; charset=utf-8")
    headers = _headers(admission)
    if admission.resume.mode == "nothing":
        return HttpResponse(status=204, headers={**headers, "Content-Encoding": "identity"})
    if request.method == "HEAD":
        return HttpResponse(content_type="text/event-stream", headers=headers)
    sign_in = _SignIn.of(request)
    return StreamingHttpResponse(_chunks(admission, sign_in), content_type="text/event-stream", headers=headers)


def _headers(admission: _Admission) -> dict[str, str]:
    head = -1 if admission.head is None else admission.head
    mode = "live" if admission.resume.mode == "wait" else admission.resume.mode
    # Named also where it is none: a middleware that compresses leaves alone what has an encoding.
    return {
        "Cache-Control": "no-store, no-transform",
        "Content-Encoding": admission.wire.encoding,
        "X-Accel-Buffering": "no",
        "Vary": "Accept-Encoding",
        "X-Backtest-Stream": f"{'complete' if mode == 'nothing' else mode}; head={head}",
    }


async def _chunks(admission: _Admission, sign_in: _SignIn) -> AsyncIterator[bytes]:
    _release_request_thread()
    wire = admission.wire
    for chunk in admission.chunks:
        yield chunk
    if not wire.has_ended and admission.resume.ends_at != admission.cursor:
        guard = _Guard(admission.session_pk, sign_in)
        watching = asyncio.create_task(guard.watch(), name=f"permission for session {admission.session_id}")
        try:
            async with get_relay().watch(admission.session_pk) as feed:
                guard.on_lost = feed.wake
                async for chunk in _follow(feed, wire, admission.cursor, guard):
                    yield chunk
        finally:
            watching.cancel()
    if ending := wire.close():
        yield ending


async def _follow(feed: Feed, wire: Wire, cursor: int, guard: _Guard) -> AsyncIterator[bytes]:
    """Send everything after the cursor until the session's last event, or until the viewer may not look any more."""
    while not guard.is_lost() and not wire.has_ended:
        if not await feed.wait_after(cursor, timeout_seconds=random.uniform(*HEARTBEAT_SECONDS)):
            yield wire.sign_of_life()
        elif guard.is_lost():
            return
        elif (taken := wire.take(feed.ring, cursor, max_bytes=MAX_CHUNK_BYTES)) is not None:
            cursor = taken.last_event_id
            yield taken.chunk
        else:
            chunks, cursor = await _in_thread(partial(_read_on, wire, feed.session_pk, cursor))
            if not chunks:
                # Trimmed meanwhile. The client comes back by itself, and is given a snapshot then.
                return
            for chunk in chunks:
                if guard.is_lost():
                    return
                yield chunk


def _read_on(wire: Wire, session_pk: int, cursor: int) -> tuple[list[bytes], int]:
    """Read what comes after the cursor from the log; return chunks and the last event in them."""
    ring = event_log.read_blocks(session_pk, after=cursor, limit=EVENTS_PER_READ)
    return wire.drain(ring, cursor, max_bytes=MAX_CHUNK_BYTES)


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

    def __init__(self, session_pk: int, sign_in: _SignIn) -> None:
        self._is_lost = False
        #: Wakes the viewer, that it may see so.
        self.on_lost: Callable[[], None] = lambda: None
        self._session_pk = session_pk
        self._sign_in = sign_in
        self._viewer = asyncio.current_task()

    def is_lost(self) -> bool:
        """Tell whether the viewer may not look any more."""
        return self._is_lost

    async def watch(self) -> None:
        """Look until the right is lost."""
        while not self._is_lost:
            await asyncio.sleep(PERMISSION_SECONDS)
            try:
                self._is_lost = not await _in_thread(self._may_look)
            except Exception:
                # The database is away. Nothing is lost by waiting for it; nothing new comes either.
                logger.exception("Permission for session %d could not be looked up.", self._session_pk)
        self.on_lost()
        await asyncio.sleep(GRACE_SECONDS)
        # Still here, so nobody cancelled this task: the viewer does not take its bytes, and would stand there for ever.
        if self._viewer is not None:
            self._viewer.cancel()

    def _may_look(self) -> bool:
        session = BacktestSession.objects.filter(pk=self._session_pk).first()
        return session is not None and actions.can_view(self._sign_in.user(), session)


# What comes first


def _admit(request: HttpRequest, session_id: str, cursor: int | None, wire: Wire) -> _Admission | None:
    """Look up the session and read what the viewer gets first; None where it does not exist for this viewer."""
    session = BacktestSession.objects.filter(session_id=session_id).first()
    if session is None or not actions.can_view(request.user, session):
        return None
    with event_log.one_instant():
        state = event_log.read_state(session.pk)
        plan = resume.decide(cursor, state.head, state.oldest_event_id, state.is_finished)
        chunks = [wire.open() + wire.add_private(_opening())]
        reached = plan.replay_after
        if plan.snapshot_at is not None:
            chunks.append(wire.add_private(_snapshots.get(session, plan.snapshot_at)))
        if plan.mode in ("replay", "complete"):
            ring = event_log.read_blocks(session.pk, after=reached, limit=resume.DEFAULT_LIMIT)
            missed, reached = wire.drain(ring, reached, max_bytes=MAX_CHUNK_BYTES)
            chunks += missed
    return _Admission(
        session_pk=session.pk,
        session_id=session_id,
        resume=plan,
        head=state.head,
        wire=wire,
        chunks=tuple(chunks),
        cursor=reached,
    )


def _opening() -> Private:
    return Private(frames.encode_retry(random.randint(*RETRY_MS)) + frames.encode_comment("open"))


class _Snapshots:
    """The newest snapshot frame of the sessions that were asked for last; building one costs milliseconds."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[int, Private]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, session: BacktestSession, event_id: int) -> Private:
        """Return the `initial_state` frame with everything up to the event, which is the head (S7), or head - 1."""
        with self._lock:
            kept = self._kept.get(session.pk)
        if kept is not None and kept[0] == event_id:
            return kept[1]
        counts.snapshots_built += 1
        parts = event_log.read_snapshot(session.pk)
        data = event_log.initial_state_frame_data(session_id=session.session_id, event_id=event_id, parts=parts)
        snapshot = Private(frames.encode_frame(messages.INITIAL_STATE, data, event_id))
        with self._lock:
            self._kept[session.pk] = (event_id, snapshot)
            self._kept.move_to_end(session.pk)
            while len(self._kept) > _SNAPSHOTS_KEPT:
                self._kept.popitem(last=False)
        return snapshot


_snapshots = _Snapshots()


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
