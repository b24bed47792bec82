"""
The series of a session: what the charts draw of the day so far, `GET /api/sessions/<session_id>/series/`.

A viewer that joins late opens the stream first, fetches this, and merges the two by tick. The columns come from the
log's blocks, so that nothing is decoded that the charts do not need.
"""

from __future__ import annotations

import math
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from strategies import actions
from strategies.models import BacktestSession
from streaming import event_log
from streaming.models import EventBlock

_MAX_TICK = 2**31


def read_series(session_pk: int, *, after_tick: int = 0) -> dict[str, Any]:
    """
    Read a session's series.

    Args:
        session_pk: Of which session.
        after_tick: The tick before the first one wanted.

    Returns:
        `through_tick`, the last tick in it (`after_tick` where there is none), and `columns` of equal length: `tick`,
        `time` (Unix seconds), `underlying` (last price, None before the first), `total_pnl` (decimal text).
    """
    packed = (
        EventBlock.objects.filter(session_id=session_pk)
        .exclude(series=b"")
        .order_by("first_event_id")
        .values_list("series", flat=True)
    )
    points = [
        point for series in packed.iterator() for point in event_log.unpack_series(series) if point.tick > after_tick
    ]
    return {
        "through_tick": points[-1].tick if points else after_tick,
        "columns": {
            "tick": [point.tick for point in points],
            "time": [point.epoch_second for point in points],
            "underlying": [None if math.isnan(point.underlying) else point.underlying for point in points],
            "total_pnl": [_decimal_text(point.total_pnl_cents) for point in points],
        },
    }


def _decimal_text(cents: int) -> str:
    whole, part = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{part:02d}"


@extend_schema(
    parameters=[OpenApiParameter("after", int, description="The tick before the first one wanted (default 0).")],
    responses=inline_serializer(
        "Series",
        {
            "through_tick": serializers.IntegerField(),
            "columns": inline_serializer(
                "SeriesColumns",
                {
                    "tick": serializers.ListField(child=serializers.IntegerField()),
                    "time": serializers.ListField(child=serializers.IntegerField(help_text="Unix seconds")),
                    "underlying": serializers.ListField(child=serializers.FloatField(allow_null=True)),
                    "total_pnl": serializers.ListField(child=serializers.CharField(help_text="Decimal text")),
                },
            ),
        },
    ),
)
@api_view(["GET"])
@permission_classes([AllowAny])
def session_series(request: Request, session_id: str) -> Response:
    """Give price and total P&L of every tick so far, in columns."""
    session = BacktestSession.objects.filter(session_id=session_id).first()
    if session is None or not actions.can_view(request.user, session):
        raise NotFound("There is no such session.")
    return Response(read_series(session.pk, after_tick=_after_tick(request.query_params.get("after", "0"))))


def _after_tick(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < _MAX_TICK):
        raise ValidationError({"after": f"{text[:40]!r} is not a tick; give a whole number from 0."})
    return int(text)
