"""
Index contracts of NSE and BSE as dated tables: data, each row with its source.

Rows of one index stand in the order in which they took effect. Where a source is "general knowledge", no document was
at hand. Rows end with the last change known when they were written; a later change needs a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum
from types import MappingProxyType
from typing import Final, Literal

from strategies.engine.cost_rates import Exchange

Cycle = Literal["weekly", "monthly"]

TICK_SIZE: Final = Decimal("0.05")


class Weekday(IntEnum):
    """A day of the week, numbered as ``date.weekday()`` does."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexContract:
    """What does not change about the contracts of one index."""

    exchange: Exchange
    #: Points between strikes of near contracts; long-dated ones are spaced wider.
    strike_step: Decimal
    #: True: contracts of March, June, September and December are listed long before, as quarterly ones.
    is_quarterly_listed: bool
    #: Smallest price step, rupees.
    tick_size: Decimal = TICK_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class LotChange:
    """A lot size, and which contracts have it."""

    underlying: str
    #: Units.
    lot: int
    #: First weekly expiry with this lot; None where there are no weekly contracts.
    weekly_from: date | None
    #: First monthly expiry with this lot.
    monthly_from: date
    #: First trade date on which long-dated contracts that expire later than that have this lot.
    long_dated_on: date
    #: True: weekly and monthly contracts already listed turned on that day too. False: they kept their lot.
    is_for_listed: bool = False
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryRule:
    """On which weekday contracts expire, from one expiry on."""

    underlying: str
    cycle: Cycle
    #: None: no such contracts are listed any more.
    weekday: Weekday | None
    #: First scheduled expiry under this rule, or a day between the last of the old and the first of the new.
    since: date
    source: str


#: NSE's and BSE's contract specifications; strike steps of near expiries.
INDEX_CONTRACTS: Final[Mapping[str, IndexContract]] = MappingProxyType(
    {
        "NIFTY": IndexContract(exchange="NSE", strike_step=Decimal(50), is_quarterly_listed=True),
        "BANKNIFTY": IndexContract(exchange="NSE", strike_step=Decimal(100), is_quarterly_listed=True),
        "FINNIFTY": IndexContract(exchange="NSE", strike_step=Decimal(50), is_quarterly_listed=False),
        "MIDCPNIFTY": IndexContract(exchange="NSE", strike_step=Decimal(25), is_quarterly_listed=False),
        "SENSEX": IndexContract(exchange="BSE", strike_step=Decimal(100), is_quarterly_listed=True),
        "BANKEX": IndexContract(exchange="BSE", strike_step=Decimal(100), is_quarterly_listed=False),
    }
)


def _lot(
    underlying: str,
    lot: int,
    *,
    weekly: str | None = None,
    monthly: str,
    long_dated_on: str,
    is_for_listed: bool = False,
    source: str,
) -> LotChange:
    return LotChange(
        underlying=underlying,
        lot=lot,
        weekly_from=date.fromisoformat(weekly) if weekly else None,
        monthly_from=date.fromisoformat(monthly),
        long_dated_on=date.fromisoformat(long_dated_on),
        is_for_listed=is_for_listed,
        source=source,
    )


def _expiry(underlying: str, cycle: Cycle, weekday: Weekday | None, since: str, source: str) -> ExpiryRule:
    return ExpiryRule(
        underlying=underlying, cycle=cycle, weekday=weekday, since=date.fromisoformat(since), source=source
    )


_LOTS_2021 = "NSE/FAOP/47854 of 2021-03-31"
_LOTS_2023 = "NSE circular of 2023-03-31 (Mint, 2023-04-01)"
_LOTS_2024 = "NSE circular of 2024-04-02 (Zerodha bulletin 375282)"
_LOTS_NOV_2024 = "NSE circular of 2024-10-18 (Business Standard; table at Angel One)"
_LOTS_NOV_2024_RULE = "the same: listed contracts keep their lot; new ones from 2024-11-20"
_BSE_LOTS_NOV_2024 = "BSE circular of October 2024 (table at Angel One)"
_LOTS_APR_2025 = "NSE circular of 2025-03-28 (NDTV Profit; Fyers notice)"
_LOTS_OCT_2025 = "NSE/FAOP/70616 of 2025-10-03"
_BSE_2023 = "BSE relaunch of 2023-05-15 (Mint, 2023-03-28)"

LOT_CHANGES: Final[tuple[LotChange, ...]] = (
    _lot("NIFTY", 75, weekly="2021-01-01", monthly="2021-01-01", long_dated_on="2021-01-01", source=_LOTS_2021),
    _lot("NIFTY", 50, weekly="2021-08-05", monthly="2021-07-29", long_dated_on="2021-06-25", source=_LOTS_2021),
    _lot(
        "NIFTY",
        25,
        weekly="2024-05-02",
        monthly="2024-05-30",
        long_dated_on="2024-04-26",
        is_for_listed=True,
        source=_LOTS_2024,
    ),
    _lot("NIFTY", 75, weekly="2025-01-02", monthly="2025-02-27", long_dated_on="2024-12-27", source=_LOTS_NOV_2024),
    _lot("NIFTY", 65, weekly="2026-01-06", monthly="2026-01-27", long_dated_on="2025-12-31", source=_LOTS_OCT_2025),
    _lot("BANKNIFTY", 25, weekly="2021-01-01", monthly="2021-01-01", long_dated_on="2021-01-01", source=_LOTS_2021),
    _lot("BANKNIFTY", 15, weekly="2023-08-03", monthly="2023-07-27", long_dated_on="2023-06-30", source=_LOTS_2023),
    _lot("BANKNIFTY", 30, monthly="2025-02-26", long_dated_on="2024-12-26", source=_LOTS_NOV_2024),
    _lot("BANKNIFTY", 35, monthly="2025-07-31", long_dated_on="2025-04-25", source=_LOTS_APR_2025),
    _lot("BANKNIFTY", 30, monthly="2026-01-27", long_dated_on="2025-12-31", source=_LOTS_OCT_2025),
    _lot("FINNIFTY", 40, weekly="2022-01-01", monthly="2022-01-01", long_dated_on="2022-01-01", source=_LOTS_2021),
    _lot("FINNIFTY", 25, weekly="2024-08-06", monthly="2024-07-30", long_dated_on="2024-04-26", source=_LOTS_2024),
    _lot("FINNIFTY", 65, monthly="2025-02-25", long_dated_on="2024-11-20", source=_LOTS_NOV_2024_RULE),
    _lot("FINNIFTY", 60, monthly="2026-01-27", long_dated_on="2025-12-31", source=_LOTS_OCT_2025),
    _lot("MIDCPNIFTY", 75, weekly="2023-08-21", monthly="2023-08-21", long_dated_on="2023-08-21", source=_LOTS_2023),
    _lot("MIDCPNIFTY", 50, weekly="2024-08-05", monthly="2024-07-29", long_dated_on="2024-04-26", source=_LOTS_2024),
    _lot("MIDCPNIFTY", 120, monthly="2025-02-24", long_dated_on="2024-11-20", source=_LOTS_NOV_2024_RULE),
    _lot("MIDCPNIFTY", 140, monthly="2025-07-31", long_dated_on="2025-04-25", source=_LOTS_APR_2025),
    _lot("MIDCPNIFTY", 120, monthly="2026-01-27", long_dated_on="2025-12-31", source=_LOTS_OCT_2025),
    _lot("SENSEX", 10, weekly="2023-05-15", monthly="2023-05-15", long_dated_on="2023-05-15", source=_BSE_2023),
    _lot(
        "SENSEX", 20, weekly="2025-01-04", monthly="2025-02-25", long_dated_on="2024-12-28", source=_BSE_LOTS_NOV_2024
    ),
    _lot("BANKEX", 15, weekly="2023-05-15", monthly="2023-05-15", long_dated_on="2023-05-15", source=_BSE_2023),
    _lot("BANKEX", 30, monthly="2025-02-25", long_dated_on="2024-11-20", source=_BSE_LOTS_NOV_2024),
)

_NSE_TUESDAY = "NSE circulars of 2025-06-17 and 2025-06-23 (Business Today, ICICI Direct)"
_NSE_THURSDAY = "NSE circular of 2024-11-29 (Business Standard)"
_NSE_WEEKLY_END = "NSE circular of 2024-10-10 (Business Standard)"
_NSE_2023 = "NSE circular of 2023-07-12 (Moneycontrol)"
_BSE_TUESDAY = "BSE circular of 2024-11-28 (Business Standard; LatestLY: 2025-01-03 stays)"
_BSE_THURSDAY = "SEBI and BSE of 2025-06-17 (Business Standard, ICICI Direct)"
_BANKEX_MONDAY = "BSE circular of 2023-08-30 (Mint)"
_BANKEX_WEEKLY_END = "BSE of 2024-10-03 (HDFC Securities)"

EXPIRY_RULES: Final[tuple[ExpiryRule, ...]] = (
    _expiry("NIFTY", "weekly", Weekday.THURSDAY, "2019-02-11", "weekly options begin: general knowledge"),
    _expiry("NIFTY", "weekly", Weekday.TUESDAY, "2025-09-01", _NSE_TUESDAY),
    _expiry("NIFTY", "monthly", Weekday.THURSDAY, "2000-06-12", "index futures begin: general knowledge"),
    _expiry("NIFTY", "monthly", Weekday.TUESDAY, "2025-09-01", _NSE_TUESDAY),
    _expiry("BANKNIFTY", "weekly", Weekday.THURSDAY, "2016-05-27", "weekly options begin: general knowledge"),
    _expiry("BANKNIFTY", "weekly", Weekday.WEDNESDAY, "2023-09-04", _NSE_2023),
    _expiry("BANKNIFTY", "weekly", None, "2024-11-14", _NSE_WEEKLY_END),
    _expiry("BANKNIFTY", "monthly", Weekday.THURSDAY, "2005-06-13", "futures begin: general knowledge"),
    _expiry("BANKNIFTY", "monthly", Weekday.WEDNESDAY, "2024-03-01", "NSE circular of 2023-12-28 (Mint)"),
    _expiry("BANKNIFTY", "monthly", Weekday.THURSDAY, "2025-01-01", _NSE_THURSDAY),
    _expiry("BANKNIFTY", "monthly", Weekday.TUESDAY, "2025-09-01", _NSE_TUESDAY),
    _expiry("FINNIFTY", "weekly", Weekday.TUESDAY, "2022-01-01", "NSE change of October 2021: general knowledge"),
    _expiry("FINNIFTY", "weekly", None, "2024-11-20", _NSE_WEEKLY_END),
    _expiry("FINNIFTY", "monthly", Weekday.TUESDAY, "2022-01-01", "NSE change of October 2021: general knowledge"),
    _expiry("FINNIFTY", "monthly", Weekday.THURSDAY, "2025-01-01", _NSE_THURSDAY),
    _expiry("FINNIFTY", "monthly", Weekday.TUESDAY, "2025-09-01", _NSE_TUESDAY),
    _expiry("MIDCPNIFTY", "weekly", Weekday.MONDAY, "2023-08-21", _NSE_2023),
    _expiry("MIDCPNIFTY", "weekly", None, "2024-11-19", _NSE_WEEKLY_END),
    _expiry("MIDCPNIFTY", "monthly", Weekday.MONDAY, "2023-08-21", _NSE_2023),
    _expiry("MIDCPNIFTY", "monthly", Weekday.THURSDAY, "2025-01-01", _NSE_THURSDAY),
    _expiry("MIDCPNIFTY", "monthly", Weekday.TUESDAY, "2025-09-01", _NSE_TUESDAY),
    _expiry("SENSEX", "weekly", Weekday.FRIDAY, "2023-05-15", _BSE_2023),
    _expiry("SENSEX", "weekly", Weekday.TUESDAY, "2025-01-04", _BSE_TUESDAY),
    _expiry("SENSEX", "weekly", Weekday.THURSDAY, "2025-09-01", _BSE_THURSDAY),
    _expiry("SENSEX", "monthly", Weekday.FRIDAY, "2023-05-15", _BSE_2023),
    _expiry("SENSEX", "monthly", Weekday.TUESDAY, "2025-01-01", _BSE_TUESDAY),
    _expiry("SENSEX", "monthly", Weekday.THURSDAY, "2025-09-01", _BSE_THURSDAY),
    _expiry("BANKEX", "weekly", Weekday.FRIDAY, "2023-05-15", _BSE_2023),
    _expiry("BANKEX", "weekly", Weekday.MONDAY, "2023-10-16", _BANKEX_MONDAY),
    _expiry("BANKEX", "weekly", None, "2024-11-19", _BANKEX_WEEKLY_END),
    _expiry("BANKEX", "monthly", Weekday.FRIDAY, "2023-05-15", _BSE_2023),
    _expiry("BANKEX", "monthly", Weekday.MONDAY, "2023-10-16", _BANKEX_MONDAY),
    _expiry("BANKEX", "monthly", Weekday.TUESDAY, "2025-01-01", _BSE_TUESDAY),
    _expiry("BANKEX", "monthly", Weekday.THURSDAY, "2025-09-01", _BSE_THURSDAY),
)
