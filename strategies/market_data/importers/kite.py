"""
Zerodha Kite's historical candles: one instrument's, as CSV or as the JSON of the API.

The CSV is what the API's own client gives when its records are saved: date, open, high, low, close, volume and, where
it was asked for, oi; an index column is left alone. The JSON is the answer of the API ({"data": {"candles": [[...]]}}),
its list of candles, or the client's list of objects. Times carry +05:30; naive ones are of the zone that the caller
names.

Source: Kite Connect 3, "Historical candle data".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from strategies.market_data import columns, csv_files
from strategies.market_data.columns import ColumnFile, Layout
from strategies.market_data.file_errors import MarketDataFileInvalid
from strategies.market_data.importers import candle_rows, moments
from strategies.market_data.importers.candle_rows import CandleRows
from strategies.market_data.importers.faults import Faults
from strategies.market_data.importers.options import ImportOptions, Source

_FIELDS = ("timestamp", "open", "high", "low", "close", "volume", "oi")
_FEWEST_FIELDS = 6
_REQUIRED = _FIELDS[:5]
_OPTIONAL = _FIELDS[5:]
_NAMES_OF_TIME = ("timestamp", "date", "datetime", "time")
_REMEDY = "save the answer of Kite's historical candle API, or its list of candles"
_SYMBOL_REMEDY = "name it before the file, such as NIFTY=candles.csv"


def read_csv(source: Source, options: ImportOptions, decimals: int, faults: Faults) -> CandleRows | None:
    """Read candles from CSV. Raises MarketDataFileInvalid if the file as a whole cannot be read."""
    symbol = _symbol(source)
    header = options.header or columns.first_fields(source.path, columns.IMPORT_SUFFIXES[1:])
    layout = Layout(options.header, {**_names(header), **options.columns})
    file = columns.open_columns(
        source.path, required=_REQUIRED, optional=_OPTIONAL, layout=layout, suffixes=columns.IMPORT_SUFFIXES[1:]
    )
    return _candles(file, symbol, options, decimals, faults)


def read_json(source: Source, options: ImportOptions, decimals: int, faults: Faults) -> CandleRows | None:
    """Read candles from JSON. Raises MarketDataFileInvalid if the file as a whole cannot be read."""
    symbol = _symbol(source)
    columns.check_file(source.path, (".json", ".json.gz"))
    rows = [_fields(source.path, number, candle) for number, candle in enumerate(_candle_list(source.path), start=1)]
    if not rows:
        raise columns.without_rows(source.path)
    # As text, so that one set of checks serves CSV and JSON.
    table = pa.table({name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(_FIELDS)})
    return _candles(ColumnFile(source.path, table), symbol, options, decimals, faults)


def _candles(file: ColumnFile, symbol: str, options: ImportOptions, decimals: int, faults: Faults) -> CandleRows | None:
    before = faults.count
    at = moments.read_moments(file, options.zone, faults)
    if faults.count > before:
        return None
    return candle_rows.read_candles(file, symbol, at, options, decimals, faults)


def _symbol(source: Source) -> str:
    if source.symbol is None:
        fault = "the file does not say which instrument it is about"
        raise MarketDataFileInvalid(source.path, fault=fault, remedy=_SYMBOL_REMEDY)
    return source.symbol


def _names(header: tuple[str, ...]) -> Mapping[str, str]:
    """Return the file's spelling of our names: Date for timestamp, OI for oi."""
    spelled = {name.strip().lower(): name for name in reversed(header)}
    names = {name: spelled[name] for name in _FIELDS[1:] if name in spelled}
    time = next((spelled[name] for name in _NAMES_OF_TIME if name in spelled), None)
    return names if time is None else {**names, "timestamp": time}


def _candle_list(path: Path) -> list[Any]:
    try:
        with csv_files.open_bytes(path) as stream:
            document = json.load(stream)
    except json.JSONDecodeError as error:
        raise MarketDataFileInvalid(path, line=error.lineno, fault=f"not JSON: {error.msg}", remedy=_REMEDY) from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise MarketDataFileInvalid(path, fault="not JSON in UTF-8", remedy=_REMEDY) from error
    except columns.UNREADABLE as error:
        raise columns.unreadable(path, ".json", error) from error
    if isinstance(document, dict) and document.get("status") == "error":
        fault = f"the file is an error of the API: {document.get('message')}"
        raise MarketDataFileInvalid(path, fault=fault, remedy="ask the API again")
    if isinstance(document, dict) and isinstance(document.get("data"), dict):
        document = document["data"].get("candles")
    if not isinstance(document, list):
        raise MarketDataFileInvalid(path, fault="there is no list of candles", remedy=_REMEDY)
    return document


def _fields(path: Path, number: int, candle: object) -> list[str | None]:
    if isinstance(candle, dict):
        time = next((candle[name] for name in _NAMES_OF_TIME if name in candle), None)
        candle = [time, *(candle.get(name) for name in _FIELDS[1:])]
    if not isinstance(candle, list) or not _FEWEST_FIELDS <= len(candle) <= len(_FIELDS):
        fault = f"the candle is not a list of time, open, high, low, close, volume and perhaps oi: {candle!r:.80}"
        raise MarketDataFileInvalid(path, row=number, fault=fault, remedy=_REMEDY)
    values = [None if value is None else value if isinstance(value, str) else json.dumps(value) for value in candle]
    return [*values, *[None] * (len(_FIELDS) - len(values))]
