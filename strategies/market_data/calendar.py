"""
The exchange's calendar: which days have a session, and when it closes.

Holidays come from the package exchange-calendars (its XBOM: BSE and NSE share their holidays); sessions out of the
ordinary come from the table below, as the package has none of them. Both are as good as
docs/decisions/exchange-calendar.md says. The package is loaded when a question needs it (it takes most of a second);
``session_of`` and ``close_seconds`` never do. Nothing here decides whether data may be used: data of a day that should
have none are reported, not refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

Market = Literal["nse", "24h"]
"""Whose hours the data have: the National Stock Exchange's, or a market's that never closes."""

MARKETS: tuple[Market, ...] = ("nse", "24h")

DayKind = Literal["session", "special session", "weekend", "holiday", "unknown"]
"""``unknown``: a weekday of a year whose holidays the calendar does not have."""

Reason = Literal["holiday", "weekend", "no data", "unknown"]

_REASONS: dict[DayKind, Reason] = {
    "session": "no data",
    "special session": "no data",
    "weekend": "weekend",
    "holiday": "holiday",
    "unknown": "unknown",
}

_MINUTE = 60
_HOUR = 3600
_SATURDAY = 5
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Session:
    """The hours of trading of one day, in seconds from midnight, exchange time."""

    #: What the day is known for; empty for an ordinary one.
    name: str
    #: Open and close of each part of the session, in order.
    parts: tuple[tuple[int, int], ...]

    @property
    def open_seconds(self) -> int:
        """Return the first open."""
        return self.parts[0][0]

    @property
    def close_seconds(self) -> int:
        """Return the last close."""
        return self.parts[-1][1]


@dataclass(frozen=True, slots=True)
class MissingDay:
    """A day that a range of dates covers and the data do not."""

    day: date
    #: ``no data``: the exchange was open. ``unknown``: a weekday of which the calendar cannot say.
    reason: Reason


def _session(name: str, *clock: str) -> Session:
    seconds = [int(text[:2]) * _HOUR + int(text[3:]) * _MINUTE for text in clock]
    return Session(name, tuple(zip(seconds[::2], seconds[1::2], strict=True)))


ORDINARY = _session("", "09:15", "15:30")
"""Since 2010-10-18. NSE market timings."""

AROUND_THE_CLOCK = Session("", ((0, 24 * _HOUR),))

SPECIAL_SESSIONS = {
    date(2015, 2, 28): _session("Union budget", "09:15", "15:30"),
    date(2016, 10, 30): _session("Muhurat", "18:30", "19:30"),
    date(2017, 10, 19): _session("Muhurat", "18:30", "19:30"),
    date(2018, 11, 7): _session("Muhurat", "17:30", "18:30"),
    date(2019, 10, 27): _session("Muhurat", "18:15", "19:15"),
    date(2020, 2, 1): _session("Union budget", "09:15", "15:30"),
    date(2020, 11, 14): _session("Muhurat", "18:15", "19:15"),
    date(2021, 2, 24): _session("outage", "09:15", "11:40", "15:45", "17:00"),
    date(2021, 11, 4): _session("Muhurat", "18:15", "19:15"),
    date(2022, 10, 24): _session("Muhurat", "18:15", "19:15"),
    date(2023, 11, 12): _session("Muhurat", "18:15", "19:15"),
    date(2024, 1, 20): _session("Saturday session", "09:15", "15:30"),
    date(2024, 3, 2): _session("disaster recovery", "09:15", "10:00", "11:30", "12:30"),
    date(2024, 5, 18): _session("disaster recovery", "09:15", "10:00", "11:45", "12:40"),
    date(2024, 11, 1): _session("Muhurat", "18:00", "19:00"),
    date(2025, 2, 1): _session("Union budget", "09:15", "15:30"),
    date(2025, 10, 21): _session("Muhurat", "13:45", "14:45"),
    date(2026, 2, 1): _session("Union budget", "09:15", "15:30"),
}
"""
Sessions at other hours or on other days than the ordinary ones.

Source: NSE circulars as reported by the press and by brokers; docs/decisions/exchange-calendar.md lists them.
"""


def session_of(day: date, market: Market = "nse") -> Session:
    """Return the hours of a day; of a day without a session, those that it would have had."""
    if market == "24h":
        return AROUND_THE_CLOCK
    return SPECIAL_SESSIONS.get(day, ORDINARY)


def close_seconds(day: date, market: Market = "nse") -> int:
    """Return the seconds from midnight, exchange time, at which the session of a day closes."""
    return session_of(day, market).close_seconds


def kind_of(day: date, market: Market = "nse") -> DayKind:
    """Say what a day is to the exchange."""
    if market == "24h":
        return "session"
    if day in SPECIAL_SESSIONS:
        return "special session"
    if day.weekday() >= _SATURDAY:
        return "weekend"
    holidays = _holidays()
    if not holidays.first <= day <= holidays.last:
        return "unknown"
    return "holiday" if day in holidays.days else "session"


def is_trading_day(day: date, market: Market = "nse") -> bool:
    """Return whether a day has a session; a weekday beyond the calendar's years counts as one."""
    return kind_of(day, market) in ("session", "special session", "unknown")


def trading_days(start: date, end: date, market: Market = "nse") -> tuple[date, ...]:
    """Return the days with a session from ``start`` to ``end``, both included."""
    return tuple(day for day in _days(start, end) if is_trading_day(day, market))


def missing_days(dates: Collection[date], *, start: date, end: date, market: Market = "nse") -> tuple[MissingDay, ...]:
    """
    Say which days of a range the data do not have, and why.

    Args:
        dates: The days of the data.
        start: First day of the range.
        end: Last day, included.
        market: Whose days are meant.
    """
    present = frozenset(dates)
    return tuple(MissingDay(day, _REASONS[kind_of(day, market)]) for day in _days(start, end) if day not in present)


def _days(start: date, end: date) -> Iterator[date]:
    day = start
    while day <= end:
        yield day
        day += _DAY


@dataclass(frozen=True, slots=True)
class _Holidays:
    """The holidays that the package knows, and the years of which it knows them."""

    first: date
    last: date
    days: frozenset[date]


@lru_cache(maxsize=1)
def _holidays() -> _Holidays:
    # The package publishes no types.
    from exchange_calendars.exchange_calendar_xbom import XBOMExchangeCalendar  # type: ignore[import-untyped]

    # Its list of holidays alone: a whole calendar adds hours, which are SPECIAL_SESSIONS here.
    days = frozenset(holiday.date() for holiday in XBOMExchangeCalendar.precomputed_holidays())
    return _Holidays(date(min(days).year, 1, 1), date(max(days).year, 12, 31), days)
