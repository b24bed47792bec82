"""The candles of one file, checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import typing as npt

from strategies.engine.ticks import FloatColumn, IntColumn
from strategies.market_data import exchange_time
from strategies.market_data.columns import ColumnFile
from strategies.market_data.importers import quantities, tick_rows
from strategies.market_data.importers.faults import Faults
from strategies.market_data.importers.moments import Moments
from strategies.market_data.importers.options import ImportOptions

PRICES = ("open", "high", "low", "close")

_LONGEST_SECONDS = exchange_time.SECONDS_PER_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleRows:
    """Candles of one instrument as columns of equal length, each later than the one before."""

    file: ColumnFile
    symbol: str
    #: Row of the file that each candle comes from, counted from 0.
    rows: IntColumn
    #: First second, since 1970 (UTC).
    starts: IntColumn
    #: Length of each candle.
    span_seconds: int
    open: FloatColumn
    high: FloatColumn
    low: FloatColumn
    close: FloatColumn
    volume: IntColumn
    oi: IntColumn
    is_naive: bool
    repeated_rows: tuple[int, ...]
    zero_rows: tuple[int, ...]
    sorted_rows: tuple[int, ...]


def read_candles(
    file: ColumnFile, symbol: str, moments: Moments, options: ImportOptions, decimals: int, faults: Faults
) -> CandleRows | None:
    """
    Read and check candles.

    Args:
        file: Has the columns open, high, low, close and, if known, volume and oi.
        symbol: The instrument.
        moments: The start of each candle.
        options: What the caller decides.
        decimals: Decimals that quantities keep.
        faults: Takes what is wrong.

    Returns:
        The candles; None where something is wrong.
    """
    before = faults.count
    prices = {name: quantities.read_prices(file, name, faults) for name in PRICES}
    counts = {
        "volume": quantities.read_quantities(file, "volume", decimals, faults),
        "oi": quantities.read_quantities(file, "oi", 0, faults),
    }
    if faults.count > before:
        return None
    starts = moments.microseconds // exchange_time.MICROSECONDS
    columns = [starts, *prices.values(), *counts.values()]
    zero = np.any(np.array(list(prices.values())) == 0, axis=0)
    repeated = tick_rows.repeats(columns) & ~zero
    if not options.skip_zero_prices:
        faults.extend(quantities.zero_faults(file, np.flatnonzero(zero)))
    kept = np.flatnonzero(~zero & ~repeated)
    _check_prices(file, kept, {name: column[kept] for name, column in prices.items()}, faults)
    order, backward = tick_rows.in_order(starts[kept])
    if len(backward) and not options.sort:
        faults.extend(quantities.order_faults(file, kept, moments.microseconds[kept], backward))
    rows = kept[order]
    span = _span(file, rows, starts[rows], options.candle_seconds, faults) if faults.count == before else None
    if span is None or faults.count > before or not len(rows):
        return None
    return CandleRows(
        file=file,
        symbol=symbol,
        rows=rows,
        starts=starts[rows],
        span_seconds=span,
        open=prices["open"][rows],
        high=prices["high"][rows],
        low=prices["low"][rows],
        close=prices["close"][rows],
        volume=counts["volume"][rows],
        oi=counts["oi"][rows],
        is_naive=moments.is_naive,
        repeated_rows=tuple(np.flatnonzero(repeated).tolist()),
        zero_rows=tuple(np.flatnonzero(zero).tolist()),
        sorted_rows=tuple(kept[backward].tolist()),
    )


def _check_prices(file: ColumnFile, rows: npt.NDArray[np.intp], prices: dict[str, FloatColumn], faults: Faults) -> None:
    high, low = prices["high"], prices["low"]
    is_high_low = high < np.maximum(prices["open"], prices["close"])
    is_low_high = low > np.minimum(prices["open"], prices["close"])
    for place in np.flatnonzero(is_high_low | is_low_high).tolist():
        if high[place] < low[place]:
            fault = f"high {high[place]:g} is below low {low[place]:g}"
        elif is_high_low[place]:
            fault = f"high {high[place]:g} is below open or close"
        else:
            fault = f"low {low[place]:g} is above open or close"
        faults.add(file.invalid(int(rows[place]), fault, "correct the candle or leave it out"))


def _span(
    file: ColumnFile, rows: npt.NDArray[np.intp], starts: IntColumn, given: int | None, faults: Faults
) -> int | None:
    """Return the length of the candles: as given, else the least distance between two."""
    distances = np.diff(starts)
    if not len(distances):
        if given is None:
            remedy = "say how long it is with --candle-seconds"
            faults.add(file.invalid(int(rows[0]) if len(rows) else 0, "one candle does not show its length", remedy))
        return given
    least = int(distances.min())
    later = int(rows[int(np.argmin(distances)) + 1])
    span = given or least
    if least == 0:
        faults.add(file.invalid(later, "the candle is there twice, with different values", "leave one of them out"))
    elif least < span:
        fault = f"the candle begins {least} s after the one before, and candles are {span} s long"
        faults.add(file.invalid(later, fault, "correct the candle or --candle-seconds"))
    elif span > _LONGEST_SECONDS:
        remedy = "use candles of a day or shorter; longer ones cannot stand in for ticks"
        faults.add(file.invalid(int(rows[0]), f"the candles are {span} s long", remedy))
    return span
