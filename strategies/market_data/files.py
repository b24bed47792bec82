"""
Market data from files: raw ticks in Parquet or CSV, and warm-up candles.

Columns of ticks: timestamp, symbol, ltp and, if known, volume, oi, bid and ask. Timestamps are exchange time, or carry
an offset and are converted; a part of a second is cut off. Rows are in order of time; within a second their order is
kept. Everything is checked here, once, so that the engine can trust it. The first fault ends it: MarketDataFileInvalid
names file, line (CSV; the header is line 1) or row (Parquet; the first is row 1), fault and remedy. Files of other
layouts go through the importers first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from strategies.market_data.date_range import DateRange
from strategies.market_data.file_errors import MarketDataFileInvalid
from strategies.market_data.market_data_folder import MarketDataFolder
from strategies.market_data.tick_file import load_tick_file
from strategies.market_data.tick_table import TickTable

__all__ = ["MarketDataFileInvalid", "load_market_data"]


def load_market_data(
    ticks: Path | Sequence[Path],
    warmup: Path | None = None,
    day: date | None = None,
    *,
    start: date | None = None,
    end: date | None = None,
) -> TickTable | MarketDataFolder:
    """
    Read and check the market data of one or several days.

    Args:
        ticks: Raw ticks: one file (.parquet, .csv or .csv.gz), several that follow one another, or a folder of such.
            One file is held whole; of several, one at a time.
        warmup: One-minute candles of the underlying from before the first day that is taken.
        day: The one exchange date to take; short for ``start`` and ``end``.
        start: First exchange date to take; None for the first there is.
        end: Last exchange date to take, included; None for the last there is.

    Raises:
        MarketDataFileInvalid: At the first fault; also if two files have a day in common, or none is left.
    """
    dates = DateRange(day, day) if day else DateRange(start, end)
    if isinstance(ticks, Path) and not ticks.is_dir():
        return load_tick_file(ticks, dates, warmup)
    return MarketDataFolder(ticks, warmup=warmup, start=dates.start, end=dates.end)
