"""
The market as the strategy sees it: one day on a tape, and where on it the run stands.

``Market.begin_day`` puts a day on; ``Market.move_to`` moves the run to a second. After that every price is as of that
second, whatever lies behind it on the tape.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from strategies.engine.candles import Candle
from strategies.engine.condition_text import REGULAR_CLOSE_SECONDS
from strategies.engine.series import Series
from strategies.engine.strategy import InstrumentSpec, StrategyGraph
from strategies.engine.tape import DayTape
from strategies.engine.ticks import DayColumns, exchange_time


class Market:
    """
    Quotes, candles and indicators of one run.

    Args:
        strategy: Names the instruments, timeframes and indicators.
        warmup: One-minute candles of the trading instrument from before the first tick.
    """

    def __init__(self, strategy: StrategyGraph, warmup: Sequence[Candle]) -> None:
        self.tape: DayTape
        #: Index of the current second on the tape.
        self.second = 0
        #: Seconds from midnight to the close of the day on the tape.
        self.close_seconds = REGULAR_CLOSE_SECONDS
        #: By instrument role (TI, SI) and timeframe id.
        self.series: dict[tuple[str, str], Series] = {}
        self.symbols: dict[str, str] = {}
        self._track("TI", strategy.start.instrument, tuple(warmup))
        if strategy.start.supporting is not None:
            self._track("SI", strategy.start.supporting, ())

    @property
    def day(self) -> date:
        """Return the exchange date of the day on the tape."""
        return self.tape.day

    @property
    def now(self) -> datetime:
        """Return the exchange time of the current second."""
        return exchange_time(self.tape.epochs[self.second])

    @property
    def second_of_day(self) -> int:
        """Return the seconds from midnight of the current second."""
        return self.tape.times[self.second]

    def begin_day(self, columns: DayColumns) -> None:
        """Put the next day on the tape."""
        self.tape = DayTape(columns)
        self.second = 0
        self.close_seconds = columns.close_seconds
        for series in self.series.values():
            series.begin_day(self.tape)

    def move_to(self, second: int) -> None:
        """Let the current second be the one at an index of the tape."""
        self.second = second

    def last_price(self, symbol: str) -> float | None:
        """Return a symbol's last price today; None before its first tick."""
        price = self.tape.price_list(symbol)[self.second]
        return price if price == price else None

    def quoted_at(self, symbol: str) -> datetime | None:
        """Return the exchange time of a symbol's last tick today; None before its first."""
        at = self.tape.quoted_at(symbol)[self.second]
        return exchange_time(self.tape.epochs[at]) if at >= 0 else None

    def quote_age_seconds(self, symbol: str) -> int | None:
        """Return how long ago a symbol last ticked; None before its first tick today."""
        at = self.tape.quoted_at(symbol)[self.second]
        return self.tape.epochs[self.second] - self.tape.epochs[at] if at >= 0 else None

    def _track(self, role: str, instrument: InstrumentSpec, warmup: tuple[Candle, ...]) -> None:
        self.symbols[role] = instrument.symbol
        for spec in instrument.timeframes:
            self.series[role, spec.timeframe.id] = Series(instrument.symbol, spec.timeframe, spec.indicators, warmup)
