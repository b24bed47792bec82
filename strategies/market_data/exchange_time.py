"""
Exchange time: the wall clock of the Indian exchanges, Asia/Kolkata.

Market data are kept as whole seconds since 1970 (UTC), as they take a quarter of the memory of datetime objects; this
is the one place that turns the one into the other.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy import typing as npt

EXCHANGE_ZONE = ZoneInfo("Asia/Kolkata")

#: India is 5 h 30 min ahead of UTC all the year round and has been since 1945, so a constant is exact.
UTC_OFFSET_SECONDS = 19_800

MICROSECONDS = 1_000_000

SECONDS_PER_DAY = 86_400

_AWARE_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = _AWARE_EPOCH.replace(tzinfo=None)
_MICROSECOND = timedelta(microseconds=1)
_FIRST_ORDINAL = date(1970, 1, 1).toordinal()


def epoch_microseconds(moment: datetime) -> int:
    """
    Return the microseconds from 1970 (UTC) to a moment.

    Args:
        moment: Naive means exchange time; aware is converted.
    """
    if moment.tzinfo is None:
        return (moment - _NAIVE_EPOCH) // _MICROSECOND - UTC_OFFSET_SECONDS * MICROSECONDS
    return (moment - _AWARE_EPOCH) // _MICROSECOND


def epoch_second(moment: datetime) -> int:
    """Return the whole seconds from 1970 (UTC) to a moment; a part of a second is cut off."""
    return epoch_microseconds(moment) // MICROSECONDS


def exchange_datetime(epoch: int) -> datetime:
    """Return the exchange time of a second counted from 1970 (UTC), aware."""
    return datetime.fromtimestamp(epoch, EXCHANGE_ZONE)


def exchange_date(epoch: int) -> date:
    """Return the exchange date of a second counted from 1970 (UTC)."""
    return exchange_datetime(epoch).date()


def day_numbers(epoch_seconds: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the exchange date of each second as days since 1970-01-01."""
    numbers: npt.NDArray[np.int64] = (epoch_seconds + UTC_OFFSET_SECONDS) // SECONDS_PER_DAY
    return numbers


def seconds_of_day(epoch_seconds: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the seconds from midnight, exchange time, of each second."""
    seconds: npt.NDArray[np.int64] = (epoch_seconds + UTC_OFFSET_SECONDS) % SECONDS_PER_DAY
    return seconds


def clock_text(microseconds: int) -> str:
    """Write a moment, in microseconds since 1970 (UTC), as exchange time: 2024-10-29 09:15:00.25."""
    second, fraction = divmod(microseconds, MICROSECONDS)
    return str(exchange_datetime(second).replace(microsecond=fraction, tzinfo=None))


def date_of_day_number(number: int) -> date:
    """Return the date that lies a number of days after 1970-01-01."""
    return date.fromordinal(_FIRST_ORDINAL + number)
