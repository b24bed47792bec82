"""
Market data from files: raw ticks in Parquet or CSV, and warm-up candles.

Columns of ticks: timestamp, symbol, ltp and, if known, volume and oi. Timestamps are exchange time, or carry an offset
and are converted; a part of a second is cut off. Rows are in order of time; within a second their order is kept.
Everything is checked here, once, so that the engine can trust it. The first fault ends it: MarketDataFileInvalid names
file, line (CSV; the header is line 1) or row (Parquet; the first is row 1), fault and remedy.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
from numpy import typing as npt

from strategies.market_data import cells, columns, exchange_time
from strategies.market_data.file_errors import MarketDataFileInvalid
from strategies.market_data.tick_table import TickTable
from strategies.market_data.warmup_candles import load_warmup_candles

__all__ = ["MarketDataFileInvalid", "load_market_data"]

_REQUIRED = ("timestamp", "symbol", "ltp")
_OPTIONAL = ("volume", "oi")
_MOST_DAYS_LISTED = 10


def load_market_data(ticks: Path, warmup: Path | None = None, day: date | None = None) -> TickTable:
    """
    Read and check one day of market data.

    Args:
        ticks: Raw ticks: .parquet, .csv or .csv.gz.
        warmup: One-minute candles of the underlying from before the day.
        day: The exchange date to take where the file holds several days.

    Raises:
        MarketDataFileInvalid: At the first fault.
    """
    file = columns.open_columns(ticks, required=_REQUIRED, optional=_OPTIONAL)
    seconds = _seconds_in_order(file)
    names, codes = file.distinct("symbol", cells.read_symbol)
    ltp = file.floats("ltp", cells.read_price)
    volume, oi = (_counts(file, name) for name in _OPTIONAL)
    rows = _rows_of_day(file, seconds, day)
    first_second = int(seconds[rows][0])
    return TickTable(
        epoch_seconds=seconds[rows],
        symbol_codes=codes[rows],
        symbol_names=names,
        ltp=ltp[rows],
        volume=volume[rows],
        oi=oi[rows],
        warmup_candles=load_warmup_candles(warmup, first_epoch_second=first_second) if warmup else (),
    )


def _seconds_in_order(file: columns.ColumnFile) -> npt.NDArray[np.int64]:
    microseconds = file.integers("timestamp", cells.read_moment)
    backward = np.flatnonzero(microseconds[1:] < microseconds[:-1])
    if len(backward):
        row = int(backward[0]) + 1
        earlier, later = _clock_text(int(microseconds[row])), _clock_text(int(microseconds[row - 1]))
        fault = f"ticks are out of order: {earlier} comes after {later}"
        raise file.invalid(row, fault, "sort the file by timestamp")
    return microseconds // exchange_time.MICROSECONDS


def _clock_text(microseconds: int) -> str:
    second, fraction = divmod(microseconds, exchange_time.MICROSECONDS)
    return str(exchange_time.exchange_datetime(second).replace(microsecond=fraction, tzinfo=None))


def _counts(file: columns.ColumnFile, name: str) -> npt.NDArray[np.int64]:
    if not file.has(name):
        return np.zeros(file.row_count, dtype=np.int64)
    return file.integers(name, cells.read_count)


def _rows_of_day(file: columns.ColumnFile, seconds: npt.NDArray[np.int64], day: date | None) -> slice:
    """Return the rows of the chosen day, or of the only one."""
    day_numbers = (seconds + exchange_time.UTC_OFFSET_SECONDS) // exchange_time.SECONDS_PER_DAY
    firsts = np.flatnonzero(np.concatenate(([True], day_numbers[1:] != day_numbers[:-1]))).tolist()
    days = [exchange_time.exchange_date(int(seconds[first])) for first in firsts]
    ends = [*firsts[1:], len(seconds)]
    if day is None:
        if len(days) > 1:
            fault = f"the file holds {len(days)} days: {_listed(days)}"
            raise MarketDataFileInvalid(file.path, fault=fault, remedy=f"choose one, such as --date {days[0]}")
        return slice(0, ends[0])
    if day not in days:
        fault = f"the file has no row of {day}; it holds {_listed(days)}"
        raise MarketDataFileInvalid(file.path, fault=fault, remedy=f"choose one of these, such as --date {days[0]}")
    chosen = days.index(day)
    return slice(firsts[chosen], ends[chosen])


def _listed(days: list[date]) -> str:
    if len(days) <= _MOST_DAYS_LISTED:
        return ", ".join(str(day) for day in days)
    return f"{days[0]} to {days[-1]}"
