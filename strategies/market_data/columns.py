"""
A Parquet or CSV file as named columns, every value checked.

Ticks repeat themselves: half a million rows hold 22,000 timestamps, a few thousand prices and fifty symbols. So every
column is encoded by its distinct values, only these are checked (cells.py), and the rows that hold a faulty one are
looked up afterwards. This makes both formats equally fast and one set of checks enough.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import pyarrow as pa
from numpy import typing as npt
from pyarrow import parquet

from strategies.market_data import csv_files, exchange_time
from strategies.market_data.file_errors import CellInvalid, MarketDataFileInvalid

SUFFIXES = (".parquet", ".csv", ".csv.gz")
"""The project's own formats."""

IMPORT_SUFFIXES = (*SUFFIXES, ".zip")
"""What importers read besides: a CSV file alone in a ZIP archive, as exchanges publish them."""

T = TypeVar("T")

UNREADABLE = (pa.ArrowException, OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError)
"""What reading a file raises that is broken, encrypted or packed in an unknown way."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file names its columns."""

    #: Names of all columns, in order, where a CSV file has no header line.
    header: tuple[str, ...] | None = None
    #: Our name of a column -> the file's.
    names: Mapping[str, str] = field(default_factory=dict)


AS_NAMED = Layout()


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """A column as distinct values, and each row's index among them."""

    #: Distinct values; where the file's could not be read, the fallback.
    values: list[T]
    codes: npt.NDArray[np.int64]
    #: What is wrong with a distinct value, by its index.
    faults: Mapping[int, CellInvalid]

    @property
    def faulty_rows(self) -> npt.NDArray[np.int64]:
        """Return the rows, counted from 0, that hold a faulty value."""
        if not self.faults:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(np.isin(self.codes, list(self.faults)))


@dataclass(frozen=True, slots=True)
class ColumnFile:
    """The columns of one file that were asked for and that it has."""

    path: Path
    table: pa.Table
    #: Line of the first row in a text file; None where rows have no line and are counted from 1.
    first_line: int | None = None

    @property
    def row_count(self) -> int:
        """Number of rows, the header not counted."""
        return int(self.table.num_rows)

    def has(self, name: str) -> bool:
        """Return whether the file has a column."""
        return name in self.table.column_names

    def column(self, name: str, read: Callable[[object], T], *, fallback: T) -> Column[T]:
        """Read a column, faulty values included."""
        raws, codes = self._encoded(name)
        values: list[T] = []
        faults: dict[int, CellInvalid] = {}
        for code, raw in enumerate(raws):
            try:
                values.append(read(raw))
            except CellInvalid as fault:
                values.append(fallback)
                faults[code] = fault
        return Column(values, codes, faults)

    def errors(self, name: str, column: Column[T]) -> Iterator[MarketDataFileInvalid]:
        """Return an error for each faulty row of a column, in the order of the file."""
        for row in column.faulty_rows.tolist():
            fault = column.faults[int(column.codes[row])]
            yield self.invalid(row, f"{name} {fault.fault}", fault.remedy)

    def distinct(self, name: str, read: Callable[[object], T], *, fallback: T) -> tuple[list[T], npt.NDArray[np.int64]]:
        """
        Read a column as distinct values and each row's index among them.

        Raises:
            MarketDataFileInvalid: At the first row whose value ``read`` refuses.
        """
        column = self.column(name, read, fallback=fallback)
        for error in self.errors(name, column):
            raise error
        return column.values, column.codes

    def integers(self, name: str, read: Callable[[object], int]) -> npt.NDArray[np.int64]:
        """Read a column of whole numbers; raises as ``distinct`` does."""
        values, codes = self.distinct(name, read, fallback=0)
        return np.array(values, dtype=np.int64)[codes]

    def floats(self, name: str, read: Callable[[object], float]) -> npt.NDArray[np.float64]:
        """Read a column of numbers; raises as ``distinct`` does."""
        values, codes = self.distinct(name, read, fallback=0.0)
        return np.array(values, dtype=np.float64)[codes]

    def invalid(self, row: int, fault: str, remedy: str) -> MarketDataFileInvalid:
        """Return the error about one row, counted from 0."""
        if self.first_line is not None:
            return MarketDataFileInvalid(self.path, line=row + self.first_line, fault=fault, remedy=remedy)
        return MarketDataFileInvalid(self.path, row=row + 1, fault=fault, remedy=remedy)

    def _encoded(self, name: str) -> tuple[list[object], npt.NDArray[np.int64]]:
        """Return the distinct values of a column as they are, and each row's index among them."""
        array = self.table.column(name)
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        if pa.types.is_dictionary(array.type):
            if not array.null_count:
                return _used(array)
            array = array.dictionary_decode()
        if pa.types.is_timestamp(array.type):
            array = _utc_microseconds(array)
        try:
            encoded = array.dictionary_encode(null_encoding="encode")
        except pa.ArrowNotImplementedError as error:
            fault = f"column {name!r} has the type {array.type}"
            raise MarketDataFileInvalid(self.path, fault=fault, remedy="store it as numbers or as text") from error
        return encoded.dictionary.to_pylist(), _as_numpy(encoded.indices).astype(np.int64)


def open_columns(
    path: Path,
    *,
    required: Sequence[str],
    optional: Sequence[str] = (),
    layout: Layout = AS_NAMED,
    suffixes: Sequence[str] = SUFFIXES,
) -> ColumnFile:
    """
    Open a market data file and read the columns of interest; others are left alone.

    Args:
        path: The file.
        required: Our names of the columns that it must have.
        optional: Our names of columns that it may have.
        layout: How the file calls them.
        suffixes: The formats that are allowed.

    Raises:
        MarketDataFileInvalid: If the file is missing, of another format, empty, or lacks a required column.
    """
    suffix = check_file(path, suffixes)
    wanted = _Wanted(path, required, optional, layout)
    try:
        file = _open_parquet(wanted) if suffix == ".parquet" else _open_csv(wanted)
    except UNREADABLE as error:
        raise unreadable(path, suffix, error) from error
    if not file.row_count:
        raise without_rows(path)
    return file


def first_fields(path: Path, suffixes: Sequence[str]) -> tuple[str, ...]:
    """
    Return the fields of the first line of a CSV file.

    Raises:
        MarketDataFileInvalid: If it cannot be read.
    """
    suffix = check_file(path, suffixes)
    try:
        return csv_files.read_first_line(path).fields
    except UNREADABLE as error:
        raise unreadable(path, suffix, error) from error


def check_file(path: Path, suffixes: Sequence[str]) -> str:
    """
    Return the suffix of a file that exists, is one, and is not empty.

    Raises:
        MarketDataFileInvalid: If it is not so.
    """
    suffix = next((suffix for suffix in suffixes if path.name.lower().endswith(suffix)), None)
    if suffix is None:
        remedy = f"use a file that ends in {', '.join(suffixes[:-1])} or {suffixes[-1]}"
        raise MarketDataFileInvalid(path, fault=f"the suffix {path.suffix!r} is not a known format", remedy=remedy)
    if not path.exists():
        raise MarketDataFileInvalid(path, fault="the file does not exist", remedy="check the path")
    if not path.is_file():
        raise MarketDataFileInvalid(path, fault="this is not a file", remedy="name a file, not a folder")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise unreadable(path, suffix, error) from error
    if size == 0:
        raise MarketDataFileInvalid(path, fault="the file is empty", remedy="export or download it again")
    return suffix


def unreadable(path: Path, suffix: str, error: Exception) -> MarketDataFileInvalid:
    """Return the error about a file whose bytes are not what its suffix says."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    fault = f"the file cannot be read as {suffix} ({reason})"
    return MarketDataFileInvalid(path, fault=fault, remedy="export or download it again")


def without_rows(path: Path) -> MarketDataFileInvalid:
    """Return the error about a file that has nothing in it."""
    return MarketDataFileInvalid(path, fault="the file has no rows", remedy="export or download it again")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The columns that are asked for."""

    path: Path
    required: Sequence[str]
    optional: Sequence[str]
    layout: Layout

    def theirs(self, name: str) -> str:
        """Return the file's name of one of our columns."""
        return self.layout.names.get(name, name)

    def found(self, present: Sequence[str], line: int | None = None) -> list[str]:
        """Return our names of the columns that are there. Raises MarketDataFileInvalid if one is missing or double."""
        ours = [*self.required, *(name for name in self.optional if self.theirs(name) in present)]
        for name in map(self.theirs, ours):
            if name not in present:
                fault = f"column {name!r} is missing (the file has: {', '.join(present)})"
                raise MarketDataFileInvalid(self.path, line=line, fault=fault, remedy=self._remedy())
            if present.count(name) > 1:
                fault = f"column {name!r} stands there {present.count(name)} times"
                raise MarketDataFileInvalid(self.path, line=line, fault=fault, remedy="leave one of them out")
        return ours

    def _remedy(self) -> str:
        required, optional = (", ".join(map(self.theirs, names)) for names in (self.required, self.optional))
        return f"name the columns {required}" + (f" and, if known, {optional}" if optional else "")


def _open_parquet(wanted: _Wanted) -> ColumnFile:
    with parquet.ParquetFile(wanted.path) as file:
        ours = wanted.found(file.schema_arrow.names)
        # One thread: several read a day no faster, and hold more of it at once.
        table = file.read(columns=[wanted.theirs(name) for name in ours], use_threads=False)
    table = table.select([wanted.theirs(name) for name in ours]).rename_columns(ours)
    if "timestamp" in ours:
        _check_moments(wanted.path, wanted.theirs("timestamp"), table.schema.field("timestamp").type)
    return ColumnFile(wanted.path, table)


def _check_moments(path: Path, name: str, moments: pa.DataType) -> None:
    if pa.types.is_dictionary(moments):
        moments = moments.value_type
    if not (pa.types.is_timestamp(moments) or pa.types.is_string(moments) or pa.types.is_large_string(moments)):
        fault = f"column {name!r} has the type {moments}"
        raise MarketDataFileInvalid(path, fault=fault, remedy="store it as a timestamp or as text")


def _open_csv(wanted: _Wanted) -> ColumnFile:
    header = wanted.layout.header
    first = csv_files.read_first_line(wanted.path)
    ours = wanted.found(header or first.fields, line=None if header else 1)
    if not header and not first.has_more:
        raise without_rows(wanted.path)
    theirs = [wanted.theirs(name) for name in ours]
    table = csv_files.read_text_columns(wanted.path, wanted=theirs, header=header)
    return ColumnFile(wanted.path, table.select(theirs).rename_columns(ours), first_line=1 if header else 2)


def _used(array: pa.DictionaryArray) -> tuple[list[object], npt.NDArray[np.int64]]:
    """Leave out the values of a dictionary that no row uses; those are nobody's fault."""
    used, codes = np.unique(_as_numpy(array.indices), return_inverse=True)
    values = array.dictionary.to_pylist()
    return [values[code] for code in used.tolist()], codes


def _utc_microseconds(array: pa.Array) -> pa.Array:
    """Turn timestamps of any unit, aware or naive (exchange time), into microseconds since 1970 (UTC)."""
    microseconds = array.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    if array.type.tz:
        return microseconds
    offset = exchange_time.UTC_OFFSET_SECONDS * exchange_time.MICROSECONDS
    return pa.compute.subtract(microseconds, offset)


def _as_numpy(integers: pa.Array) -> npt.NDArray[np.integer]:
    """Return integers without nulls as they lie in memory. Arrow's own to_numpy loads pandas for it: 40 MB."""
    dtype = np.dtype(str(integers.type))
    values: npt.NDArray[np.integer] = np.frombuffer(
        integers.buffers()[1], dtype=dtype, count=len(integers), offset=integers.offset * dtype.itemsize
    )
    return values
