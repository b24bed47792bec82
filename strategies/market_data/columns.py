"""
A Parquet or CSV file as named columns, every value checked.

Ticks repeat themselves: half a million rows hold 22,000 timestamps, a few thousand prices and fifty symbols. So every
column is encoded by its distinct values, only these are checked (cells.py), and the first row that holds a faulty one
is looked up afterwards. This makes both formats equally fast and one set of checks enough.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

import numpy as np
import pyarrow as pa
from numpy import typing as npt
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from strategies.market_data import exchange_time
from strategies.market_data.file_errors import CellInvalid, MarketDataFileInvalid

SUFFIXES = (".parquet", ".csv", ".csv.gz")

T = TypeVar("T")

_LINE_OF_FIRST_ROW = 2
_UNREADABLE = (pa.ArrowException, OSError, EOFError)


@dataclass(frozen=True, slots=True)
class ColumnFile:
    """The columns of one file that were asked for and that it has."""

    path: Path
    table: pa.Table
    is_csv: bool

    @property
    def row_count(self) -> int:
        """Number of rows, the header not counted."""
        return int(self.table.num_rows)

    def has(self, name: str) -> bool:
        """Return whether the file has a column."""
        return name in self.table.column_names

    def distinct(self, name: str, read: Callable[[object], T]) -> tuple[list[T], npt.NDArray[np.int64]]:
        """
        Read a column as distinct values and each row's index among them.

        Raises:
            MarketDataFileInvalid: At the first row whose value ``read`` refuses.
        """
        encoded = self._encoded(name)
        codes = np.asarray(encoded.indices, dtype=np.int64)
        values: list[T] = []
        faults: dict[int, CellInvalid] = {}
        for code, raw in enumerate(encoded.dictionary.to_pylist()):
            try:
                values.append(read(raw))
            except CellInvalid as fault:
                faults[code] = fault
        if faults:
            row = int(np.flatnonzero(np.isin(codes, list(faults)))[0])
            first = faults[int(codes[row])]
            raise self.invalid(row, f"{name} {first.fault}", first.remedy)
        return values, codes

    def integers(self, name: str, read: Callable[[object], int]) -> npt.NDArray[np.int64]:
        """Read a column of whole numbers; raises as ``distinct`` does."""
        values, codes = self.distinct(name, read)
        return np.array(values, dtype=np.int64)[codes]

    def floats(self, name: str, read: Callable[[object], float]) -> npt.NDArray[np.float64]:
        """Read a column of numbers; raises as ``distinct`` does."""
        values, codes = self.distinct(name, read)
        return np.array(values, dtype=np.float64)[codes]

    def invalid(self, row: int, fault: str, remedy: str) -> MarketDataFileInvalid:
        """Return the error about one row, counted from 0."""
        if self.is_csv:
            return MarketDataFileInvalid(self.path, line=row + _LINE_OF_FIRST_ROW, fault=fault, remedy=remedy)
        return MarketDataFileInvalid(self.path, row=row + 1, fault=fault, remedy=remedy)

    def _encoded(self, name: str) -> pa.DictionaryArray:
        array = self.table.column(name)
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        if pa.types.is_dictionary(array.type):
            # Its dictionary may hold values that no row uses; those are nobody's fault.
            array = array.dictionary_decode()
        if pa.types.is_timestamp(array.type):
            array = _utc_microseconds(array)
        try:
            return array.dictionary_encode(null_encoding="encode")
        except pa.ArrowNotImplementedError as error:
            fault = f"column {name!r} has the type {array.type}"
            raise MarketDataFileInvalid(self.path, fault=fault, remedy="store it as numbers or as text") from error


def open_columns(path: Path, *, required: Sequence[str], optional: Sequence[str] = ()) -> ColumnFile:
    """
    Open a market data file and read the columns of interest; others are left alone.

    Raises:
        MarketDataFileInvalid: If the file is missing, of another format, empty, or lacks a required column.
    """
    suffix = _suffix(path)
    if not path.exists():
        raise MarketDataFileInvalid(path, fault="the file does not exist", remedy="check the path")
    if not path.is_file():
        raise MarketDataFileInvalid(path, fault="this is not a file", remedy="name a file, not a folder")
    try:
        if path.stat().st_size == 0:
            raise MarketDataFileInvalid(path, fault="the file is empty", remedy="export or download it again")
        file = _open_parquet(path, required, optional) if suffix == ".parquet" else _open_csv(path, required, optional)
    except _UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        fault = f"the file cannot be read as {suffix} ({reason})"
        raise MarketDataFileInvalid(path, fault=fault, remedy="export or download it again") from error
    if not file.row_count:
        raise _without_rows(path)
    return file


def _suffix(path: Path) -> str:
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return suffix
    remedy = f"use a file that ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
    raise MarketDataFileInvalid(path, fault=f"the suffix {path.suffix!r} is not a known format", remedy=remedy)


def _open_parquet(path: Path, required: Sequence[str], optional: Sequence[str]) -> ColumnFile:
    with parquet.ParquetFile(path) as file:
        names = _wanted(path, file.schema_arrow.names, required, optional)
        table = file.read(columns=names)
    moments = table.schema.field("timestamp").type
    if pa.types.is_dictionary(moments):
        moments = moments.value_type
    if not (pa.types.is_timestamp(moments) or pa.types.is_string(moments) or pa.types.is_large_string(moments)):
        fault = f"column 'timestamp' has the type {moments}"
        raise MarketDataFileInvalid(path, fault=fault, remedy="store it as a timestamp or as text")
    return ColumnFile(path, table, is_csv=False)


def _open_csv(path: Path, required: Sequence[str], optional: Sequence[str]) -> ColumnFile:
    ragged: list[arrow_csv.InvalidRow] = []

    def note(row: arrow_csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    header, has_rows = _header(path)
    names = _wanted(path, header, required, optional, line=1)
    if not has_rows:
        raise _without_rows(path)
    with _open_bytes(path) as stream:
        table = arrow_csv.read_csv(
            stream,
            # Several threads would be faster, but then a faulty row has no number.
            read_options=arrow_csv.ReadOptions(use_threads=False),
            # An empty line counts as a row; otherwise line numbers after it would be wrong.
            parse_options=arrow_csv.ParseOptions(ignore_empty_lines=False, invalid_row_handler=note),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=names, column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    if ragged:
        fault = f"the line has {ragged[0].actual_columns} fields, the header has {ragged[0].expected_columns}"
        remedy = "give every line as many fields as the header has"
        raise MarketDataFileInvalid(path, line=ragged[0].number, fault=fault, remedy=remedy)
    return ColumnFile(path, _without_empty_end(table), is_csv=True)


def _open_bytes(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if path.name.lower().endswith(".gz") else path.open("rb")


def _header(path: Path) -> tuple[list[str], bool]:
    """Return the names in a CSV file's first line, and whether anything comes after it."""
    with _open_bytes(path) as stream:
        line = stream.readline()
        has_rows = bool(stream.read(1))
    try:
        return next(csv.reader([line.decode("utf-8-sig")])), has_rows
    except (UnicodeDecodeError, csv.Error, StopIteration):
        fault, remedy = "the header is not UTF-8 text", "save the file as CSV in UTF-8"
        raise MarketDataFileInvalid(path, line=1, fault=fault, remedy=remedy) from None


def _without_rows(path: Path) -> MarketDataFileInvalid:
    return MarketDataFileInvalid(path, fault="the file has no rows", remedy="export or download it again")


def _wanted(
    path: Path, present: Sequence[str], required: Sequence[str], optional: Sequence[str], line: int | None = None
) -> list[str]:
    wanted = [*required, *(name for name in optional if name in present)]
    for name in wanted:
        if name not in present:
            fault = f"column {name!r} is missing (the file has: {', '.join(present)})"
            remedy = f"name the columns {', '.join(required)} and, if known, {', '.join(optional)}"
            raise MarketDataFileInvalid(path, line=line, fault=fault, remedy=remedy)
        if present.count(name) > 1:
            fault = f"column {name!r} stands there {present.count(name)} times"
            raise MarketDataFileInvalid(path, line=line, fault=fault, remedy="leave one of them out")
    return wanted


def _without_empty_end(table: pa.Table) -> pa.Table:
    """Drop the empty lines at the end of a CSV file, as editors leave them."""
    count = table.num_rows
    while count and not any(column[count - 1].as_py() for column in table.columns):
        count -= 1
    return table.slice(0, count)


def _utc_microseconds(array: pa.Array) -> pa.Array:
    """Turn timestamps of any unit, aware or naive (exchange time), into microseconds since 1970 (UTC)."""
    offset = 0 if array.type.tz else exchange_time.UTC_OFFSET_SECONDS * exchange_time.MICROSECONDS
    microseconds = array.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    return pa.compute.subtract(microseconds, offset)
