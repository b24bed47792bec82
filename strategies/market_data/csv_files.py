"""
CSV files as text columns: plain, gzipped, or alone in a ZIP archive.

Nothing is guessed: the caller says whether the first line is a header, and every field arrives as text, so that one set
of checks serves all formats.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
from pyarrow import csv as arrow_csv

from strategies.market_data.file_errors import MarketDataFileInvalid


@dataclass(frozen=True, slots=True)
class FirstLine:
    """The first line of a CSV file."""

    fields: tuple[str, ...]
    #: Whether anything comes after it.
    has_more: bool


def read_first_line(path: Path) -> FirstLine:
    """
    Read the fields of the first line.

    Raises:
        MarketDataFileInvalid: If it is not UTF-8 text.
    """
    with open_bytes(path) as stream:
        line = stream.readline()
        has_more = bool(stream.read(1))
    try:
        return FirstLine(tuple(next(csv.reader([line.decode("utf-8-sig")]))), has_more)
    except (UnicodeDecodeError, csv.Error, StopIteration):
        fault, remedy = "the header is not UTF-8 text", "save the file as CSV in UTF-8"
        raise MarketDataFileInvalid(path, line=1, fault=fault, remedy=remedy) from None


def read_text_columns(path: Path, *, wanted: Sequence[str], header: Sequence[str] | None = None) -> pa.Table:
    """
    Read columns of a CSV file as text.

    Args:
        path: The file; .gz and .zip are unpacked.
        wanted: Names of the columns.
        header: Names of all columns where the file has no header; None where its first line is one.

    Raises:
        MarketDataFileInvalid: If a line has too few or too many fields.
        pyarrow.ArrowException, OSError: If the file cannot be read.
    """
    ragged: list[arrow_csv.InvalidRow] = []

    def note(row: arrow_csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    with open_bytes(path) as stream:
        table = arrow_csv.read_csv(
            stream,
            # Several threads would be faster, but then a faulty row has no number.
            read_options=arrow_csv.ReadOptions(use_threads=False, column_names=list(header) if header else None),
            # An empty line counts as a row; otherwise line numbers after it would be wrong.
            parse_options=arrow_csv.ParseOptions(ignore_empty_lines=False, invalid_row_handler=note),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(wanted), column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
            ),
        )
    if ragged:
        fault = f"the line has {ragged[0].actual_columns} fields, the header has {ragged[0].expected_columns}"
        remedy = "give every line as many fields as the header has"
        if header:
            fault = f"the line has {ragged[0].actual_columns} fields, {ragged[0].expected_columns} are expected"
            remedy = "give every line as many fields as the format has"
        raise MarketDataFileInvalid(path, line=ragged[0].number, fault=fault, remedy=remedy)
    return _without_empty_end(table)


def open_bytes(path: Path) -> BinaryIO:
    """
    Open a file for reading, unpacked.

    Raises:
        MarketDataFileInvalid: If a ZIP archive does not hold exactly one file.
        OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError: If it cannot be unpacked.
    """
    name = path.name.lower()
    if name.endswith(".gz"):
        return cast(BinaryIO, gzip.open(path, "rb"))
    if not name.endswith(".zip"):
        return path.open("rb")
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.namelist() if not member.endswith("/")]
        if len(members) != 1:
            fault = f"the archive holds {len(members)} files"
            raise MarketDataFileInvalid(path, fault=fault, remedy="unpack it and name the files one by one")
        return io.BytesIO(archive.read(members[0]))


def _without_empty_end(table: pa.Table) -> pa.Table:
    """Drop the empty lines at the end of a CSV file, as editors leave them."""
    count = table.num_rows
    while count and not any(column[count - 1].as_py() for column in table.columns):
        count -= 1
    return table.slice(0, count)
