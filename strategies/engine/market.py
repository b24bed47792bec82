"""
The market as the strategy sees it at this tick: quotes, candles, indicators.

``Market.apply`` takes a second of ticks in their order; after it every price is as of that second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from strategies.engine.candles import Candle, CandleSeries
from strategies.engine.errors import MarketDataInvalid
from strategies.engine.indicators import INDICATORS, Indicator
from strategies.engine.strategy import InstrumentSpec, StrategyGraph
from strategies.engine.ticks import Tick, TickSecond

MAX_PRICE = 1e12
"""Prices are below it, so that the profit on the largest quantity stays within the 28 digits of ``Decimal``."""


@dataclass(slots=True)
class Quote:
    """The last tick of one symbol."""

    ltp: float
    volume: int
    oi: int
    #: Exchange time of that tick.
    at: datetime


class TrackedSeries:
    """A candle series with the indicators that are computed on it."""

    __slots__ = ("candles", "indicators")

    def __init__(self, candles: CandleSeries, indicators: dict[str, Indicator]) -> None:
        self.candles = candles
        #: By the builder's key.
        self.indicators = indicators
        for candle in candles.finished:
            for indicator in indicators.values():
                indicator.add(candle)

    def add(self, at: datetime, epoch: float, price: float, volume: int) -> None:
        """Apply one tick of the instrument."""
        if self.candles.add(at, epoch, price, volume):
            for indicator in self.indicators.values():
                indicator.add(self.candles.finished[-1])


class Market:
    """
    Quotes, candles and indicators of one run.

    Args:
        strategy: Names the instruments, timeframes and indicators.
        warmup: One-minute candles of the trading instrument from before the first tick.
    """

    def __init__(self, strategy: StrategyGraph, warmup: Sequence[Candle]) -> None:
        self.now: datetime
        #: Seconds from midnight of ``now``.
        self.second_of_day = 0
        self.quotes: dict[str, Quote] = {}
        #: By instrument role (TI, SI) and timeframe id.
        self.series: dict[tuple[str, str], TrackedSeries] = {}
        self._by_symbol: dict[str, list[TrackedSeries]] = {}
        start = strategy.start
        self._track("TI", start.instrument, tuple(warmup))
        self.symbols = {"TI": start.instrument.symbol}
        if start.supporting is not None:
            self._track("SI", start.supporting, ())
            self.symbols["SI"] = start.supporting.symbol

    def apply(self, second: TickSecond) -> None:
        """
        Apply all ticks of one second, in their order.

        Raises:
            MarketDataInvalid: If the second is not after the one before, has no tick, or a price lies out of bounds.
        """
        at = second.timestamp
        if hasattr(self, "now") and at <= self.now:
            raise MarketDataInvalid(f"ticks are out of order: {at} comes after {self.now}", place=str(at))
        if not second.ticks:
            raise MarketDataInvalid("the second holds no tick", place=str(at))
        self.now = at
        self.second_of_day = at.hour * 3600 + at.minute * 60 + at.second
        epoch = at.timestamp()
        for tick in second.ticks:
            self._apply(tick, at, epoch)

    def _apply(self, tick: Tick, at: datetime, epoch: float) -> None:
        symbol, ltp, volume, oi = tick
        # One comparison refuses zero, negative, infinite and NaN alike.
        if not 0.0 < ltp < MAX_PRICE:
            message = f"{symbol} has the price {ltp}; a price is above zero and below {MAX_PRICE:g}"
            raise MarketDataInvalid(message, place=str(at))
        quote = self.quotes.get(symbol)
        if quote is None:
            self.quotes[symbol] = Quote(ltp, volume, oi, at)
        else:
            quote.ltp, quote.volume, quote.oi, quote.at = ltp, volume, oi, at
        for series in self._by_symbol.get(symbol, ()):
            series.add(at, epoch, ltp, volume)

    def _track(self, role: str, instrument: InstrumentSpec, warmup: tuple[Candle, ...]) -> None:
        for spec in instrument.timeframes:
            indicators = {item.key: INDICATORS[item.name](item) for item in spec.indicators}
            series = TrackedSeries(CandleSeries(spec.timeframe, warmup), indicators)
            self.series[role, spec.timeframe.id] = series
            self._by_symbol.setdefault(instrument.symbol, []).append(series)
