"""
The days that a run passes over because the data have none of them.

A run takes the days that there are, one after the other. Whoever tells of it names the days in between that there are
not, so that a hole in the data is seen. Weekends are left out, unless the market has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from strategies.engine.ticks import MarketData
from strategies.market_data import calendar
from strategies.market_data.calendar import Market, MissingDay
from strategies.market_data.market_data_folder import MarketDataFolder
from strategies.market_data.tick_table import TickTable

MOST_DAYS_TOLD = 20
"""Of more skipped days than this, only so many are told one by one."""

_WORDS: dict[calendar.Reason, str] = {
    "no data": "no data, though the exchange was open",
    "holiday": "a holiday",
    "weekend": "a weekend",
    "unknown": "no data; whether the exchange was open is not known",
}


def skipped_days(
    market_data: MarketData, *, start: date | None = None, end: date | None = None
) -> tuple[MissingDay, ...]:
    """
    Say which days of a run its data do not have, and why; weekends are not told.

    Args:
        market_data: What the run is over. A folder of files is not read for it.
        start: First day of the run; None for the first of the data.
        end: Last day of the run, included; None for the last of the data.
    """
    first, last = start or market_data.first_date, end or market_data.last_date
    missing = calendar.missing_days(_dates(market_data), start=first, end=last, market=_market(market_data))
    return tuple(day for day in missing if day.reason != "weekend")


def as_document(days: Iterable[MissingDay]) -> list[dict[str, str]]:
    """Return the days as JSON: ``date`` and ``reason``."""
    return [{"date": day.day.isoformat(), "reason": day.reason} for day in days]


def sentences(days: Sequence[MissingDay]) -> list[str]:
    """Tell the days, each in a line; of many, the first ones and how many more there are."""
    lines = [f"Skipped {day.day}: {_WORDS[day.reason]}" for day in days[:MOST_DAYS_TOLD]]
    if len(days) > MOST_DAYS_TOLD:
        lines.append(f"Skipped {len(days) - MOST_DAYS_TOLD} more days, the last one {days[-1].day}")
    return lines


def _dates(market_data: MarketData) -> tuple[date, ...]:
    if isinstance(market_data, TickTable | MarketDataFolder):
        return market_data.dates
    return tuple(day.day for day in market_data.days())


def _market(market_data: MarketData) -> Market:
    return market_data.market if isinstance(market_data, TickTable | MarketDataFolder) else "nse"
