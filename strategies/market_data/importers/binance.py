"""
Binance's public data: klines, aggregate trades and trades, as CSV, plain or in the ZIP archive that Binance publishes.

Columns are known by their place. Spot files have no header line, futures files mostly have one; times are milliseconds
since 1970 (UTC), those of spot data from 2025 on microseconds. The instrument is the part of the file's name before the
first "-", unless the caller names it. The market never closes, and quantities are fractions: they are counted in units
of 10 to the power of minus 8, unless the caller wants otherwise.

Source: github.com/binance/binance-public-data, README.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from strategies.engine.errors import SymbolInvalid
from strategies.engine.symbols import parse_symbol
from strategies.market_data import cells, columns
from strategies.market_data.columns import ColumnFile, Layout
from strategies.market_data.file_errors import MarketDataFileInvalid
from strategies.market_data.importers import candle_rows, moments, quantities
from strategies.market_data.importers.candle_rows import CandleRows
from strategies.market_data.importers.faults import Faults
from strategies.market_data.importers.options import ImportOptions, Source
from strategies.market_data.importers.tick_rows import TickRows

VOLUME_DECIMALS = 8

_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of file: its columns by place."""

    name: str
    columns: tuple[str, ...]
    #: Numbers of columns that occur: futures leave out the last of some.
    counts: tuple[int, ...]
    #: What the first column is called where there is a header.
    first_names: tuple[str, ...]


_KLINES = _Kind(
    "klines",
    ("timestamp", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count", "b", "q", "ignore"),
    (12,),
    ("open_time", "open time"),
)
_AGG_TRADES = _Kind(
    "aggTrades",
    ("id", "ltp", "volume", "first_id", "last_id", "timestamp", "is_buyer_maker", "is_best_match"),
    (7, 8),
    ("agg_trade_id", "aggregate tradeid", "a"),
)
_TRADES = _Kind(
    "trades",
    ("id", "ltp", "volume", "quote_volume", "timestamp", "is_buyer_maker", "is_best_match"),
    (6, 7),
    ("id", "trade id", "trade_id"),
)


def read_klines(source: Source, options: ImportOptions, decimals: int, faults: Faults) -> CandleRows | None:
    """Read candles. Raises MarketDataFileInvalid if the file as a whole cannot be read."""
    file = _open(source, _KLINES, ("timestamp", *candle_rows.PRICES, "volume"))
    before = faults.count
    at = moments.read_epochs(file, faults)
    if faults.count > before:
        return None
    return candle_rows.read_candles(file, _symbol(source), at, options, decimals, faults)


def read_agg_trades(source: Source, options: ImportOptions, decimals: int, faults: Faults) -> TickRows | None:
    """Read aggregate trades. Raises MarketDataFileInvalid if the file as a whole cannot be read."""
    return _read_trades(source, _AGG_TRADES, decimals, faults)


def read_trades(source: Source, options: ImportOptions, decimals: int, faults: Faults) -> TickRows | None:
    """Read single trades. Raises MarketDataFileInvalid if the file as a whole cannot be read."""
    return _read_trades(source, _TRADES, decimals, faults)


def _read_trades(source: Source, kind: _Kind, decimals: int, faults: Faults) -> TickRows | None:
    file = _open(source, kind, ("timestamp", "ltp", "volume", "id"))
    before = faults.count
    at = moments.read_epochs(file, faults)
    ltp = quantities.read_prices(file, "ltp", faults)
    volume = quantities.read_quantities(file, "volume", decimals, faults)
    identity = file.column("id", cells.read_count, fallback=0)
    faults.extend(file.errors("id", identity))
    if faults.count > before:
        return None
    nothing = np.zeros(file.row_count, dtype=np.int64)
    return TickRows(
        file=file,
        rows=np.arange(file.row_count, dtype=np.int64),
        microseconds=at.microseconds,
        codes=nothing,
        symbols=(_symbol(source),),
        ltp=ltp,
        volume=volume,
        oi=nothing,
        identity=np.array(identity.values, dtype=np.int64)[identity.codes],
    )


def _open(source: Source, kind: _Kind, wanted: tuple[str, ...]) -> ColumnFile:
    path = source.path
    first = columns.first_fields(path, columns.IMPORT_SUFFIXES[1:])
    if len(first) not in kind.counts:
        counts = " or ".join(map(str, kind.counts))
        fault = f"the line has {len(first)} fields, and {kind.name} have {counts}"
        raise MarketDataFileInvalid(path, line=1, fault=fault, remedy=f"use a file of {kind.name}")
    ours = kind.columns[: len(first)]
    has_header = _NUMBER.fullmatch(first[0]) is None
    if has_header and first[0].strip().lower() not in kind.first_names:
        fault = f"the first column is {first[0]!r}; that of {kind.name} is {kind.first_names[0]}"
        raise MarketDataFileInvalid(path, line=1, fault=fault, remedy=f"use a file of {kind.name}")
    layout = Layout(None, dict(zip(ours, first, strict=True))) if has_header else Layout(ours)
    return columns.open_columns(path, required=wanted, layout=layout, suffixes=columns.IMPORT_SUFFIXES[1:])


def _symbol(source: Source) -> str:
    symbol = source.symbol or source.path.name.split("-")[0].split(".")[0].upper()
    try:
        parse_symbol(symbol)
    except SymbolInvalid as error:
        remedy = "name it before the file, such as BTCUSDT=klines.csv"
        raise MarketDataFileInvalid(source.path, fault=f"{symbol!r} is not a symbol", remedy=remedy) from error
    return symbol
