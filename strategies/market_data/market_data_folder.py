"""
Market data of many days, a file at a time.

A month of an option chain is 20 times 13 MB. The folder reads at first only what the files say of themselves
(tick_summary.py; a file that says nothing is read once), and the ticks when the engine comes to their day. Then the day
must be what was said, as its fingerprint shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from strategies.engine.candles import Candle
from strategies.engine.ticks import DayColumns
from strategies.market_data import calendar, columns, tick_file
from strategies.market_data.date_range import DateRange
from strategies.market_data.file_errors import MarketDataFileInvalid
from strategies.market_data.tick_summary import DaySummary, TickSummary
from strategies.market_data.tick_table import combined_fingerprint
from strategies.market_data.warmup_candles import load_warmup_candles


@dataclass(frozen=True, slots=True)
class _File:
    """A file and the days of it that are taken."""

    path: Path
    summary: TickSummary
    days: tuple[DaySummary, ...]


class MarketDataFolder:
    """
    Market data of the engine, over files of which each holds one or several days.

    Args:
        files: The files in any order, or a folder: then all .parquet, .csv and .csv.gz files in it.
        warmup: One-minute candles of the underlying from before the first day that is taken.
        start: First exchange date to take; None for the first there is.
        end: Last exchange date to take, included; None for the last there is.

    Raises:
        MarketDataFileInvalid: If a file cannot be read, two have a day in common, or no day is left.
    """

    def __init__(
        self,
        files: Path | Sequence[Path],
        *,
        warmup: Path | None = None,
        start: date | None = None,
        end: date | None = None,
    ) -> None:
        paths = _files_in(files) if isinstance(files, Path) else list(files)
        if not paths:
            raise ValueError("at least one file is needed")
        dates = DateRange(start, end)
        found = [(path, tick_file.summarize(path)) for path in paths]
        found.sort(key=lambda pair: pair[1].days[0].first_second)
        _check_apart(found)
        self._files = _chosen(found, dates)
        days = [day for file in self._files for day in file.days]
        self.market: calendar.Market = _one_market(self._files)
        #: Where ticks stand in for candles, the order in which their prices were walked.
        self.candle_walk: str | None = _walks(self._files)
        self.warmup_candles: Sequence[Candle] = (
            load_warmup_candles(warmup, first_epoch_second=days[0].first_second) if warmup else ()
        )
        self.symbols: frozenset[str] = frozenset().union(*(day.symbols for day in days))
        #: Number of raw ticks, several a second.
        self.total_raw_ticks = sum(day.ticks for day in days)
        #: Number of distinct seconds.
        self.total_ticks = sum(day.seconds for day in days)
        #: The exchange dates, ascending.
        self.dates: tuple[date, ...] = tuple(day.day for day in days)
        self.first_date: date = self.dates[0]
        self.last_date: date = self.dates[-1]
        self.fingerprint: str = combined_fingerprint((day.fingerprint for day in days), self.warmup_candles)

    def days(self) -> Iterator[DayColumns]:
        """
        Return the days in ascending order, each read when it is asked for; may be called again.

        Raises:
            MarketDataFileInvalid: If a file is no longer what it was.
        """
        for file in self._files:
            yield from _days_of(file)


def _days_of(file: _File) -> Iterator[DayColumns]:
    dates = DateRange(file.days[0].day, file.days[-1].day)
    table = tick_file.load_tick_file(file.path, dates)
    if table.day_fingerprints != tuple(day.fingerprint for day in file.days):
        fault = "the ticks are not those that the file's metadata speak of, or were when the run began"
        raise MarketDataFileInvalid(file.path, fault=fault, remedy="import it again")
    yield from table.days()


def _files_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise MarketDataFileInvalid(folder, fault="this is not a folder", remedy="name a folder of market data files")
    paths = sorted(path for path in folder.iterdir() if path.name.lower().endswith(columns.SUFFIXES))
    if not paths:
        remedy = f"put files into it that end in {', '.join(columns.SUFFIXES[:-1])} or {columns.SUFFIXES[-1]}"
        raise MarketDataFileInvalid(folder, fault="the folder holds no market data file", remedy=remedy)
    return paths


def _check_apart(found: list[tuple[Path, TickSummary]]) -> None:
    for (earlier, before), (later, after) in pairwise(found):
        if after.days[0].day <= before.days[-1].day:
            fault = f"it begins on {after.days[0].day}, and {earlier} goes on to {before.days[-1].day}"
            remedy = "give every day in one file only; import_market_data joins files of the same day"
            raise MarketDataFileInvalid(later, fault=fault, remedy=remedy)


def _chosen(found: list[tuple[Path, TickSummary]], dates: DateRange) -> tuple[_File, ...]:
    files = [_File(path, summary, tuple(day for day in summary.days if dates.has(day.day))) for path, summary in found]
    chosen = tuple(file for file in files if file.days)
    if not chosen:
        days = [day.day for _, summary in found for day in summary.days]
        fault = f"the files have no row {dates}; they hold {tick_file.listed(days)}"
        raise MarketDataFileInvalid(found[0][0], fault=fault, remedy=f"choose among these, such as {days[0]}")
    return chosen


def _one_market(files: Sequence[_File]) -> calendar.Market:
    first = files[0]
    for file in files[1:]:
        if file.summary.market != first.summary.market:
            fault = f"its market is {file.summary.market}, that of {first.path} is {first.summary.market}"
            raise MarketDataFileInvalid(file.path, fault=fault, remedy="run the two in sessions of their own")
    return first.summary.market


def _walks(files: Sequence[_File]) -> str | None:
    return ", ".join(sorted({file.summary.candle_walk for file in files if file.summary.candle_walk})) or None
