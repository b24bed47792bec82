"""
What the exchange says about index contracts: lot size and expiry weekday by date, tick size, strike step.

The answers come from ``strategies.engine.contract_tables``. A *scheduled* expiry is the weekday of the rule; where that
day is a holiday the contract expires on the trading day before, which an exchange calendar or the data must say.

Exchanges change a lot contract by contract: a weekly or monthly contract mostly keeps the lot it was listed with, while
long-dated ones (quarterly and half-yearly) turn to the new lot on one named day. So a lot depends on the expiry and,
for some contracts, on the trade date.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from strategies.engine.contract_tables import (
    EXPIRY_RULES,
    INDEX_CONTRACTS,
    LOT_CHANGES,
    Cycle,
    IndexContract,
    LotChange,
    Weekday,
)
from strategies.engine.cost_rates import Exchange
from strategies.engine.errors import EngineError

_LotCycle = Literal["weekly", "monthly", "long_dated"]

# A far-month contract is listed for at most thirteen weeks and a holiday or two.
_LONGEST_MONTHLY = timedelta(days=95)
_QUARTER_MONTHS = frozenset({3, 6, 9, 12})


class ContractFactUnknown(EngineError):
    """The tables do not answer for this underlying or this date."""

    def __init__(self, underlying: str, message: str) -> None:
        self.underlying = underlying
        super().__init__(f"{underlying}: {message}")


def lot_size(underlying: str, *, expiry: date, trade_date: date) -> int:
    """
    Return the lot of a contract on a trade date, units.

    Args:
        underlying: Symbol of the index, such as ``NIFTY``.
        expiry: The contract's expiry, moved by holidays or not.
        trade_date: Exchange date, at the latest the expiry.

    Raises:
        ContractFactUnknown: If the index is not in the table, the table begins later, or the contract has expired.
    """
    _contract(underlying)
    if trade_date > expiry:
        raise ContractFactUnknown(
            underlying, f"the contract of {expiry.isoformat()} has expired before {trade_date.isoformat()}"
        )
    cycle = _lot_cycle(underlying, expiry=expiry, trade_date=trade_date)
    if cycle == "weekly" and expiry_weekday(underlying, expiry) is None:
        raise ContractFactUnknown(underlying, f"no weekly contract expires on {expiry.isoformat()}")
    changes = [change for change in LOT_CHANGES if change.underlying == underlying]
    for change in reversed(changes):
        if _applies(change, cycle, expiry=expiry, trade_date=trade_date):
            return change.lot
    first = changes[0].monthly_from
    raise ContractFactUnknown(
        underlying,
        f"the lot of the contract of {expiry.isoformat()} is not known; the table begins {first.isoformat()}",
    )


def expiry_weekday(underlying: str, on: date, cycle: Cycle = "weekly") -> Weekday | None:
    """
    Return the weekday on which contracts expire.

    Args:
        underlying: Symbol of the index, such as ``NIFTY``.
        on: A day of the week, or month, whose expiry is asked for: the rule of that day.
        cycle: Weekly or monthly contracts; monthly ones expire on the last such weekday of the month.

    Returns:
        The scheduled weekday; None where the index has no weekly contracts.

    Raises:
        ContractFactUnknown: If the index is not in the table, or the table begins later.
    """
    _contract(underlying)
    rules = [rule for rule in EXPIRY_RULES if (rule.underlying, rule.cycle) == (underlying, cycle)]
    for rule in reversed(rules):
        if rule.since <= on:
            return rule.weekday
    first = rules[0].since.isoformat()
    raise ContractFactUnknown(
        underlying, f"the {cycle} expiry day of {on.isoformat()} is not known; the table begins {first}"
    )


def tick_size(underlying: str) -> Decimal:
    """Return the smallest price step of futures and options on an index, rupees."""
    return _contract(underlying).tick_size


def strike_step(underlying: str) -> Decimal:
    """Return the points between strikes of near options on an index."""
    return _contract(underlying).strike_step


def exchange_of(underlying: str) -> Exchange:
    """Return the exchange that lists the contracts of an index."""
    return _contract(underlying).exchange


def _contract(underlying: str) -> IndexContract:
    if (contract := INDEX_CONTRACTS.get(underlying)) is None:
        known = ", ".join(INDEX_CONTRACTS)
        raise ContractFactUnknown(underlying, f"no contract facts are known for it; known: {known}")
    return contract


def _lot_cycle(underlying: str, *, expiry: date, trade_date: date) -> _LotCycle:
    if expiry - trade_date > _LONGEST_MONTHLY:
        return "long_dated"
    scheduled = _scheduled_monthly_day(underlying, expiry=expiry, trade_date=trade_date)
    if (scheduled + timedelta(days=7)).month == scheduled.month:
        return "weekly"
    is_quarterly = INDEX_CONTRACTS[underlying].is_quarterly_listed and scheduled.month in _QUARTER_MONTHS
    return "long_dated" if is_quarterly else "monthly"


def _scheduled_monthly_day(underlying: str, *, expiry: date, trade_date: date) -> date:
    """Return the weekday of monthly contracts that an expiry stands for: itself, or the next, from a holiday."""
    listed_for = expiry_weekday(underlying, trade_date, "monthly")
    # A contract listed before the weekday changed carries the old one until the exchange moves it.
    weekday = listed_for if expiry.weekday() == listed_for else expiry_weekday(underlying, expiry, "monthly")
    return expiry if weekday is None else expiry + timedelta(days=(weekday - expiry.weekday()) % 7)


def _applies(change: LotChange, cycle: _LotCycle, *, expiry: date, trade_date: date) -> bool:
    if cycle == "long_dated":
        return expiry >= change.monthly_from and trade_date >= change.long_dated_on
    first = change.weekly_from if cycle == "weekly" else change.monthly_from
    if first is None or expiry < first:
        return False
    return trade_date >= change.long_dated_on or not change.is_for_listed
