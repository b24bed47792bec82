"""What a table of ticks shows when it is looked at as a whole: its days, its gaps, the days that repeat another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np

from strategies.engine import symbols
from strategies.engine.ticks import DayColumns, IntColumn
from strategies.market_data import calendar, exchange_time
from strategies.market_data.importers.import_report import DayReport, Gap
from strategies.market_data.tick_table import TickTable

# Fewer ticks than these may well be alike by chance.
_FEWEST_TICKS_TO_COMPARE = 60


def day_reports(table: TickTable) -> tuple[DayReport, ...]:
    """Describe the days of a table."""
    first_of: dict[str, date] = {}
    reports = []
    for day in table.days():
        shape = _shape(day)
        is_comparable = len(day.ltp) >= _FEWEST_TICKS_TO_COMPARE
        reports.append(
            DayReport(
                day=day.day,
                kind=calendar.kind_of(day.day, table.market),
                ticks=len(day.ltp),
                seconds=len(day.seconds),
                first=_clock(int(day.seconds[0])),
                last=_clock(int(day.seconds[-1])),
                repeats=first_of.get(shape) if is_comparable else None,
            )
        )
        first_of.setdefault(shape, day.day)
    return tuple(reports)


def gaps(table: TickTable, *, gap_seconds: int) -> tuple[Gap, ...]:
    """Find the silences of the underlyings within the sessions, or of the feed where it has no underlying."""
    return tuple(gap for day in table.days() for gap in _gaps_of(day, table.market, gap_seconds))


def _shape(day: DayColumns) -> str:
    """Hash what a day repeats if it was copied under another date."""
    digest = hashlib.sha256("\n".join(day.symbols).encode())
    for column in (exchange_time.seconds_of_day(day.seconds), day.starts, day.codes, day.ltp, day.volume):
        digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()


def _gaps_of(day: DayColumns, market: calendar.Market, gap_seconds: int) -> Iterator[Gap]:
    second_of_tick = np.repeat(exchange_time.seconds_of_day(day.seconds), np.diff(day.starts))
    underlyings = [
        code for code, name in enumerate(day.symbols) if isinstance(symbols.parse_symbol(name), symbols.Underlying)
    ]
    if not underlyings:
        yield from _silences(day.day, "", exchange_time.seconds_of_day(day.seconds), market, gap_seconds)
    for code in underlyings:
        yield from _silences(day.day, day.symbols[code], second_of_tick[day.codes == code], market, gap_seconds)


def _silences(day: date, symbol: str, seconds: IntColumn, market: calendar.Market, gap_seconds: int) -> Iterator[Gap]:
    has_session = calendar.is_trading_day(day, market) and market != "24h"
    for begin, end in calendar.session_of(day, market).parts:
        inside = seconds[(seconds >= begin) & (seconds <= end)]
        # The ends of a session are known only of a day that has one.
        edges: Sequence[int] = (begin, *inside.tolist(), end) if has_session else inside.tolist()
        moments = np.asarray(edges, dtype=np.int64)
        for place in np.flatnonzero(np.diff(moments) > gap_seconds).tolist():
            before, after = int(moments[place]), int(moments[place + 1])
            yield Gap(day=day, symbol=symbol, begin=_time(before), end=_time(after), seconds=after - before)


def _clock(epoch: int) -> str:
    return exchange_time.exchange_datetime(epoch).strftime("%H:%M:%S")


def _time(second_of_day: int) -> str:
    minutes, seconds = divmod(second_of_day, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"
