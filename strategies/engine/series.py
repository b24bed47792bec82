"""
Candles and indicators of one instrument in one timeframe, as of every second of a day.

The history of finished candles grows from day to day; a day adds the columns that conditions read.
"""

from __future__ import annotations

import numpy as np

from strategies.engine import indicators
from strategies.engine.candles import (
    Candle,
    CandleColumns,
    FloatColumn,
    IntColumn,
    Timeframe,
    candle_starts,
    from_minutes,
    gather,
    no_candles,
)
from strategies.engine.indicators import IndicatorSpec
from strategies.engine.tape import DayTape, SymbolTicks


class Series:
    """
    One timeframe of one instrument.

    Args:
        symbol: The instrument.
        timeframe: The span of each candle.
        specs: Indicators computed on it.
        warmup: One-minute candles from before the first tick, oldest first.
    """

    def __init__(
        self, symbol: str, timeframe: Timeframe, specs: tuple[IndicatorSpec, ...], warmup: tuple[Candle, ...]
    ) -> None:
        self.symbol = symbol
        self.timeframe = timeframe
        self.specs = {spec.key: spec for spec in specs}
        known = from_minutes(warmup, timeframe) if warmup else no_candles()
        #: Every candle up to the end of the day on the tape; the last one may go on.
        self.candles = known
        #: Place in ``candles`` of the candle being built as of each second; those before it are finished.
        self.bar_at: list[int] = []
        self._bars: IntColumn = np.empty(0, dtype=np.int64)
        self._tape: DayTape
        self._ticks: SymbolTicks
        self._first_new = 0
        self._columns: dict[tuple[str, int], FloatColumn] = {}
        self._carried = 0
        self._is_continued = False
        #: The candle that the day before left, as it was then.
        self._left: CandleColumns = no_candles()
        self._outputs: dict[str, tuple[FloatColumn, ...]] = {}

    def begin_day(self, tape: DayTape) -> None:
        """Add a day's ticks. What conditions read from now on is that day's."""
        ticks = self._ticks = tape.ticks(self.symbol)
        self._columns = {}
        starts = candle_starts(tape.seconds[ticks.at], self.timeframe)
        volume = ticks.volume.astype(np.float64)
        today, place = gather(starts, CandleColumns(starts, ticks.ltp, ticks.ltp, ticks.ltp, ticks.ltp, volume))
        known = self.candles
        self._carried = len(known)
        self._left = known.part(max(0, len(known) - 1), len(known))
        self._is_continued = bool(len(known) and len(today) and known.start[-1] == today.start[0])
        if self._is_continued:
            today = _continued(known, today)
            known = known.part(0, len(known) - 1)
        self._tape = tape
        self.candles = known.then(today)
        # Candles before this one were begun on an earlier day.
        self._first_new = len(known) + self._is_continued
        # Before the day's first tick the candle that an earlier day left is still being built.
        bars = np.full(len(tape), self._carried - 1 if self._carried else 0, dtype=np.int64)
        bars[ticks.at] = place + len(known)
        self._bars = np.maximum.accumulate(bars) if len(bars) else bars
        self.bar_at = self._bars.tolist()
        self._outputs = {}

    def has_building(self, second: int) -> bool:
        """Return whether any candle is being built as of a second."""
        return self.bar_at[second] < len(self.candles) and (self._carried > 0 or self._has_ticked(second))

    def building(self, second: int) -> Candle | None:
        """Return the candle being built as of a second."""
        if not self.has_building(second):
            return None
        bar = self.bar_at[second]
        known = self.candles.candle(bar)
        ticks = self._ticks
        first, last = np.searchsorted(ticks.at, (int(np.searchsorted(self._bars, bar)), second + 1))
        parts = [self._left.candle(0)] if self._carried and bar < self._first_new else []
        if last > first:
            prices = ticks.ltp[first:last]
            parts.append(
                Candle(
                    known.start, float(prices[0]), float(prices.max()), float(prices.min()), float(prices[-1]),
                    int(ticks.volume[first:last].sum()),
                )
            )  # fmt: skip
        return Candle(
            known.start,
            parts[0].open,
            max(part.high for part in parts),
            min(part.low for part in parts),
            parts[-1].close,
            sum(part.volume for part in parts),
        )

    def finished(self, second: int, count: int) -> tuple[Candle, ...]:
        """Return the last finished candles as of a second, oldest first, at most ``count``."""
        bar = self.bar_at[second]
        return tuple(self.candles.candle(place) for place in range(max(0, bar - count), bar))

    def column(self, field: str, offset: int) -> FloatColumn:
        """
        Return a candle's field as of each second; NaN where there is no such candle.

        Args:
            field: Open, High, Low, Close or Volume.
            offset: 0 for the candle being built, -1 for the last finished one, and so on back.
        """
        key = (field, offset)
        if key not in self._columns:
            self._columns[key] = self._column(field.lower(), offset)
        return self._columns[key]

    def _column(self, name: str, offset: int) -> FloatColumn:
        if offset == 0 and name != "open":
            return self._building_column(name)
        values = _taken(getattr(self.candles, name), self._bars + offset)
        if offset == 0:
            values[~self._is_building()] = np.nan
        return values

    def indicator(self, key: str, output: int, offset: int) -> FloatColumn:
        """
        Return an indicator's value as of each second; NaN where there are too few candles.

        Args:
            key: The builder's key.
            output: Place of the output.
            offset: -1 for the last finished candle, and so on back; 0 includes the candle being built.
        """
        values = _taken(self._output(key, output), self._bars + offset)
        if offset == 0:
            values[~self._is_building()] = np.nan
            self._preview(key, output, values)
        return values

    def indicator_value(self, key: str, second: int) -> float | None:
        """Return the first output of an indicator on the last finished candle as of a second."""
        place = self.bar_at[second] - 1
        value = float(self._output(key, 0)[place]) if place >= 0 else float("nan")
        return value if value == value else None

    def _output(self, key: str, output: int) -> FloatColumn:
        if key not in self._outputs:
            self._outputs[key] = indicators.compute(self.specs[key], self.candles)
        return self._outputs[key][output]

    def _preview(self, key: str, output: int, values: FloatColumn) -> None:
        """Put in the seconds at which the candle being built is not yet what it will be when it is finished."""
        spec = self.specs[key]
        is_last = np.concatenate((self._bars[1:] != self._bars[:-1], [True]))
        seconds = np.flatnonzero(~is_last & self._is_building()).tolist()
        if not seconds:
            return
        building = {name: self._building_column(name) for name in ("high", "low", "close", "volume")}
        columns = self.candles
        work = CandleColumns(
            columns.start, columns.open, columns.high.copy(), columns.low.copy(), columns.close.copy(),
            columns.volume.copy(),
        )  # fmt: skip
        last_seen: tuple[float, ...] = ()
        for second in seconds:
            bar = self.bar_at[second]
            seen = (bar, *(float(building[name][second]) for name in building))
            if seen == last_seen:
                values[second] = values[second - 1]
                continue
            last_seen = seen
            for name, column in building.items():
                getattr(work, name)[bar] = column[second]
            values[second] = indicators.compute(spec, work.part(0, bar + 1))[output][bar]
            for name in building:
                getattr(work, name)[bar] = getattr(columns, name)[bar]

    def _has_ticked(self, second: int) -> bool:
        return self._tape.quoted_at(self.symbol)[second] >= 0

    def _is_building(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        if self._carried:
            return np.ones(len(self._tape), dtype=np.bool_)
        return ~np.isnan(self._tape.prices(self.symbol))

    def _building_column(self, name: str) -> FloatColumn:
        """Return high, low, close or volume of the candle being built as of each second."""
        if name == "close":
            values = self._tape.prices(self.symbol).copy()
            if self._carried:
                values[np.isnan(values)] = self._left.close[0]
            return values
        return self._running(name)

    def _running(self, name: str) -> FloatColumn:
        ticks = self._ticks
        prices = (ticks.volume if name == "volume" else ticks.ltp).tolist()
        values = np.full(len(self._tape), np.nan)
        known = float(getattr(self._left, name)[0]) if self._carried else np.nan
        running = known
        bar = self._carried - 1 if self._is_continued else -1
        for second, price in zip(ticks.at.tolist(), prices, strict=True):
            if self.bar_at[second] != bar:
                bar, running = self.bar_at[second], price
            elif name == "high":
                running = max(running, price)
            elif name == "low":
                running = min(running, price)
            else:
                running += price
            values[second] = running
        return _filled(values, known)


def _continued(known: CandleColumns, today: CandleColumns) -> CandleColumns:
    """Let the first candle of today go on from the last one known."""
    high, low, opened, volume = today.high.copy(), today.low.copy(), today.open.copy(), today.volume.copy()
    opened[0] = known.open[-1]
    high[0] = max(high[0], known.high[-1])
    low[0] = min(low[0], known.low[-1])
    volume[0] += known.volume[-1]
    return CandleColumns(today.start, opened, high, low, today.close, volume)


def _taken(column: FloatColumn, places: IntColumn) -> FloatColumn:
    """Return the column's values at places; NaN where a place lies outside."""
    values = np.full(len(places), np.nan)
    is_inside = (places >= 0) & (places < len(column))
    values[is_inside] = column[places[is_inside]]
    return values


def _filled(values: FloatColumn, before: float) -> FloatColumn:
    """Carry each value on over the NaN that follow it; ``before`` stands before the first."""
    place = np.where(np.isnan(values), -1, np.arange(len(values)))
    place = np.maximum.accumulate(place) if len(place) else place
    filled = np.where(place >= 0, values[np.maximum(place, 0)], before)
    return np.asarray(filled)
