"""
The stream of a session behind a GRIP proxy: `GET /api/backtest/{session_id}/stream`, held by the proxy.

A request that the proxy signed is answered at once and in full: the viewer is brought up to date to the head, read at
one instant, and the proxy is told to hold the connection for the session's channel, to whose head it is up to date
(`prev-id`), and where to ask when an item does not follow it, or after a time without any (the **link**). That request
comes without the viewer's cookies, so the link says who looks, signed by us. It is answered as the first one: with what
the viewer lacks, and the order to hold it further, or without that order where it has nothing more to get.

A viewer's right is looked at with each link. Where it hangs on who looks, the link is followed every few seconds, and
the viewer is held for its sign-in's channel as well: signing out closes that.

Every other request is answered by `stream`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.crypto import salted_hmac
from django.views.decorators.csrf import csrf_exempt
from gripcontrol import Channel

from strategies import actions
from strategies.models import BacktestSession
from streaming import cross_origin, event_log, grip, grip_publisher
from streaming import stream as direct
from streaming.protocol import frames, resume
from streaming.snapshot_cache import snapshot_cache
from streaming.wire import Wire

#: How long a held line may be silent.
KEEP_ALIVE_SECONDS: Final = 15
#: After how long without an item the proxy asks, where anyone may look: only then can an item have been the last one.
LINK_SECONDS: Final = 20
#: After how long it asks in any case, where looking is a right that can be lost.
PRIVATE_LINK_SECONDS: Final = 3

#: The parameter that the link is known by.
_LINK: Final = "link"
_SALT: Final = "streaming.held_stream"
#: A link is signed anew with every answer; one that is older than an hour or two was picked up somewhere.
_PERIOD_SECONDS: Final = 3600


@csrf_exempt
async def stream(request: HttpRequest, session_id: str) -> HttpResponseBase:
    """Stream a session's events to one viewer, through the proxy if that is who asks."""
    if request.method == "GET" and grip.is_proxied(request):
        return await sync_to_async(_hold)(request, session_id)
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
    """Answer the proxy."""
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
    channel = grip.session_channel(session_id)
    told = _catch_up(session, _cursor(request, channel, is_link=link is not None))
    if link is None and told.plan.mode == "nothing":
        return HttpResponse(status=204, headers={**headers, **_stream_headers(told)})
    text = (b"" if link is not None else _opening()) + b"".join(told.chunks)
    if told.plan.ends_at is None:
        _instruct(request, looker, period=period, channel=channel, reached=told.reached)
    return HttpResponse(text, content_type="text/event-stream", headers={**headers, **_stream_headers(told)})


def _cursor(request: HttpRequest, channel: str, *, is_link: bool) -> int | None:
    """Read what the viewer has: the proxy knows it better than the viewer's first request."""
    if is_link:
        last: str = request.grip.last.get(settings.GRIP_PREFIX + channel, "")  # type: ignore[attr-defined]  # set by the middleware
        return grip.NO_EVENT if last == str(grip.NO_EVENT) else resume.parse_cursor(last)
    return resume.choose_cursor(header=request.headers.get("Last-Event-ID"), query=request.GET.get("last_event_id"))


def _opening() -> bytes:
    return frames.encode_retry(random.randint(*direct.RETRY_MS)) + frames.encode_comment("open")


def _instruct(request: HttpRequest, looker: _Looker, *, period: int, channel: str, reached: int) -> None:
    """Tell the proxy to hold the viewer; the middleware writes it into the headers."""
    orders: Any = request.grip.start_instruct()  # type: ignore[attr-defined]  # set by the middleware
    orders.set_hold_stream()
    orders.set_keep_alive(frames.encode_comment("still here").decode(), KEEP_ALIVE_SECONDS)
    orders.add_channel(Channel(channel, prev_id=str(reached)))
    is_private = bool(looker.channel) and not settings.PUBLIC_VIEWING
    if is_private:
        # No item ever comes here but the order to close, so that the link is followed whatever comes in the other.
        orders.add_channel(Channel(looker.channel))
    address = f"{request.path}?{urlencode({_LINK: looker.link(period=period)})}"
    orders.set_next_link(address, timeout=PRIVATE_LINK_SECONDS if is_private else LINK_SECONDS)


class _CaughtUp(NamedTuple):
    plan: resume.Resume
    chunks: list[bytes]
    #: The last event in them, or that the viewer has already; -1 before the first event.
    reached: int


def _catch_up(session: BacktestSession, cursor: int | None) -> _CaughtUp:
    """Bring a viewer up to the head, all of it read at one instant."""
    wire = Wire("identity")
    chunks: list[bytes] = []
    with event_log.one_instant():
        state = event_log.read_state(session.pk)
        head = grip.NO_EVENT if state.head is None else state.head
        plan = resume.decide(cursor, state.head, state.oldest_event_id, state.is_finished)
        reached = plan.replay_after
        if plan.snapshot_at is not None:
            snapshot = snapshot_cache.get(session, state, event_id=plan.snapshot_at)
            chunks.append(snapshot.text.raw)
            reached = snapshot.event_id
        while reached < head:
            ring = event_log.read_blocks(session.pk, after=reached, limit=resume.DEFAULT_LIMIT)
            missed, reached = wire.drain(ring, reached, max_bytes=direct.MAX_CHUNK_BYTES)
            chunks += missed
            if not missed:
                break
    return _CaughtUp(plan, chunks, reached)


def _stream_headers(told: _CaughtUp) -> Mapping[str, str]:
    mode = {"wait": "live", "nothing": "complete"}.get(told.plan.mode, told.plan.mode)
    return {
        "Cache-Control": "no-store, no-transform",
        "Content-Encoding": "identity",
        "X-Accel-Buffering": "no",
        "X-Backtest-Stream": f"{mode}; head={told.reached}",
    }
