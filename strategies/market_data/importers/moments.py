"""Timestamps of imported files: text or typed, with an offset or without, or counted since 1970."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy import typing as npt

from strategies.market_data import cells, exchange_time
from strategies.market_data.columns import ColumnFile
from strategies.market_data.file_errors import CellInvalid
from strategies.market_data.importers.faults import Faults

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KOLKATA_OFFSET = exchange_time.UTC_OFFSET_SECONDS * exchange_time.MICROSECONDS

# Where one unit ends and the next begins: 2001-09-09 in the finer unit, far in the future in the coarser one.
_FIRST_MILLISECOND = 10**12
_FIRST_MICROSECOND = 10**15
_END_MICROSECOND = 10**18
_MILLISECOND = 1000


class Moment(NamedTuple):
    """An instant as a file gives it."""

    #: Microseconds since 1970 (UTC).
    microseconds: int
    #: Whether a zone had to be assumed.
    is_naive: bool


class Moments(NamedTuple):
    """A column of timestamps."""

    microseconds: npt.NDArray[np.int64]
    #: Whether a zone had to be assumed of any.
    is_naive: bool


def read_moments(file: ColumnFile, zone: tzinfo, faults: Faults, name: str = "timestamp") -> Moments:
    """Read a column of dates and times, as text or as typed timestamps; naive ones are of the zone given."""
    kind = file.table.schema.field(name).type
    is_typed_naive = pa.types.is_timestamp(kind) and kind.tz is None
    return _read(file, name, lambda value: _moment(value, zone, is_typed_naive=is_typed_naive), faults)


def read_epochs(file: ColumnFile, faults: Faults, name: str = "timestamp") -> Moments:
    """Read a column of milliseconds or microseconds since 1970 (UTC); the size of the number tells which."""
    return _read(file, name, _epoch, faults)


def _read(file: ColumnFile, name: str, read: Callable[[object], Moment], faults: Faults) -> Moments:
    column = file.column(name, read, fallback=Moment(0, False))
    faults.extend(file.errors(name, column))
    microseconds = np.array([moment.microseconds for moment in column.values], dtype=np.int64)[column.codes]
    return Moments(microseconds, any(moment.is_naive for moment in column.values))


def _moment(value: object, zone: tzinfo, *, is_typed_naive: bool) -> Moment:
    microseconds = cells.read_moment(value)
    is_naive = is_typed_naive or (isinstance(value, str) and datetime.fromisoformat(value).tzinfo is None)
    if not is_naive or zone is exchange_time.EXCHANGE_ZONE:
        return Moment(microseconds, is_naive)
    # A naive moment was read as exchange time; its clock is meant in the other zone.
    clock = _EPOCH.replace(tzinfo=None) + timedelta(microseconds=microseconds + _KOLKATA_OFFSET)
    return Moment(exchange_time.epoch_microseconds(clock.replace(tzinfo=zone)), is_naive)


def _epoch(value: object) -> Moment:
    remedy = "write milliseconds or microseconds since 1970 (UTC), such as 1730173500000"
    number = cells.read_count(value)
    if not _FIRST_MILLISECOND <= number < _END_MICROSECOND:
        raise CellInvalid(f"is {number}, which is neither milliseconds nor microseconds since 1970", remedy)
    return Moment(number if number >= _FIRST_MICROSECOND else number * _MILLISECOND, False)
