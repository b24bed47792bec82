"""
The series of a session: what the charts draw of the day so far, `GET /api/sessions/<session_id>/series/`.

A viewer that joins late opens the stream first, fetches this, and merges the two by tick. The columns come from the
log's blocks, so that nothing is decoded that the charts do not need. The prices of contracts, and where the stops and
targets of positions in them stood, come from the session's history, which is read once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from streaming import answers, event_log
from streaming.guard_history import decimal_text
from streaming.history_cache import history_cache
from streaming.models import EventBlock
from streaming.protocol import json_text

#: How many contracts one call tells of.
MAX_SYMBOLS: Final = 20
_MOST_LISTED: Final = 20


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
            "total_pnl": [decimal_text(point.total_pnl_cents) for point in points],
        },
    }


def read_contracts(session_pk: int, symbols: Sequence[str], ticks: Sequence[int]) -> dict[str, Any]:
    """
    Read what charts of contracts need at ticks that follow one another.

    Returns:
        `prices`, by symbol a price for each tick, None where the tick told none; and `guards`, the steps of stops and
        targets in these ticks, as `GuardHistory.of_symbols` gives them.

    Raises:
        ValidationError: If the session has told no price of a symbol.
    """
    with history_cache.open(session_pk) as history:
        for symbol in symbols:
            if symbol not in history.symbols:
                known = ", ".join(history.symbols[:_MOST_LISTED]) or "none yet"
                raise ValidationError({"symbols": f"{symbol[:80]!r} has no price in this session; it has {known}."})
        if not ticks:
            return {"prices": {symbol: [] for symbol in symbols}, "guards": []}
        return {
            "prices": {symbol: history.prices(symbol, first=ticks[0], count=len(ticks)) for symbol in symbols},
            "guards": history.guards.of_symbols(symbols, after_tick=ticks[0] - 1, through_tick=ticks[-1]),
        }


# The endpoint


@extend_schema(
    parameters=[
        OpenApiParameter("after", int, description="The tick before the first one wanted (default 0)."),
        OpenApiParameter("symbols", str, description=f"Contracts to tell of, parted by commas, at most {MAX_SYMBOLS}."),
    ],
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
            "prices": serializers.DictField(
                child=serializers.ListField(child=serializers.FloatField(allow_null=True)),
                required=False,
                help_text="By symbol, as long as the columns; only where symbols were asked for.",
            ),
            "guards": serializers.ListField(
                child=serializers.DictField(),
                required=False,
                help_text=(
                    "Stops and targets of positions in the symbols: position_id, entry_time, symbol; and for "
                    "stop_loss_price, take_profit_price, trailing_stop_price steps: a tick, and the level from then on."
                ),
            ),
        },
    ),
)
@api_view(["GET"])
@permission_classes([AllowAny])
def session_series(request: Request, session_id: str) -> HttpResponse:
    """Give price and total P&L of every tick so far, in columns."""
    session = answers.asked_session(request, session_id)
    answers.refuse_unknown(request, "after", "symbols")
    after = answers.whole_number(request, "after", default=0)
    symbols = _symbols(request)
    return answers.answer(request, session, lambda: answers.Body(_body(session.pk, after, symbols)))


def _body(session_pk: int, after: int, symbols: Sequence[str]) -> bytes:
    series = read_series(session_pk, after_tick=after)
    if symbols:
        series |= read_contracts(session_pk, symbols, series["columns"]["tick"])
    return json_text.encode(series)


def _symbols(request: Request) -> list[str]:
    symbols = [name for name in dict.fromkeys(request.query_params.get("symbols", "").split(",")) if name]
    if len(symbols) > MAX_SYMBOLS:
        raise ValidationError({"symbols": f"{len(symbols)} contracts are more than one call gives: {MAX_SYMBOLS}."})
    return symbols
