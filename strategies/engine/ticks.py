"""
Market data as the engine takes them: columns, one day at a time.

A day of an option chain is half a million ticks; as columns they are 13 MB and every price of a contract is one array
away. ``TickList`` makes columns of plain Python records, for callers who have ticks rather than columns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

import numpy as np
from numpy import typing as npt

from strategies.engine.candles import EXCHANGE_OFFSET_SECONDS, Candle
from strategies.engine.errors import MarketDataInvalid

IntColumn = npt.NDArray[np.int64]
FloatColumn = npt.NDArray[np.float64]

EXCHANGE_ZONE = ZoneInfo("Asia/Kolkata")
"""Time zone of the National Stock Exchange of India; all times of day are meant in it."""

HIGHEST_PRICE = 1e12
"""Prices are below this; quote currency per unit. Sums of them stay exact."""

# A fixed offset makes a time three times as fast as the zone does.
_EXCHANGE_TIME = timezone(timedelta(seconds=EXCHANGE_OFFSET_SECONDS))


class Tick(NamedTuple):
    """One raw tick of one instrument."""

    symbol: str
    #: Last traded price, quote currency per unit, > 0.
    ltp: float
    #: Quantity traded, as the data source counts it; 0 where it does not say.
    volume: int = 0
    #: Open interest; 0 where the source does not say.
    oi: int = 0


@dataclass(frozen=True, slots=True)
class TickSecond:
    """All ticks of one second of market data."""

    #: The second, aware, no microseconds.
    timestamp: datetime
    #: At least one tick, in the order in which they came.
    ticks: Sequence[Tick]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayColumns:
    """
    One exchange day of ticks.

    ``seconds`` has shape (n,), ``starts`` (n + 1,), the others (m,): tick j of second i stands at
    ``starts[i] <= j < starts[i + 1]``.
    """

    #: Exchange date.
    day: date
    #: Each second that has ticks, seconds since 1970 (UTC), strictly ascending.
    seconds: IntColumn
    starts: IntColumn
    #: Index of each tick's symbol in ``symbols``.
    codes: npt.NDArray[np.integer]
    symbols: Sequence[str]
    #: Last traded price, quote currency per unit, finite and > 0.
    ltp: FloatColumn
    #: Quantity, >= 0.
    volume: IntColumn
    #: Open interest, >= 0.
    oi: IntColumn
    #: Seconds from midnight, exchange time, at which this day's session closes.
    close_seconds: int = 15 * 3600 + 30 * 60
    #: Best bid and ask, NaN where there is none; None where the data have no such columns.
    bid: FloatColumn | None = None
    ask: FloatColumn | None = None


class MarketData(Protocol):
    """Market data of one or several days, checked and in order."""

    @property
    def symbols(self) -> frozenset[str]:
        """Every symbol that occurs, underlyings and contracts."""

    @property
    def total_ticks(self) -> int:
        """Number of distinct seconds; the engine makes one tick of each."""

    @property
    def first_date(self) -> date:
        """Exchange date of the first second."""

    @property
    def last_date(self) -> date:
        """Exchange date of the last second."""

    @property
    def warmup_candles(self) -> Sequence[Candle]:
        """One-minute candles of the underlying from before the first second, oldest first."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the content, in hex: equal content, equal fingerprint, whatever the file format."""

    def days(self) -> Iterator[DayColumns]:
        """Return the days in ascending order; may be called again."""


class TickList:
    """
    Market data made of plain records.

    Args:
        seconds: Seconds in ascending order, each with at least one tick.
        warmup_candles: One-minute candles of the underlying from before the first second, oldest first.

    Raises:
        MarketDataInvalid: If there is no second, a second has no tick, comes out of order, or is not a whole one.
    """

    def __init__(self, seconds: Iterable[TickSecond], warmup_candles: Sequence[Candle] = ()) -> None:
        self._days = list(_columns(list(seconds)))
        if not self._days:
            raise MarketDataInvalid("there is no tick at all; give at least one second of market data")
        self.warmup_candles: Sequence[Candle] = tuple(warmup_candles)
        self.symbols = frozenset(name for day in self._days for name in day.symbols)
        self.total_ticks = sum(len(day.seconds) for day in self._days)
        self.first_date = self._days[0].day
        self.last_date = self._days[-1].day
        self.fingerprint = self._hash()

    def days(self) -> Iterator[DayColumns]:
        """Return the days in ascending order; may be called again."""
        return iter(self._days)

    def _hash(self) -> str:
        digest = hashlib.sha256()
        for day in self._days:
            digest.update("\n".join(day.symbols).encode())
            for column in (day.seconds, day.starts, day.codes, day.ltp, day.volume, day.oi):
                digest.update(np.ascontiguousarray(column).data)
        digest.update(repr(self.warmup_candles).encode())
        return digest.hexdigest()


def exchange_time(epoch: int) -> datetime:
    """Return an instant as exchange time."""
    return datetime.fromtimestamp(epoch, _EXCHANGE_TIME)


def exchange_date(epoch: int) -> date:
    """Return the exchange date of an instant."""
    return exchange_time(epoch).date()


def _columns(seconds: list[TickSecond]) -> Iterator[DayColumns]:
    day: list[TickSecond] = []
    last: datetime | None = None
    for second in seconds:
        _check(second, last)
        last = second.timestamp
        if day and _date_of(second) != _date_of(day[0]):
            yield _day(day)
            day = []
        day.append(second)
    if day:
        yield _day(day)


def _check(second: TickSecond, last: datetime | None) -> None:
    at = second.timestamp
    if at.tzinfo is None or at.microsecond:
        raise MarketDataInvalid("a second is an aware time without microseconds", place=str(at))
    if last is not None and at <= last:
        raise MarketDataInvalid(f"ticks are out of order: {at} comes after {last}", place=str(at))
    if not second.ticks:
        raise MarketDataInvalid("the second holds no tick", place=str(at))
    for tick in second.ticks:
        # One comparison refuses zero, negative and NaN alike, and what money could not hold.
        if not 0.0 < tick.ltp < HIGHEST_PRICE:
            message = f"{tick.symbol} has the price {tick.ltp}; a price is above zero and below {HIGHEST_PRICE:g}"
            raise MarketDataInvalid(message, place=str(at))


def _date_of(second: TickSecond) -> date:
    return second.timestamp.astimezone(EXCHANGE_ZONE).date()


def _day(seconds: list[TickSecond]) -> DayColumns:
    ticks = [tick for second in seconds for tick in second.ticks]
    symbols = sorted({tick.symbol for tick in ticks})
    code_of = {symbol: code for code, symbol in enumerate(symbols)}
    counts = [0] + [len(second.ticks) for second in seconds]
    return DayColumns(
        day=_date_of(seconds[0]),
        seconds=np.array([int(second.timestamp.timestamp()) for second in seconds], dtype=np.int64),
        starts=np.cumsum(counts, dtype=np.int64),
        codes=np.array([code_of[tick.symbol] for tick in ticks], dtype=np.int64),
        symbols=tuple(symbols),
        ltp=np.array([tick.ltp for tick in ticks], dtype=np.float64),
        volume=np.array([tick.volume for tick in ticks], dtype=np.int64),
        oi=np.array([tick.oi for tick in ticks], dtype=np.int64),
    )
