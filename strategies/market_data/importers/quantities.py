"""Prices and quantities of imported files, and the faults that only a whole column shows."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

import numpy as np
from numpy import typing as npt

from strategies.engine.ticks import FloatColumn, IntColumn
from strategies.market_data import cells, exchange_time
from strategies.market_data.columns import ColumnFile
from strategies.market_data.file_errors import CellInvalid, MarketDataFileInvalid
from strategies.market_data.importers.faults import Faults

MOST_DECIMALS = 12

_LARGEST = 2**63 - 1
_FLOAT_NOISE = Decimal("0.001")


def read_prices(file: ColumnFile, name: str, faults: Faults) -> FloatColumn:
    """Read a column of prices; 0 is let through, as some sources write it for "not traded"."""
    column = file.column(name, price_or_zero, fallback=0.0)
    faults.extend(file.errors(name, column))
    return np.array(column.values, dtype=np.float64)[column.codes]


def price_or_zero(value: object) -> float:
    """Read a price; 0 is let through."""
    # "0", "0.0" and 0.0 alike, but not "": an empty price is a fault.
    if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool):
        try:
            if float(value) == 0:
                return 0.0
        except (ValueError, OverflowError):
            pass
    return cells.read_price(value)


def read_quotes(file: ColumnFile, name: str, faults: Faults) -> FloatColumn | None:
    """Read a column of bids or asks, if the file has it; NaN where there is none."""
    if not file.has(name):
        return None
    column = file.column(name, cells.read_quote, fallback=0.0)
    faults.extend(file.errors(name, column))
    return np.array(column.values, dtype=np.float64)[column.codes]


def read_quantities(file: ColumnFile, name: str, decimals: int, faults: Faults) -> IntColumn:
    """
    Read a column of quantities in units of 10 to the power of minus ``decimals``.

    An empty field, or a column that is not there, is 0: not known.
    """
    if not file.has(name):
        return np.zeros(file.row_count, dtype=np.int64)
    column = file.column(name, lambda value: _quantity(value, decimals), fallback=0)
    faults.extend(file.errors(name, column))
    return np.array(column.values, dtype=np.int64)[column.codes]


def unit_text(decimals: int) -> str:
    """Write the unit in which quantities are counted: 1, 0.00000001."""
    return f"{Decimal(1).scaleb(-decimals):f}"


def zero_faults(file: ColumnFile, rows: npt.NDArray[np.integer]) -> Iterator[MarketDataFileInvalid]:
    """Return a fault for each row whose price is 0."""
    for row in rows.tolist():
        yield file.invalid(row, "the price is 0, and a price is above zero", "leave such rows out: --skip-zero-prices")


def order_faults(
    file: ColumnFile, rows: npt.NDArray[np.integer], microseconds: IntColumn, backward: npt.NDArray[np.integer]
) -> Iterator[MarketDataFileInvalid]:
    """Return a fault for each place that comes before an earlier one."""
    latest = np.maximum.accumulate(microseconds)
    for place in backward.tolist():
        earlier, later = (exchange_time.clock_text(int(column[place])) for column in (microseconds, latest))
        remedy = "sort the file by time, or let the import do so: --sort"
        yield file.invalid(int(rows[place]), f"rows are out of order: {earlier} comes after {later}", remedy)


def _quantity(value: object, decimals: int) -> int:
    if value is None or value == "" or (isinstance(value, float) and value != value):
        return 0
    if decimals == 0:
        return cells.read_count(value)
    remedy = "correct the value, or keep another number of decimals with --volume-decimals"
    try:
        # Through text, so that 0.1 is a tenth and not the double next to it.
        scaled = Decimal(str(value)).scaleb(decimals)
        nearest = scaled.to_integral_value()
        # A typed column may hold 0.30000000000000004, which somebody computed; text may not.
        is_whole = scaled == nearest or (isinstance(value, float) and abs(scaled - nearest) < _FLOAT_NOISE)
    except InvalidOperation:
        raise CellInvalid(f"is {value!r}, which is not a number", remedy) from None
    if scaled.is_nan() or scaled.is_infinite() or scaled < 0:
        raise CellInvalid(f"is {value!r}, which is not a quantity", remedy)
    if not is_whole:
        raise CellInvalid(f"is {value!r}, which has more than {decimals} decimals", remedy)
    if scaled > _LARGEST:
        raise CellInvalid(f"is {value!r}, which is too large to be counted with {decimals} decimals", remedy)
    return int(nearest)
