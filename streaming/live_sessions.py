"""
The sessions that run or wait: what a list shows of them while they go on, `GET /api/sessions/live/`.

One small document for all of them, so that a list stays true in place with one request, however long it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from strategies import actions
from strategies.models import BacktestSession
from strategies.session_states import ACTIVE_STATES
from streaming import event_log
from streaming.models import EventBlock, SessionLog
from streaming.protocol import json_text

#: How many sessions are told of at most, the newest first.
MAX_SESSIONS: Final = 24
#: How many points the small curve of a session has at most.
SPARK_POINTS: Final = 60

Json = dict[str, Any]
_Item = TypeVar("_Item")


def live_sessions(user: AbstractBaseUser | AnonymousUser | None) -> Json:
    """
    Read the sessions that are not finished and that somebody may see.

    Returns:
        `results`, the newest first; `count`, how many there are in all; `newest`, the id of the newest session of any
        state, None where there is none.
    """
    visible = actions.visible_sessions(user)
    unfinished = visible.filter(state__in=ACTIVE_STATES)
    shown = list(unfinished[:MAX_SESSIONS])
    states = dict(
        SessionLog.objects.filter(session_id__in=[session.pk for session in shown]).values_list(
            "session_id", "current_state_json"
        )
    )
    return {
        "results": [_row(session, states.get(session.pk)) for session in shown],
        "count": len(shown) if len(shown) < MAX_SESSIONS else unfinished.count(),
        "newest": visible.values_list("session_id", flat=True).first(),
    }


def _row(session: BacktestSession, state_json: memoryview | bytes | None) -> Json:
    tick = json_text.decode(bytes(state_json)) if state_json is not None else None
    return {
        "session_id": session.session_id,
        "state": session.state,
        "strategy": session.strategy_version.strategy.name,
        "version": session.strategy_version.number,
        "ticks_done": session.ticks_done,
        "total_ticks": session.total_ticks,
        "progress_percent": session.progress_percent,
        "total_pnl": tick["pnl_summary"]["total_pnl"] if tick else None,
        "closed_trades": tick["pnl_summary"]["closed_trades"] if tick else 0,
        "last_time": tick["timestamp"] if tick else None,
        "spark": spark(session.pk) if tick else [],
    }


def spark(session_pk: int) -> list[float]:
    """Read the total P&L at some moments from the first tick to the newest, evenly spaced over the log's blocks."""
    blocks = EventBlock.objects.filter(session_id=session_pk).exclude(series=b"").order_by("first_event_id")
    chosen = _spread(list(blocks.values_list("pk", flat=True)), SPARK_POINTS)
    series = dict(EventBlock.objects.filter(pk__in=chosen).values_list("pk", "series"))
    points = [event_log.unpack_series(series[pk]) for pk in chosen if pk in series]
    if len(points) < SPARK_POINTS:
        # A few blocks: every one of their ticks may be a point.
        ticks = [point for block in points for point in block]
        return [point.total_pnl_cents / 100 for point in _spread(ticks, SPARK_POINTS)]
    return [block[-1].total_pnl_cents / 100 for block in points]


def _spread(items: Sequence[_Item], count: int) -> list[_Item]:
    """Choose at most so many items, evenly spaced, the last one always among them."""
    if len(items) <= count:
        return list(items)
    return [items[(number + 1) * len(items) // count - 1] for number in range(count)]


@extend_schema(responses=OpenApiTypes.OBJECT)
@api_view(["GET"])
@permission_classes([AllowAny])
def live_document(request: Request) -> HttpResponse:
    """Give the sessions that are queued or running, with P&L so far and a small curve of it."""
    response = HttpResponse(json_text.encode(live_sessions(request.user)), content_type="application/json")
    response.headers["Cache-Control"] = "private, no-store"
    return response
