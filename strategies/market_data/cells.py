"""
Single values of market data files: text or typed value in, checked value out.

Every function takes a value as a CSV file (text) or a Parquet file (typed; None where it is null) holds it, and raises
CellInvalid with the fault and the remedy. The place is added by whoever knows it (columns.py).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal

from strategies.engine.errors import SymbolInvalid
from strategies.engine.symbols import parse_symbol
from strategies.market_data import exchange_time
from strategies.market_data.file_errors import CellInvalid

_FIRST_YEAR = 1970
_LAST_YEAR = 2199
_LARGEST_COUNT = 2**63 - 1

_WRITE_MOMENT = "write it like 2024-10-29 09:15:00 (exchange time) or with an offset like 2024-10-29 09:15:00+05:30"
_CORRECT_ROW = "correct the value or leave the row out"
_WRITE_COUNT = "write a whole number of 0 or more, 0 where it is not known"


def read_moment(value: object) -> int:
    """
    Read a timestamp into microseconds since 1970 (UTC).

    Args:
        value: ISO 8601 text, naive meaning exchange time; or microseconds since 1970 (UTC) from a typed column.
    """
    if isinstance(value, int):
        microseconds = value
    else:
        text = _text(value, _WRITE_MOMENT)
        try:
            microseconds = exchange_time.epoch_microseconds(datetime.fromisoformat(text))
        except (ValueError, OverflowError):
            raise CellInvalid(f"is {text!r}, which is not a date and time", _WRITE_MOMENT) from None
    if not _FIRST_MICROSECOND <= microseconds < _END_MICROSECOND:
        raise CellInvalid(f"lies outside the years {_FIRST_YEAR} to {_LAST_YEAR}", _WRITE_MOMENT)
    return microseconds


def read_price(value: object) -> float:
    """Read a price: finite and above zero."""
    price = _number(value, _CORRECT_ROW)
    if math.isnan(price):
        raise CellInvalid("is not a number (NaN)", _CORRECT_ROW)
    if math.isinf(price):
        raise CellInvalid("is infinite", _CORRECT_ROW)
    if price <= 0:
        raise CellInvalid(f"is {price:g}, and a price is above zero", _CORRECT_ROW)
    return price


def read_quote(value: object) -> float:
    """Read a bid or an ask; empty, NaN and 0 mean that there is none, which is NaN."""
    if value is None or value == "":
        return math.nan
    price = _number(value, _CORRECT_ROW)
    return math.nan if math.isnan(price) or price == 0 else read_price(value)


def read_count(value: object) -> int:
    """Read a traded quantity or an open interest: a whole number of 0 or more."""
    count = _whole_number(value)
    if count < 0:
        raise CellInvalid(f"is {count}, which is negative", _WRITE_COUNT)
    if count > _LARGEST_COUNT:
        raise CellInvalid(f"is {count}, which is too large", _WRITE_COUNT)
    return count


def read_symbol(value: object) -> str:
    """Read the symbol of an instrument."""
    remedy = "write it like NIFTY, NIFTY:2024-11-28:FUT or NIFTY:2024-11-07:OPT:24250:PE"
    symbol = _text(value, remedy)
    try:
        parse_symbol(symbol)
    except SymbolInvalid as error:
        raise CellInvalid(f"is {symbol!r}, which is not a symbol", remedy) from error
    return symbol


def _text(value: object, remedy: str) -> str:
    if value is None or value == "":
        raise CellInvalid("is empty", remedy)
    if not isinstance(value, str):
        raise CellInvalid(f"is {value!r}, which is not text", remedy)
    return value


def _whole_number(value: object) -> int:
    if isinstance(value, str) and value.strip().lstrip("+-").isdecimal():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = _number(value, _WRITE_COUNT)
    # A tool that has met an empty field writes 25 as 25.0; that is still a whole number.
    if not math.isfinite(number) or number != math.floor(number):
        raise CellInvalid(f"is {value!r}, which is not a whole number", _WRITE_COUNT)
    return int(number)


def _number(value: object, remedy: str) -> float:
    if value is None or value == "":
        raise CellInvalid("is empty", remedy)
    fault = CellInvalid(f"is {value!r}, which is not a number", remedy)
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise fault
    # Python would read 1_000 as a thousand; in a data file it is more likely an accident.
    if isinstance(value, str) and "_" in value:
        raise fault
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise fault from None


_FIRST_MICROSECOND = exchange_time.epoch_microseconds(datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC))
_END_MICROSECOND = exchange_time.epoch_microseconds(datetime(_LAST_YEAR + 1, 1, 1, tzinfo=UTC))
