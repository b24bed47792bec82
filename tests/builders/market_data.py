"""
Small days of market data, written down second by second.

    market_data({"NIFTY": 24260}, {"NIFTY": 24261, PUT: [181.6, 182]})

is two seconds from 09:15:00 on; in the second one the put ticks twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from strategies.engine.candles import Candle
from strategies.engine.ticks import Tick, TickSecond
from tests.fakes.in_memory_market_data import InMemoryMarketData

INDIA = ZoneInfo("Asia/Kolkata")
DAY = date(2024, 10, 29)
"""A Tuesday; the weekly contracts expire on the Thursday after it."""

THIS_WEEK = date(2024, 10, 31)
NEXT_WEEK = date(2024, 11, 7)

Quotes = Mapping[str, float | Sequence[float]]
"""Symbol to its price in one second, or to its prices where it ticks several times."""


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
) -> InMemoryMarketData:
    """Build market data of seconds that follow each other without a gap."""
    return InMemoryMarketData(seconds(*quotes, start=start, on=on), warmup_candles=warmup_candles, symbols=symbols)


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
