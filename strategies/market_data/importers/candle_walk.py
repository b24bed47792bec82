"""
Candles as ticks: four prices, spread over the candle's span in one of two orders.

A strategy that decides on finished candles sees the same candles again. Within a candle the order of high and low is an
assumption (``CandleWalk``), and so are the seconds: the open stands at the first, the close at the last, the other two
at a third and two thirds. A candle ends with the session, so that the last one of a day may be shorter, and a candle of
a day is walked from open to close. Volume is shared out evenly; the open interest is the last candle's until this one's
last tick, as the source counts it at the end.
"""

from __future__ import annotations

import numpy as np

from strategies.engine.ticks import IntColumn
from strategies.market_data import calendar, exchange_time
from strategies.market_data.importers.candle_rows import CandleRows
from strategies.market_data.importers.options import CandleWalk
from strategies.market_data.importers.tick_rows import TickRows

_STEPS = 4
_ORDERS: dict[CandleWalk, tuple[str, ...]] = {
    "OLHC": ("open", "low", "high", "close"),
    "OHLC": ("open", "high", "low", "close"),
}


def walk(candles: CandleRows, order: CandleWalk, market: calendar.Market) -> TickRows:
    """
    Return the ticks that stand in for candles, four for each.

    Args:
        candles: The candles of one instrument.
        order: The order of their prices.
        market: Whose hours end a candle early.
    """
    starts, lengths = _spans(candles, market)
    offsets = np.stack((np.zeros_like(lengths), lengths // 3, 2 * lengths // 3, lengths - 1), axis=1)
    share = candles.volume // _STEPS
    volume = np.stack((share, share, share, candles.volume - 3 * share), axis=1)
    before = np.concatenate(([0], candles.oi[:-1]))
    oi = np.stack((before, before, before, candles.oi), axis=1)
    ticks = _STEPS * len(starts)
    return TickRows(
        file=candles.file,
        rows=np.repeat(candles.rows, _STEPS),
        microseconds=(starts[:, None] + offsets).reshape(ticks) * exchange_time.MICROSECONDS,
        codes=np.zeros(ticks, dtype=np.int64),
        symbols=(candles.symbol,),
        ltp=np.stack([getattr(candles, name) for name in _ORDERS[order]], axis=1).reshape(ticks),
        volume=volume.reshape(ticks),
        oi=oi.reshape(ticks),
        is_naive=candles.is_naive,
        candle_seconds=candles.span_seconds,
        repeated_rows=candles.repeated_rows,
        zero_rows=candles.zero_rows,
        sorted_rows=candles.sorted_rows,
    )


def _spans(candles: CandleRows, market: calendar.Market) -> tuple[IntColumn, IntColumn]:
    """Return the first second of each candle and its length in seconds, both within the session."""
    starts = candles.starts.copy()
    lengths = np.full(len(starts), candles.span_seconds, dtype=np.int64)
    if market == "24h":
        return starts, lengths
    numbers = exchange_time.day_numbers(starts)
    for number in np.unique(numbers).tolist():
        session = calendar.session_of(exchange_time.date_of_day_number(number))
        midnight = number * exchange_time.SECONDS_PER_DAY - exchange_time.UTC_OFFSET_SECONDS
        first, end = midnight + session.open_seconds, midnight + session.close_seconds
        of_day = numbers == number
        if candles.span_seconds == exchange_time.SECONDS_PER_DAY:
            starts[of_day], lengths[of_day] = first, end - first
            continue
        inside = of_day & (starts >= first) & (starts < end)
        lengths[inside] = np.minimum(lengths[inside], end - starts[inside])
    return starts, lengths
