"""
Candles: open, high, low and close of a span of time, built from ticks.

A candle is *finished* when the first tick of a later one arrives; candles exist only where ticks exist. Intraday
spans are counted from the session's open (09:15), so that a 30-minute candle starts at 09:15 and not at 09:00.
Candles are gathered a day at a time, as columns; the candle that a day leaves unfinished goes on into the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
from numpy import typing as npt

SESSION_OPEN_SECONDS = 9 * 3600 + 15 * 60
"""Seconds from midnight to the open of the Indian equity and derivatives session. NSE market timings."""

UNIT_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}

FloatColumn = npt.NDArray[np.float64]
IntColumn = npt.NDArray[np.int64]

EXCHANGE_OFFSET_SECONDS = 19_800
"""Seconds from UTC to exchange time. India has no summer time, so one number serves every date since 1945."""

_EXCHANGE = timezone(timedelta(seconds=EXCHANGE_OFFSET_SECONDS))
FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Candle:
    """One finished (or, in a preview, one being built) candle. Prices in quote currency per unit."""

    #: First instant of the candle, aware, exchange time.
    start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int = 0


@dataclass(frozen=True, slots=True)
class Timeframe:
    """A span of time that candles are built for."""

    #: The builder's name for it, such as ``1m``.
    id: str
    #: ``seconds``, ``minutes``, ``hours`` or ``days``.
    unit: str
    number: int

    @property
    def seconds(self) -> int:
        """Length of the span in seconds."""
        return UNIT_SECONDS[self.unit] * self.number


@dataclass(frozen=True, slots=True)
class CandleColumns:
    """Candles as columns, oldest first. All of shape (k,)."""

    #: First instant of each candle, seconds since 1970 (UTC).
    start: IntColumn
    open: FloatColumn
    high: FloatColumn
    low: FloatColumn
    close: FloatColumn
    volume: FloatColumn

    def __len__(self) -> int:
        return len(self.start)

    def candle(self, place: int) -> Candle:
        """Return one candle as a record."""
        return Candle(
            datetime.fromtimestamp(int(self.start[place]), _EXCHANGE),
            float(self.open[place]),
            float(self.high[place]),
            float(self.low[place]),
            float(self.close[place]),
            int(self.volume[place]),
        )

    def part(self, first: int, last: int) -> CandleColumns:
        """Return the candles from ``first`` up to, not including, ``last``."""
        cut = slice(first, last)
        return CandleColumns(
            self.start[cut], self.open[cut], self.high[cut], self.low[cut], self.close[cut], self.volume[cut]
        )

    def then(self, later: CandleColumns) -> CandleColumns:
        """Return these candles followed by later ones."""
        return CandleColumns(
            np.concatenate((self.start, later.start)),
            np.concatenate((self.open, later.open)),
            np.concatenate((self.high, later.high)),
            np.concatenate((self.low, later.low)),
            np.concatenate((self.close, later.close)),
            np.concatenate((self.volume, later.volume)),
        )


def no_candles() -> CandleColumns:
    """Return columns without a candle."""
    empty = np.empty(0, dtype=np.float64)
    return CandleColumns(np.empty(0, dtype=np.int64), empty, empty, empty, empty, empty)


def candle_starts(epochs: IntColumn, timeframe: Timeframe) -> IntColumn:
    """
    Return the start of the candle that each instant belongs to.

    Args:
        epochs: Seconds since 1970 (UTC). Shape (n,).
        timeframe: Spans of a day or more are counted from midnight of the first day of 1970, exchange time.
    """
    local = epochs + EXCHANGE_OFFSET_SECONDS
    span = timeframe.seconds
    if span >= UNIT_SECONDS["days"]:
        return local // span * span - EXCHANGE_OFFSET_SECONDS
    second_of_day = local % UNIT_SECONDS["days"]
    return epochs - (second_of_day - SESSION_OPEN_SECONDS) % span


def gather(starts: IntColumn, candles: CandleColumns) -> tuple[CandleColumns, IntColumn]:
    """
    Join small candles (or ticks, as candles of one price) into larger ones.

    Args:
        starts: The start of the larger candle that each small one belongs to, ascending. Shape (n,).
        candles: The small candles. Shape (n,).

    Returns:
        The larger candles, and for each small one the place of its larger one. Shape (n,).
    """
    if len(starts) == 0:
        return no_candles(), np.empty(0, dtype=np.int64)
    is_first = np.concatenate(([True], starts[1:] != starts[:-1]))
    first = np.flatnonzero(is_first)
    last = np.concatenate((first[1:], [len(starts)])) - 1
    joined = CandleColumns(
        starts[first],
        candles.open[first],
        np.maximum.reduceat(candles.high, first),
        np.minimum.reduceat(candles.low, first),
        candles.close[last],
        np.add.reduceat(candles.volume, first),
    )
    return joined, np.cumsum(is_first) - 1


def from_minutes(minutes: Sequence[Candle], timeframe: Timeframe) -> CandleColumns:
    """Gather one-minute candles into candles of a timeframe; the last one may be unfinished."""
    epochs = np.array([int(candle.start.timestamp()) for candle in minutes], dtype=np.int64)
    columns = {name: np.array([getattr(candle, name) for candle in minutes], dtype=np.float64) for name in FIELDS}
    return gather(candle_starts(epochs, timeframe), CandleColumns(epochs, **columns))[0]
