"""
The stream of a session behind a GRIP proxy: `GET /api/backtest/{session_id}/stream`, held by the proxy.

A request that the proxy signed is answered at once and in full: the viewer is brought up to date to the head, read at
one instant, and the proxy is told to hold the connection for the session's channel, to whose head it is up to date
(`prev-id`), and where to ask when an item does not follow it, or after a time without any (the **link**). That request
comes without the viewer's cookies, so the link says who looks, signed by us. It is answered with all that the viewer
lacks, for it never went away, a piece at a time; then with the order to hold it further, or without that order where
nothing more will come.

A viewer's right is looked at with each link. Where it hangs on who looks, the link is followed every few seconds, and
the viewer is held for its sign-in's channel as well: signing out closes that.

Every other request is answered by `stream`.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core import signing
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.crypto import salted_hmac
from django.views.decorators.csrf import csrf_exempt
from gripcontrol import Channel

from strategies import actions
from strategies.models import BacktestSession
from streaming import admission, cross_origin, event_log, grip, grip_publisher
from streaming import stream as direct
from streaming.protocol import frames, resume
from streaming.snapshot_cache import snapshot_cache
from streaming.viewer import EVENTS_PER_READ
from streaming.wire import Wire

#: How long a held line may be silent.
KEEP_ALIVE_SECONDS: Final = 15
#: After how long without an item the proxy asks, where anyone may look: only then can an item have been the last one.
LINK_SECONDS: Final = 20
#: After how long it asks in any case, where looking is a right that can be lost.
PRIVATE_LINK_SECONDS: Final = 3

#: What is read and answered at once.
PIECE_BYTES: Final = 1024 * 1024

#: The parameter that the link is known by, and the one that says where its next piece begins.
_LINK: Final = "link"
_AFTER: Final = "after"
#: From so many missed events on, a viewer that never went away is given a snapshot: never.
_NO_LIMIT: Final = 2**63
_SALT: Final = "streaming.held_stream"
#: A link is signed anew with every answer; one that is older than an hour or two was picked up somewhere.
_PERIOD_SECONDS: Final = 3600


@csrf_exempt
async def stream(request: HttpRequest, session_id: str) -> HttpResponseBase:
    """Stream a session's events to one viewer, through the proxy if that is who asks."""
    if request.method == "GET" and grip.is_proxied(request):
        # In the pool that the direct stream has as well: a proxy that asks for all its viewers at once must not open a
        # connection to the database for each.
        return await asyncio.to_thread(_hold, request, session_id)
    return await direct.stream(request, session_id)


def close_sign_in(*, request: HttpRequest | None, **_: object) -> None:
    """Send away the viewers of a sign-in that ends. Listens to `user_logged_out`."""
    key = request.session.session_key if request is not None and hasattr(request, "session") else None
    if settings.GRIP_URL is not None and key:
        grip_publisher.get_publisher().close_channel(grip.sign_in_channel(key))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looker:
    """Who looks, as the link tells it."""

    #: None for a visitor.
    user_pk: int | None
    #: Changes with the password.
    password_mark: str
    #: Of the sign-in; empty for a visitor.
    channel: str

    @classmethod
    def of(cls, request: HttpRequest) -> _Looker:
        user, key = request.user, request.session.session_key
        if not user.is_authenticated or key is None:
            return cls(user_pk=None, password_mark="", channel="")
        return cls(user_pk=user.pk, password_mark=_password_mark(user), channel=grip.sign_in_channel(key))

    @classmethod
    def read(cls, link: str, *, period: int) -> _Looker | None:
        """Read a link; None where it was not signed by us, or too long ago."""
        try:
            user_pk, password_mark, channel, signed_in = signing.Signer(salt=_SALT).unsign_object(link)
        except (signing.BadSignature, ValueError):
            return None
        if user_pk is not None and not 0 <= period - signed_in <= 1:
            return None
        return cls(user_pk=user_pk, password_mark=password_mark, channel=channel)

    def link(self, *, period: int) -> str:
        # The same text for all visitors, always: the proxy asks once for all who need the same.
        told = (self.user_pk, self.password_mark, self.channel, 0 if self.user_pk is None else period)
        return signing.Signer(salt=_SALT).sign_object(told)

    def user(self) -> AbstractBaseUser | AnonymousUser:
        """Look up who it is now."""
        user = None if self.user_pk is None else get_user_model().objects.filter(pk=self.user_pk).first()
        return AnonymousUser() if user is None or _password_mark(user) != self.password_mark else user


def _password_mark(user: AbstractBaseUser) -> str:
    return salted_hmac(_SALT, user.get_session_auth_hash()).hexdigest()[:16]


def _hold(request: HttpRequest, session_id: str) -> HttpResponse:
    try:
        return _answer(request, session_id)
    finally:
        close_old_connections()


def _answer(request: HttpRequest, session_id: str) -> HttpResponse:
    period = int(time.time()) // _PERIOD_SECONDS
    link = request.GET.get(_LINK)
    looker = _Looker.of(request) if link is None else _Looker.read(link, period=period)
    session = BacktestSession.objects.filter(session_id=session_id).first()
    headers = {"Vary": cross_origin.vary(), **cross_origin.headers(request)}
    if looker is None or session is None or not actions.can_view(looker.user(), session):
        if link is None:
            fault = "There is no such session.\n"
            return HttpResponse(fault, status=404, content_type="text/plain; charset=utf-8", headers=headers)
        # An error would be asked for again and again, and the viewer held meanwhile.
        return HttpResponse(content_type="text/event-stream")
    skips = request.GET.get("on_lag") == "skip"
    limit = resume.DEFAULT_LIMIT if link is None or skips else _NO_LIMIT
    told = _catch_up(session, _cursor(request, session_id), limit=limit)
    headers |= admission.stream_headers(told.plan, head=told.head, encoding="identity")
    if link is None and told.plan.mode == "nothing":
        return HttpResponse(status=204, headers=headers)
    text = (admission.opening() if link is None else b"") + b"".join(told.chunks)
    if told.plan.ends_at != told.reached:
        _instruct(request, looker.link(period=period), looker.channel, told)
    return HttpResponse(text, content_type="text/event-stream", headers=headers)


def _cursor(request: HttpRequest, session_id: str) -> int | None:
    """Read what the viewer has: the proxy knows it better than the viewer's first request."""
    if _LINK not in request.GET:
        return resume.choose_cursor(header=request.headers.get("Last-Event-ID"), query=request.GET.get("last_event_id"))
    channel = settings.GRIP_PREFIX + grip.session_channel(session_id)
    last: str = request.GET.get(_AFTER) or request.grip.last.get(channel, "")  # type: ignore[attr-defined]  # set by the middleware
    return grip.NO_EVENT if last == str(grip.NO_EVENT) else resume.parse_cursor(last)


def _instruct(request: HttpRequest, link: str, sign_in_channel: str, told: _CaughtUp) -> None:
    """Tell the proxy to hold the viewer, or to come for the next piece; the middleware writes it into the headers."""
    orders: Any = request.grip.start_instruct()  # type: ignore[attr-defined]  # set by the middleware
    orders.add_channel(Channel(grip.session_channel(told.session_id), prev_id=str(told.reached)))
    parameters = {_LINK: link}
    if request.GET.get("on_lag") == "skip":
        parameters["on_lag"] = "skip"
    if told.reached < told.head:
        # Without an order to hold it follows the link at once.
        orders.set_next_link(f"{request.path}?{urlencode({**parameters, _AFTER: told.reached})}")
        return
    orders.set_hold_stream()
    orders.set_keep_alive(frames.encode_comment("still here").decode(), KEEP_ALIVE_SECONDS)
    is_private = bool(sign_in_channel) and not settings.PUBLIC_VIEWING
    if is_private:
        # No item ever comes here but the order to close, so that the link is followed whatever comes in the other.
        orders.add_channel(Channel(sign_in_channel))
    seconds = PRIVATE_LINK_SECONDS if is_private else LINK_SECONDS
    orders.set_next_link(f"{request.path}?{urlencode(parameters)}", timeout=seconds)


class _CaughtUp(NamedTuple):
    session_id: str
    plan: resume.Resume
    chunks: list[bytes]
    #: The last event in them, or that the viewer has already; -1 before the first event.
    reached: int
    #: The newest event at that instant; `reached` is less where this is only a piece.
    head: int


def _catch_up(session: BacktestSession, cursor: int | None, *, limit: int) -> _CaughtUp:
    """Bring a viewer up to the head, or a piece nearer to it, all of it read at one instant."""
    wire = Wire("identity")
    chunks: list[bytes] = []
    size = 0
    with event_log.one_instant():
        state = event_log.read_state(session.pk)
        head = grip.NO_EVENT if state.head is None else state.head
        plan = resume.decide(cursor, state.head, state.oldest_event_id, state.is_finished, limit)
        reached = plan.replay_after
        if plan.snapshot_at is not None:
            snapshot = snapshot_cache.get(session, state, event_id=plan.snapshot_at)
            chunks.append(snapshot.text.raw)
            reached = snapshot.event_id
        while reached < head and size < PIECE_BYTES:
            ring = event_log.read_blocks(session.pk, after=reached, limit=EVENTS_PER_READ)
            missed, reached = wire.drain(ring, reached)
            if not missed:
                break
            chunks += missed
            size += sum(map(len, missed))
    return _CaughtUp(session.session_id, plan, chunks, reached, max(head, reached))
