"""The ticks of one file, before they are joined with those of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy import typing as npt

from strategies.engine.ticks import FloatColumn, IntColumn
from strategies.market_data.columns import ColumnFile


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRows:
    """
    Ticks as columns of equal length, in the order of the file.

    Prices may still be 0; everything else that a single value can be wrong in has been checked.
    """

    file: ColumnFile
    #: Row of the file that each tick comes from, counted from 0.
    rows: IntColumn
    #: Microseconds since 1970 (UTC).
    microseconds: IntColumn
    codes: IntColumn
    symbols: Sequence[str]
    ltp: FloatColumn
    volume: IntColumn
    oi: IntColumn
    bid: FloatColumn | None = None
    ask: FloatColumn | None = None
    #: Whatever tells two ticks apart that are alike in all else, such as the number of a trade.
    identity: IntColumn | None = None
    #: Whether a zone had to be assumed.
    is_naive: bool = False
    #: Length of the candles that the ticks stand in for.
    candle_seconds: int | None = None
    #: Rows that were left out while the file was read: a candle that was there twice, and one with a price of 0.
    repeated_rows: Sequence[int] = ()
    zero_rows: Sequence[int] = ()
    #: Rows that came before an earlier one and were sorted.
    sorted_rows: Sequence[int] = ()

    def take(self, chosen: npt.NDArray[np.generic]) -> TickRows:
        """Return the ticks that a mask or a list of places chooses."""
        cut = {
            column.name: value[chosen]
            for column in fields(self)
            if isinstance(value := getattr(self, column.name), np.ndarray)
        }
        return replace(self, **cut)


def repeats(columns: Sequence[npt.NDArray[np.generic]]) -> npt.NDArray[np.bool_]:
    """Return which rows are alike an earlier one in every column."""
    count = len(columns[0])
    # Bytes are compared, so that NaN equals NaN.
    keys = [np.ascontiguousarray(column).view(np.int64) for column in columns]
    order = np.lexsort(keys)
    is_repeat = np.zeros(count, dtype=np.bool_)
    if count > 1:
        alike = np.ones(count - 1, dtype=np.bool_)
        for key in keys:
            ordered = key[order]
            alike &= ordered[1:] == ordered[:-1]
        # lexsort is stable: of rows that are alike the first of the file comes first.
        is_repeat[order[1:][alike]] = True
    return is_repeat


def in_order(moments: IntColumn) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the places in order of time, stably, and those of the rows that come before an earlier one."""
    latest = np.maximum.accumulate(moments)
    return np.argsort(moments, kind="stable"), np.flatnonzero(moments < latest)
