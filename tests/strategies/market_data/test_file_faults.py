"""A file that cannot be trusted is refused at the door: the error names file, place, fault and remedy."""

import gzip
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from strategies.engine.errors import EngineError, MarketDataInvalid
from strategies.market_data.files import MarketDataFileInvalid, load_market_data

HEADER = "timestamp,symbol,ltp,volume,oi"
GOOD = "2024-10-29 09:15:00,NIFTY,24328.85,0,0"
CORRECT = "correct the value or leave the row out"
WRITE_COUNT = "write a whole number of 0 or more, 0 where it is not known"
WRITE_MOMENT = "write it like 2024-10-29 09:15:00 (exchange time) or with an offset like 2024-10-29 09:15:00+05:30"
WRITE_SYMBOL = "write it like NIFTY, NIFTY:2024-11-28:FUT or NIFTY:2024-11-07:OPT:24250:PE"
AGAIN = "export or download it again"
COLUMNS = "name the columns timestamp, symbol, ltp and, if known, volume, oi, bid, ask"


def refusal(path: Path) -> MarketDataFileInvalid:
    with pytest.raises(MarketDataFileInvalid) as caught:
        load_market_data(path)
    return caught.value


def test_a_refusal_carries_its_facts_and_is_a_fault_of_the_engines_input(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text(f"{HEADER}\n{GOOD}\n2024-10-29 09:15:01,NIFTY,-1,0,0\n")

    error = refusal(path)

    assert isinstance(error, MarketDataInvalid)
    assert isinstance(error, EngineError)
    assert (error.path, error.line, error.row) == (path, 3, None)
    assert (error.fault, error.remedy) == ("ltp is -1, and a price is above zero", CORRECT)


BAD_ROWS = {
    "date": ("yesterday,NIFTY,1,0,0", f"timestamp is 'yesterday', which is not a date and time; {WRITE_MOMENT}"),
    "Indian date": (
        "29-10-2024 09:15:01,NIFTY,1,0,0",
        f"timestamp is '29-10-2024 09:15:01', which is not a date and time; {WRITE_MOMENT}",
    ),
    "no date": (",NIFTY,1,0,0", f"timestamp is empty; {WRITE_MOMENT}"),
    "year": ("1066-10-14 09:15:00,NIFTY,1,0,0", f"timestamp lies outside the years 1970 to 2199; {WRITE_MOMENT}"),
    "order": (
        "2024-10-29 09:14:59,NIFTY,1,0,0",
        "ticks are out of order: 2024-10-29 09:14:59 comes after 2024-10-29 09:15:00; sort the file by timestamp",
    ),
    "no symbol": ("2024-10-29 09:15:01,,1,0,0", f"symbol is empty; {WRITE_SYMBOL}"),
    "symbol": (
        "2024-10-29 09:15:01,NIFTY24OCT24500CE!,1,0,0",
        f"symbol is 'NIFTY24OCT24500CE!', which is not a symbol; {WRITE_SYMBOL}",
    ),
    "contract": (
        "2024-10-29 09:15:01,NIFTY:2024-13-07:OPT:24250:PE,1,0,0",
        f"symbol is 'NIFTY:2024-13-07:OPT:24250:PE', which is not a symbol; {WRITE_SYMBOL}",
    ),
    "no price": ("2024-10-29 09:15:01,NIFTY,,0,0", f"ltp is empty; {CORRECT}"),
    "text price": ("2024-10-29 09:15:01,NIFTY,abc,0,0", f"ltp is 'abc', which is not a number; {CORRECT}"),
    "price with _": ("2024-10-29 09:15:01,NIFTY,1_0,0,0", f"ltp is '1_0', which is not a number; {CORRECT}"),
    "NaN": ("2024-10-29 09:15:01,NIFTY,NaN,0,0", f"ltp is not a number (NaN); {CORRECT}"),
    "infinite": ("2024-10-29 09:15:01,NIFTY,inf,0,0", f"ltp is infinite; {CORRECT}"),
    "zero": ("2024-10-29 09:15:01,NIFTY,0.0,0,0", f"ltp is 0, and a price is above zero; {CORRECT}"),
    "negative": ("2024-10-29 09:15:01,NIFTY,-2.5,0,0", f"ltp is -2.5, and a price is above zero; {CORRECT}"),
    "negative volume": ("2024-10-29 09:15:01,NIFTY,1,-25,0", f"volume is -25, which is negative; {WRITE_COUNT}"),
    "negative oi": ("2024-10-29 09:15:01,NIFTY,1,0,-1", f"oi is -1, which is negative; {WRITE_COUNT}"),
    "half a unit": (
        "2024-10-29 09:15:01,NIFTY,1,2.5,0",
        f"volume is '2.5', which is not a whole number; {WRITE_COUNT}",
    ),
    "NaN volume": ("2024-10-29 09:15:01,NIFTY,1,nan,0", f"volume is 'nan', which is not a whole number; {WRITE_COUNT}"),
    "no volume": ("2024-10-29 09:15:01,NIFTY,1,,0", f"volume is empty; {WRITE_COUNT}"),
    "huge oi": (
        f"2024-10-29 09:15:01,NIFTY,1,0,{2**63}",
        f"oi is 9223372036854775808, which is too large; {WRITE_COUNT}",
    ),
    "empty line": (f"\n{GOOD}", f"timestamp is empty; {WRITE_MOMENT}"),
    "too few fields": (
        "2024-10-29 09:15:01,NIFTY",
        "the line has 2 fields, the header has 5; give every line as many fields as the header has",
    ),
    "too many fields": (
        "2024-10-29 09:15:01,NIFTY,1,0,0,0",
        "the line has 6 fields, the header has 5; give every line as many fields as the header has",
    ),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_csv_row_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    row, expected = BAD_ROWS[name]
    path = tmp_path / "ticks.csv"
    path.write_text(f"{HEADER}\n{GOOD}\n{GOOD}\n{row}\n{GOOD.replace(':00,', ':09,')}\n")

    assert str(refusal(path)) == f"{path}, line 4: {expected}"


def test_of_several_bad_values_in_a_column_the_first_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    rows = [GOOD] * 5 + [GOOD.replace("24328.85", "0"), GOOD.replace("24328.85", "x"), GOOD.replace("24328.85", "0")]
    path.write_text("\n".join([HEADER, *rows]))

    assert refusal(path).line == 7


OPEN = datetime(2024, 10, 29, 3, 45, tzinfo=UTC)
CLOCK = "2024-10-29 09:15:00"

BAD_COLUMNS: dict[str, tuple[Mapping[str, object], str]] = {
    "NaN": ({"ltp": pa.array([1.0, math.nan])}, f", row 2: ltp is not a number (NaN); {CORRECT}"),
    "infinite": ({"ltp": [1.0, -math.inf]}, f", row 2: ltp is infinite; {CORRECT}"),
    "null price": ({"ltp": pa.array([None, 1.0])}, f", row 1: ltp is empty; {CORRECT}"),
    "nothing but null": ({"ltp": pa.nulls(2)}, f", row 1: ltp is empty; {CORRECT}"),
    "zero": ({"ltp": [1.0, 0.0]}, f", row 2: ltp is 0, and a price is above zero; {CORRECT}"),
    "truth": ({"ltp": [True, True]}, f", row 1: ltp is True, which is not a number; {CORRECT}"),
    "list": (
        {"ltp": [[1.0], [2.0]]},
        ": column 'ltp' has the type list<element: double>; store it as numbers or as text",
    ),
    "null symbol": ({"symbol": pa.array(["NIFTY", None])}, f", row 2: symbol is empty; {WRITE_SYMBOL}"),
    "symbol number": ({"symbol": [26000, 26000]}, f", row 1: symbol is 26000, which is not text; {WRITE_SYMBOL}"),
    "negative volume": ({"volume": [0, -1]}, f", row 2: volume is -1, which is negative; {WRITE_COUNT}"),
    "null oi": ({"oi": pa.array([1, None])}, f", row 2: oi is empty; {WRITE_COUNT}"),
    "null moment": ({"timestamp": pa.array([OPEN, None])}, f", row 2: timestamp is empty; {WRITE_MOMENT}"),
    "order within a second": (
        {"timestamp": [OPEN.replace(microsecond=2), OPEN.replace(microsecond=1)]},
        f", row 2: ticks are out of order: {CLOCK}.000001 comes after {CLOCK}.000002; sort the file by timestamp",
    ),
    "epoch number": (
        {"timestamp": [1_730_173_500, 1_730_173_501]},
        ": column 'timestamp' has the type int64; store it as a timestamp or as text",
    ),
    "text moment": (
        {"timestamp": ["2024-10-29 09:15:00", "later"]},
        f", row 2: timestamp is 'later', which is not a date and time; {WRITE_MOMENT}",
    ),
}


@pytest.mark.parametrize("name", BAD_COLUMNS)
def test_a_bad_parquet_row_is_refused_with_its_row(tmp_path: Path, name: str) -> None:
    changed, expected = BAD_COLUMNS[name]
    good = {"timestamp": [OPEN, OPEN], "symbol": ["NIFTY", "NIFTY"], "ltp": [1.0, 1.0], "volume": [0, 0], "oi": [0, 0]}
    path = tmp_path / "ticks.parquet"
    parquet.write_table(pa.table({**good, **changed}), path)

    assert str(refusal(path)) == f"{path}{expected}"


def test_values_that_only_the_dictionary_of_a_column_holds_are_nobodys_fault(tmp_path: Path) -> None:
    symbols = pa.DictionaryArray.from_arrays(pa.array([1, 1]), pa.array(["no symbol!", "NIFTY"]))
    path = tmp_path / "ticks.parquet"
    parquet.write_table(pa.table({"timestamp": [OPEN, OPEN], "symbol": symbols, "ltp": [1.0, 1.0]}), path)

    assert load_market_data(path).symbols == {"NIFTY"}


BAD_FILES = {
    "empty csv": ("ticks.csv", b"", f": the file is empty; {AGAIN}"),
    "empty parquet": ("ticks.parquet", b"", f": the file is empty; {AGAIN}"),
    "header only": ("ticks.csv", HEADER.encode(), f": the file has no rows; {AGAIN}"),
    "empty lines only": ("ticks.csv", f"{HEADER}\n\n\n".encode(), f": the file has no rows; {AGAIN}"),
    "wrong suffix": (
        "ticks.xlsx",
        b"PK",
        ": the suffix '.xlsx' is not a known format; use a file that ends in .parquet, .csv or .csv.gz",
    ),
    "no suffix": (
        "ticks",
        b"x",
        ": the suffix '' is not a known format; use a file that ends in .parquet, .csv or .csv.gz",
    ),
    "no header": (
        "ticks.csv",
        GOOD.encode(),
        f", line 1: column 'timestamp' is missing (the file has: {GOOD.replace(',', ', ')}); {COLUMNS}",
    ),
    "column missing": (
        "ticks.csv",
        b"timestamp,symbol,price\n",
        f", line 1: column 'ltp' is missing (the file has: timestamp, symbol, price); {COLUMNS}",
    ),
    "column twice": (
        "ticks.csv",
        b"timestamp,symbol,ltp,ltp\n",
        ", line 1: column 'ltp' stands there 2 times; leave one of them out",
    ),
    "header of another encoding": (
        "ticks.csv",
        HEADER.encode("utf-16"),
        ", line 1: the header is not UTF-8 text; save the file as CSV in UTF-8",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_of_the_wrong_form_is_refused(tmp_path: Path, name: str) -> None:
    file_name, content, expected = BAD_FILES[name]
    path = tmp_path / file_name
    path.write_bytes(content)

    assert str(refusal(path)) == f"{path}{expected}"


@pytest.mark.parametrize(
    ("file_name", "content"),
    [
        ("ticks.parquet", b"timestamp,symbol,ltp\n"),
        ("ticks.parquet", b"PAR1" + bytes(200) + b"PAR1"),
        ("ticks.csv.gz", b"timestamp,symbol,ltp\n"),
        ("ticks.csv.gz", gzip.compress(f"{HEADER}\n{GOOD}\n".encode() * 1000)[:-40]),
        ("ticks.csv", f"{HEADER}\n{GOOD}\n".encode() + b"2024-10-29 09:15:01,\xff\xfe,1,0,0\n"),
    ],
    ids=["csv named parquet", "broken parquet", "csv named gz", "gz cut short", "not UTF-8"],
)
def test_a_file_that_is_not_what_its_suffix_says_is_refused(tmp_path: Path, file_name: str, content: bytes) -> None:
    path = tmp_path / file_name
    path.write_bytes(content)

    error = refusal(path)

    suffix = file_name.removeprefix("ticks")
    assert error.fault.startswith(f"the file cannot be read as {suffix} (")
    assert str(error).startswith(f"{path}: ")
    assert "\n" not in str(error)
    assert error.remedy == AGAIN


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.parquet"

    assert str(refusal(path)) == f"{path}: the file does not exist; check the path"


def test_a_folder_without_market_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")

    assert str(refusal(tmp_path)) == (
        f"{tmp_path}: the folder holds no market data file; put files into it that end in .parquet, .csv or .csv.gz"
    )


def test_a_parquet_file_without_a_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ticks.parquet"
    parquet.write_table(pa.table({"timestamp": [OPEN], "symbol": ["NIFTY"]}), path)

    assert str(refusal(path)) == f"{path}: column 'ltp' is missing (the file has: timestamp, symbol); {COLUMNS}"


def test_a_parquet_file_without_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ticks.parquet"
    empty = pa.table(
        {"timestamp": pa.array([], pa.timestamp("us")), "symbol": pa.array([], pa.string()), "ltp": [1.0][:0]}
    )
    parquet.write_table(empty, path)

    assert str(refusal(path)) == f"{path}: the file has no rows; {AGAIN}"
