"""One file of ticks in the project's own columns: read and checked, summed up, and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy import typing as npt
from pyarrow import parquet

from strategies.engine.ticks import DayColumns
from strategies.market_data import cells, columns, exchange_time, tick_summary
from strategies.market_data.date_range import EVERY_DATE, DateRange
from strategies.market_data.file_errors import MarketDataFileInvalid
from strategies.market_data.tick_summary import TickSummary
from strategies.market_data.tick_table import TickTable
from strategies.market_data.warmup_candles import load_warmup_candles

_REQUIRED = ("timestamp", "symbol", "ltp")
_COUNTS = ("volume", "oi")
_QUOTES = ("bid", "ask")
_MOST_DAYS_LISTED = 10

# Whole seconds; Parquet has no coarser unit than the millisecond.
_MOMENT = pa.timestamp("ms", exchange_time.EXCHANGE_ZONE.key)


def load_tick_file(path: Path, dates: DateRange = EVERY_DATE, warmup: Path | None = None) -> TickTable:
    """
    Read and check one file of ticks.

    Args:
        path: .parquet, .csv or .csv.gz.
        dates: The exchange dates to take.
        warmup: One-minute candles of the underlying from before the first tick that is taken.

    Raises:
        MarketDataFileInvalid: At the first fault.
    """
    file = columns.open_columns(path, required=_REQUIRED, optional=(*_COUNTS, *_QUOTES))
    seconds = _seconds_in_order(file)
    names, codes = file.distinct("symbol", cells.read_symbol, fallback="")
    ltp = file.floats("ltp", cells.read_price)
    volume, oi = (_counts(file, name) for name in _COUNTS)
    bid, ask = (file.floats(name, cells.read_quote) if file.has(name) else None for name in _QUOTES)
    rows = _rows_of(file, seconds, dates)
    said = tick_summary.read(path)
    return TickTable(
        epoch_seconds=seconds[rows],
        symbol_codes=codes[rows],
        symbol_names=names,
        ltp=ltp[rows],
        volume=volume[rows],
        oi=oi[rows],
        bid=None if bid is None else bid[rows],
        ask=None if ask is None else ask[rows],
        warmup_candles=load_warmup_candles(warmup, first_epoch_second=int(seconds[rows][0])) if warmup else (),
        market=said.market if said else "nse",
        candle_walk=said.candle_walk if said else None,
    )


def summarize(path: Path) -> TickSummary:
    """
    Say what a file of ticks holds: from its metadata, else by reading it.

    Raises:
        MarketDataFileInvalid: If it cannot be read.
    """
    suffix = columns.check_file(path, columns.SUFFIXES)
    try:
        said = tick_summary.read(path)
    except (pa.ArrowException, OSError) as error:
        raise columns.unreadable(path, suffix, error) from error
    return said or tick_summary.of_table(load_tick_file(path))


def write_ticks(table: TickTable, path: Path, *, about: Mapping[str, Any] | None = None) -> None:
    """
    Write a table as a Parquet file that ``load_tick_file`` reads back equal. Warm-up candles are not written.

    Args:
        table: The ticks.
        path: The file; one that is there is replaced whole or not at all.
        about: What else the metadata should say, such as where the ticks come from.

    Raises:
        OSError: If it cannot be written.
    """
    _write([_arrow_table(day) for day in table.days()], tick_summary.of_table(table), path, about or {})


def write_days(table: TickTable, folder: Path, *, about: Mapping[str, Any] | None = None) -> tuple[Path, ...]:
    """
    Write each day of a table as a Parquet file of its own, named after the date: 2024-10-29.parquet.

    Args:
        table: The ticks.
        folder: Where the files go; it is made if it is not there.
        about: What else the metadata should say.

    Raises:
        OSError: If one cannot be written; those before it stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    summary = tick_summary.of_table(table)
    paths = tuple(folder / f"{day}.parquet" for day in table.dates)
    for path, day, said in zip(paths, table.days(), summary.days, strict=True):
        _write([_arrow_table(day)], replace(summary, days=(said,)), path, about or {})
    return paths


def _write(parts: Sequence[pa.Table], summary: TickSummary, path: Path, about: Mapping[str, Any]) -> None:
    schema = tick_summary.with_metadata(parts[0].schema, summary, about)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        # A row group for each day, so that a tool may take one without the others.
        with parquet.ParquetWriter(unfinished, schema, compression="zstd") as writer:
            for part in parts:
                writer.write_table(part.replace_schema_metadata(schema.metadata))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def listed(days: list[date]) -> str:
    """Name days, or the first and the last of many."""
    if len(days) <= _MOST_DAYS_LISTED:
        return ", ".join(str(day) for day in days)
    return f"{days[0]} to {days[-1]}"


def _seconds_in_order(file: columns.ColumnFile) -> npt.NDArray[np.int64]:
    microseconds = file.integers("timestamp", cells.read_moment)
    backward = np.flatnonzero(microseconds[1:] < microseconds[:-1])
    if len(backward):
        row = int(backward[0]) + 1
        earlier, later = (exchange_time.clock_text(int(microseconds[place])) for place in (row, row - 1))
        fault = f"ticks are out of order: {earlier} comes after {later}"
        raise file.invalid(row, fault, "sort the file by timestamp")
    return microseconds // exchange_time.MICROSECONDS


def _counts(file: columns.ColumnFile, name: str) -> npt.NDArray[np.int64]:
    if not file.has(name):
        return np.zeros(file.row_count, dtype=np.int64)
    return file.integers(name, cells.read_count)


def _rows_of(file: columns.ColumnFile, seconds: npt.NDArray[np.int64], dates: DateRange) -> slice:
    """Return the rows of the chosen days."""
    if dates == EVERY_DATE:
        return slice(0, len(seconds))
    firsts = np.unique(exchange_time.day_numbers(seconds), return_index=True)[1]
    days = [exchange_time.exchange_date(int(seconds[first])) for first in firsts]
    chosen = [place for place, day in enumerate(days) if dates.has(day)]
    if not chosen:
        fault = f"the file has no row {dates}; it holds {listed(days)}"
        raise MarketDataFileInvalid(file.path, fault=fault, remedy=f"choose one of these, such as --date {days[0]}")
    ends = [*firsts[1:].tolist(), len(seconds)]
    return slice(int(firsts[chosen[0]]), int(ends[chosen[-1]]))


def _arrow_table(day: DayColumns) -> pa.Table:
    moments = np.repeat(day.seconds * 1000, np.diff(day.starts))
    arrays = {
        "timestamp": pa.array(moments).cast(_MOMENT),
        "symbol": pa.DictionaryArray.from_arrays(pa.array(day.codes.astype(np.int32)), pa.array(list(day.symbols))),
        "ltp": pa.array(day.ltp),
        "volume": pa.array(day.volume),
        "oi": pa.array(day.oi),
    }
    quotes = {name: pa.array(column) for name, column in (("bid", day.bid), ("ask", day.ask)) if column is not None}
    return pa.table({**arrays, **quotes})
