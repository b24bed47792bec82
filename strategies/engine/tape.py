"""
One day of market data, ready to be asked: what was a symbol's last price as of each second?

Everything here is known before the first tick of the day runs, and nothing looks ahead: the value at second i depends
on ticks up to and including second i alone. Columns are made when first asked for and kept for the day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy import typing as npt

from strategies.engine.candles import EXCHANGE_OFFSET_SECONDS
from strategies.engine.ticks import DayColumns, FloatColumn, IntColumn

SECONDS_PER_DAY = 86_400

_WITHIN_HOUR = tuple(f":{second // 60:02d}:{second % 60:02d}" for second in range(3_600))


def clock(seconds: int) -> str:
    """Write seconds from midnight as a time of day with seconds: 09:15:00."""
    # A day's ticks each write their own: looking up is three times as fast as formatting.
    return f"{seconds // 3600:02d}{_WITHIN_HOUR[seconds % 3600]}"


@dataclass(frozen=True, slots=True)
class SymbolTicks:
    """The ticks of one symbol on one day, in their order. All of shape (k,)."""

    #: Index of each tick's second on the tape, ascending.
    at: IntColumn
    ltp: FloatColumn
    volume: IntColumn
    oi: IntColumn


class DayTape:
    """
    A day's ticks by symbol.

    Args:
        columns: The day, checked and in order.
    """

    def __init__(self, columns: DayColumns) -> None:
        self.day = columns.day
        self.seconds = columns.seconds
        self.epochs: list[int] = columns.seconds.tolist()
        #: Seconds from midnight, exchange time, of each second. Shape (n,).
        self.seconds_of_day: IntColumn = (columns.seconds + EXCHANGE_OFFSET_SECONDS) % SECONDS_PER_DAY
        self.times: list[int] = self.seconds_of_day.tolist()
        self.symbols = tuple(columns.symbols)
        self._clocks: list[str] | None = None
        self._columns = columns
        self._code_of = {symbol: code for code, symbol in enumerate(columns.symbols)}
        self._second_of_tick = np.repeat(np.arange(len(self.epochs), dtype=np.int64), np.diff(columns.starts))
        self._places: dict[str, npt.NDArray[np.intp]] = {}
        self._last_place: dict[str, IntColumn] = {}
        self._prices: dict[str, FloatColumn] = {}
        self._price_lists: dict[str, list[float]] = {}
        self._quote_lists: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.epochs)

    @property
    def clocks(self) -> list[str]:
        """Return the time of day of each second as text: 09:15:00."""
        if self._clocks is None:
            self._clocks = [clock(time) for time in self.times]
        return self._clocks

    def second_at(self, at: datetime) -> int:
        """Return the index of the second at an instant, or of the first one after it."""
        return int(np.searchsorted(self.seconds, int(at.timestamp())))

    def has(self, symbol: str) -> bool:
        """Return whether the symbol ticks on this day."""
        return symbol in self._code_of

    def ticks(self, symbol: str) -> SymbolTicks:
        """Return the raw ticks of a symbol; none where it does not tick on this day."""
        places = self._places_of(symbol)
        columns = self._columns
        return SymbolTicks(
            self._second_of_tick[places], columns.ltp[places], columns.volume[places], columns.oi[places]
        )

    def prices(self, symbol: str) -> FloatColumn:
        """Return the last price as of each second; NaN before the symbol's first tick. Shape (n,)."""
        if symbol not in self._prices:
            self._prices[symbol] = self.as_of(symbol, self._columns.ltp)
        return self._prices[symbol]

    def price_list(self, symbol: str) -> list[float]:
        """Return ``prices`` as Python floats, which are quicker to read one by one."""
        if symbol not in self._price_lists:
            self._price_lists[symbol] = self.prices(symbol).tolist()
        return self._price_lists[symbol]

    def quoted_at(self, symbol: str) -> list[int]:
        """Return, for each second, the index of the second of the symbol's last tick; -1 before the first."""
        if symbol not in self._quote_lists:
            last = self._last(symbol)
            at = np.where(last >= 0, self._second_of_tick[last], -1) if len(self._second_of_tick) else last
            self._quote_lists[symbol] = at.tolist()
        return self._quote_lists[symbol]

    def volumes(self, symbol: str) -> FloatColumn:
        """Return the last tick's volume as of each second; NaN before the first tick. Shape (n,)."""
        return self.as_of(symbol, self._columns.volume)

    def open_interest(self, symbol: str) -> FloatColumn:
        """Return the last tick's open interest as of each second; NaN before the first tick. Shape (n,)."""
        return self.as_of(symbol, self._columns.oi)

    def quotes(self, symbol: str, side: str) -> FloatColumn | None:
        """Return the best ``bid`` or ``ask`` as of each second; None where the data have none. Shape (n,)."""
        column = self._columns.bid if side == "bid" else self._columns.ask
        return None if column is None else self.as_of(symbol, column)

    def as_of(self, symbol: str, column: npt.NDArray[np.generic]) -> FloatColumn:
        """Return a raw column's value at the symbol's last tick, as of each second. Shape (n,)."""
        last = self._last(symbol)
        values = column[last].astype(np.float64)
        values[last < 0] = np.nan
        return values

    def _last(self, symbol: str) -> IntColumn:
        """Return the place of the symbol's last tick as of each second; -1 before its first. Shape (n,)."""
        if symbol not in self._last_place:
            places = self._places_of(symbol)
            last = np.full(len(self.epochs), -1, dtype=np.int64)
            # A later tick of the same second overwrites an earlier one; places ascend, so a running maximum fills on.
            last[self._second_of_tick[places]] = places
            self._last_place[symbol] = np.maximum.accumulate(last)
        return self._last_place[symbol]

    def _places_of(self, symbol: str) -> npt.NDArray[np.intp]:
        if symbol not in self._places:
            code = self._code_of.get(symbol, -1)
            self._places[symbol] = np.flatnonzero(self._columns.codes == code)
        return self._places[symbol]
