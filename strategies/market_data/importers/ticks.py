"""
Plain ticks: the project's own columns, or a mapping onto them.

Columns: timestamp, ltp; symbol, unless the caller names the instrument; if known volume, oi, bid and ask. A file
without a header line needs its columns named.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from strategies.engine.ticks import IntColumn
from strategies.market_data import cells, columns, exchange_time
from strategies.market_data.columns import ColumnFile, Layout
from strategies.market_data.importers import moments, quantities
from strategies.market_data.importers.faults import Faults
from strategies.market_data.importers.options import ImportOptions, Source
from strategies.market_data.importers.tick_rows import TickRows

_OPTIONAL = ("volume", "oi", "bid", "ask")


def read(source: Source, options: ImportOptions, decimals: int, faults: Faults) -> TickRows | None:
    """
    Read a file of ticks.

    Args:
        source: .parquet, .csv, .csv.gz or .zip.
        options: What the caller decides.
        decimals: Decimals that quantities keep.
        faults: Takes what is wrong with single rows.

    Raises:
        MarketDataFileInvalid: If the file as a whole cannot be read.
    """
    required = ("timestamp", "ltp") if source.symbol else ("timestamp", "symbol", "ltp")
    layout = Layout(options.header, options.columns)
    file = columns.open_columns(
        source.path, required=required, optional=_OPTIONAL, layout=layout, suffixes=columns.IMPORT_SUFFIXES
    )
    before = faults.count
    at = moments.read_moments(file, options.zone, faults)
    symbols, codes = _symbols(file, source.symbol, faults)
    ltp = quantities.read_prices(file, "ltp", faults)
    volume = quantities.read_quantities(file, "volume", decimals, faults)
    oi = quantities.read_quantities(file, "oi", 0, faults)
    bid, ask = (quantities.read_quotes(file, name, faults) for name in ("bid", "ask"))
    if faults.count > before:
        return None
    if options.is_volume_cumulative:
        volume = _per_tick(volume, codes, exchange_time.day_numbers(at.microseconds // exchange_time.MICROSECONDS))
    return TickRows(
        file=file,
        rows=np.arange(file.row_count, dtype=np.int64),
        microseconds=at.microseconds,
        codes=codes,
        symbols=symbols,
        ltp=ltp,
        volume=volume,
        oi=oi,
        bid=bid,
        ask=ask,
        is_naive=at.is_naive,
    )


def _symbols(file: ColumnFile, given: str | None, faults: Faults) -> tuple[Sequence[str], IntColumn]:
    if given:
        return (given,), np.zeros(file.row_count, dtype=np.int64)
    column = file.column("symbol", cells.read_symbol, fallback="")
    faults.extend(file.errors("symbol", column))
    return column.values, column.codes


def _per_tick(volume: IntColumn, codes: IntColumn, days: IntColumn) -> IntColumn:
    """
    Turn a volume that counts from the start of the day into the part that each tick adds.

    The first tick of an instrument on a day adds nothing, as what came before it is not this tick's. A count that goes
    down (a source that corrects itself) adds nothing either.
    """
    order = np.lexsort((days, codes))
    ordered = volume[order]
    added = np.diff(ordered, prepend=ordered[:1])
    is_first = np.concatenate(([True], (np.diff(codes[order]) != 0) | (np.diff(days[order]) != 0)))
    per_tick = np.empty_like(volume)
    per_tick[order] = np.where(is_first, 0, np.maximum(added, 0))
    return per_tick
