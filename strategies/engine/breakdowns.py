"""
The trades of a run by day, hour, weekday, type of exit and reason.

A trade belongs to the moment of its exit, when its profit became certain; one breakdown goes by the hour of entry.
The trades of each breakdown add up to the trades of the run. Times are the exchange's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from strategies.engine.trade_statistics import TradeOutcome, TradeTally, tally

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The trades that share a day, an hour, a weekday, a type of exit or a reason."""

    #: "2024-10-29", "09" for 09:00:00 to 09:59:59, "Tuesday", the type or the reason.
    key: str
    tally: TradeTally


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdowns:
    """Groups with at least one trade: in order of time, types and reasons in order of the alphabet."""

    by_day: tuple[Group, ...]
    by_hour: tuple[Group, ...]
    by_entry_hour: tuple[Group, ...]
    by_weekday: tuple[Group, ...]
    by_exit_type: tuple[Group, ...]
    by_exit_reason: tuple[Group, ...]


def of(outcomes: Sequence[TradeOutcome]) -> Breakdowns:
    """Group the trades of a run."""
    weekdays = _grouped(outcomes, lambda outcome: WEEKDAYS[outcome.trade.exit_time.weekday()])
    return Breakdowns(
        by_day=_grouped(outcomes, lambda outcome: outcome.trade.exit_time.date().isoformat()),
        by_hour=_grouped(outcomes, lambda outcome: f"{outcome.trade.exit_time:%H}"),
        by_entry_hour=_grouped(outcomes, lambda outcome: f"{outcome.trade.entry_time:%H}"),
        by_weekday=tuple(sorted(weekdays, key=lambda group: WEEKDAYS.index(group.key))),
        by_exit_type=_grouped(outcomes, lambda outcome: outcome.trade.exit_type),
        by_exit_reason=_grouped(outcomes, lambda outcome: outcome.trade.exit_reason),
    )


def _grouped(outcomes: Sequence[TradeOutcome], key_of: Callable[[TradeOutcome], str]) -> tuple[Group, ...]:
    groups: dict[str, list[TradeOutcome]] = {}
    for outcome in outcomes:
        groups.setdefault(key_of(outcome), []).append(outcome)
    return tuple(Group(key=key, tally=tally(groups[key])) for key in sorted(groups))
