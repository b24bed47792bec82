"""
Small days of market data, written down second by second.

    market_data({"NIFTY": 24260}, {"NIFTY": 24261, PUT: [181.6, 182]})

is two seconds from 09:15:00 on; in the second one the put ticks twice.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from strategies.engine.candles import Candle
from strategies.engine.condition_text import seconds_of_day
from strategies.engine.ticks import DayColumns, Tick, TickList, TickSecond

INDIA = ZoneInfo("Asia/Kolkata")
DAY = date(2024, 10, 29)
"""A Tuesday; the weekly contracts expire on the Thursday after it."""

NEXT_DAY = date(2024, 10, 30)
THIS_WEEK = date(2024, 10, 31)
NEXT_WEEK = date(2024, 11, 7)

Quotes = Mapping[str, float | Sequence[float]]
"""Symbol to its price in one second, or to its prices where it ticks several times."""


class WrittenDays(TickList):
    """
    Days that a test wrote down, with what plain ticks cannot say.

    Args:
        seconds: In ascending order, at least one.
        warmup_candles: One-minute candles from before the first second.
        symbols: Symbols that every day lists beside those that tick on it, such as a contract without a tick yet.
        closes: Time of day at which the session of a date closes, where it is not 15:30.
        spread: Half the distance of bid and ask, with the last price in the middle; None for data without them.
        unquoted: Symbols that have neither bid nor ask although the data have the columns.
    """

    def __init__(
        self,
        seconds: Iterable[TickSecond],
        *,
        warmup_candles: Sequence[Candle] = (),
        symbols: Iterable[str] = (),
        closes: Mapping[date, str] | None = None,
        spread: float | None = None,
        unquoted: Iterable[str] = (),
    ) -> None:
        symbols = tuple(symbols)
        super().__init__(seconds, warmup_candles)
        self.symbols |= frozenset(symbols)
        self._listed = tuple(symbols)
        self._closes = closes or {}
        self._spread = spread
        self._unquoted = frozenset(unquoted)

    def days(self) -> Iterator[DayColumns]:
        """Return the days in ascending order; may be called again."""
        return map(self._with_more, super().days())

    def _with_more(self, day: DayColumns) -> DayColumns:
        if day.day in self._closes:
            day = replace(day, close_seconds=seconds_of_day(self._closes[day.day]) or 0)
        # Behind those that tick, so that their codes stay as they are.
        day = replace(day, symbols=tuple(dict.fromkeys((*day.symbols, *self._listed))))
        if self._spread is None:
            return day
        has_none = np.array([name in self._unquoted for name in day.symbols])[day.codes]
        bid, ask = day.ltp - self._spread, day.ltp + self._spread
        return replace(day, bid=np.where(has_none, np.nan, bid), ask=np.where(has_none, np.nan, ask))


def at(time_of_day: str, on: date = DAY) -> datetime:
    """Return an exchange time: at("09:15:00")."""
    return datetime.fromisoformat(f"{on}T{time_of_day}").replace(tzinfo=INDIA)


def second(time_of_day: str, quotes: Quotes, on: date = DAY, *, volume: int = 0, oi: int = 0) -> TickSecond:
    """Build one second."""
    ticks = [
        Tick(symbol, price, volume, oi)
        for symbol, prices in quotes.items()
        for price in (prices if isinstance(prices, Sequence) else [prices])
    ]
    return TickSecond(at(time_of_day, on), ticks)


def seconds(*quotes: Quotes, start: str = "09:15:00", on: date = DAY) -> tuple[TickSecond, ...]:
    """Build seconds that follow each other without a gap."""
    first = at(start, on)
    return tuple(second(f"{first + timedelta(seconds=index):%H:%M:%S}", each, on) for index, each in enumerate(quotes))


def market_data(
    *quotes: Quotes,
    start: str = "09:15:00",
    on: date = DAY,
    warmup_candles: Sequence[Candle] = (),
    symbols: Iterable[str] = (),
) -> WrittenDays:
    """Build market data of seconds that follow each other without a gap."""
    return WrittenDays(seconds(*quotes, start=start, on=on), warmup_candles=warmup_candles, symbols=symbols)


def index(*prices: float, start: str = "09:15:00") -> WrittenDays:
    """Build market data of the index alone, one price a second."""
    return market_data(*({"NIFTY": price} for price in prices), start=start)


def minutes(*closes: float, start: str = "09:00:00", on: date = DAY, spread: float = 1.0) -> tuple[Candle, ...]:
    """Build one-minute candles with the given closes, each opening where the one before it closed."""
    first = at(start, on)
    opens = (closes[0], *closes[:-1])
    return tuple(
        Candle(
            first + timedelta(minutes=index), begin, max(begin, close) + spread, min(begin, close) - spread, close, 10
        )
        for index, (begin, close) in enumerate(zip(opens, closes, strict=True))
    )
