"""
The rates of Indian exchanges and taxes by trade date: data, each row with its source.

A row holds from its date until a later row of the same component, exchange and kind replaces it. A component without
any row is not charged; a component whose rows begin later than the trade date is *unknown*, and asking is an error, not
a zero. The last row has no end: a change that this table does not know is not foreseen.

Before 2024-10-01 the exchanges billed members by slabs of monthly turnover. The table has the first and dearest slab,
which is what brokers passed on to their clients.

Rates are fractions of turnover: premium × quantity for options, price × quantity otherwise. The table does not know
brokerage, which is the broker's; see ``strategies.engine.costs``.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, get_args

from strategies.engine.errors import EngineError
from strategies.engine.strategy import Side

Exchange = Literal["NSE", "BSE"]
#: ``option`` is a bought or sold option; ``exercised_option`` one that its holder lets settle in the money.
InstrumentKind = Literal["option", "future", "equity_intraday", "equity_delivery", "exercised_option"]
RateComponent = Literal["stt", "exchange", "ipft", "sebi", "stamp_duty", "gst"]

EXCHANGES: tuple[Exchange, ...] = get_args(Exchange)
KINDS: tuple[InstrumentKind, ...] = get_args(InstrumentKind)


class CostDateUnknown(EngineError):
    """The rate table begins after the trade date."""

    def __init__(self, *, exchange: Exchange, kind: InstrumentKind, trade_date: date, first_date: date) -> None:
        self.exchange = exchange
        self.kind = kind
        self.trade_date = trade_date
        self.first_date = first_date
        super().__init__(
            f"the costs of {_WORDS[kind]} on {exchange} are not known for {trade_date.isoformat()}: the table begins "
            f'on {first_date.isoformat()}; choose a later day, or the cost model "percent" or "none"'
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRow:
    """One rate from one day on."""

    component: RateComponent
    kinds: tuple[InstrumentKind, ...]
    #: None: on both exchanges.
    exchange: Exchange | None
    #: First trade date, included.
    since: date
    #: Fraction of turnover that the buyer pays; of the other charges for ``gst``.
    buy: Decimal
    #: The same for the seller.
    sell: Decimal
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRates:
    """What one side pays, as fractions of turnover."""

    stt: Decimal
    exchange: Decimal
    ipft: Decimal
    sebi: Decimal
    stamp_duty: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """All rates of one kind of instrument on one day."""

    buy: ChargeRates
    sell: ChargeRates
    #: Fraction of brokerage and charges.
    gst: Decimal

    def of(self, side: Side) -> ChargeRates:
        """Return the rates of one side."""
        return self.buy if side == "buy" else self.sell


class RateTable:
    """
    Rates by exchange, kind of instrument and trade date.

    Args:
        rows: In any order. Two rows for the same component, exchange, kind and day contradict each other.

    Raises:
        ValueError: If two rows contradict each other.
    """

    def __init__(self, rows: Iterable[RateRow]) -> None:
        self.rows = tuple(rows)
        self._periods = {
            (exchange, kind): _periods(self.rows, exchange, kind) for exchange in EXCHANGES for kind in KINDS
        }

    def first_date(self, exchange: Exchange, kind: InstrumentKind) -> date:
        """Return the first trade date on which every component is known."""
        return self._periods[exchange, kind][0][0]

    def on(self, exchange: Exchange, kind: InstrumentKind, trade_date: date) -> Rates:
        """
        Return the rates of a trade date.

        Raises:
            CostDateUnknown: If the table begins later.
        """
        starts, rates = self._periods[exchange, kind]
        place = bisect.bisect_right(starts, trade_date)
        if place == 0:
            raise CostDateUnknown(exchange=exchange, kind=kind, trade_date=trade_date, first_date=starts[0])
        return rates[place - 1]


def _periods(
    rows: Sequence[RateRow], exchange: Exchange, kind: InstrumentKind
) -> tuple[tuple[date, ...], tuple[Rates, ...]]:
    """Cut time where any component changes; return the starts, ascending, and the rates that hold from each."""
    histories: dict[RateComponent, dict[date, RateRow]] = {}
    for row in rows:
        if kind in row.kinds and row.exchange in (None, exchange):
            history = histories.setdefault(row.component, {})
            if row.since in history:
                raise ValueError(f"two rows for {row.component}, {kind} on {exchange} from {row.since.isoformat()}")
            history[row.since] = row
    if not histories:
        return (date.min,), (_rates({}),)
    first = max(min(history) for history in histories.values())
    starts = sorted({since for history in histories.values() for since in history if since > first} | {first})
    return tuple(starts), tuple(_rates(_in_force(histories, start)) for start in starts)


def _in_force(histories: dict[RateComponent, dict[date, RateRow]], on: date) -> dict[RateComponent, RateRow]:
    return {
        component: history[max(since for since in history if since <= on)] for component, history in histories.items()
    }


def _rates(rows: dict[RateComponent, RateRow]) -> Rates:
    def charges(side: Side) -> ChargeRates:
        def rate(component: RateComponent) -> Decimal:
            row = rows.get(component)
            return Decimal(0) if row is None else row.buy if side == "buy" else row.sell

        return ChargeRates(
            stt=rate("stt"),
            exchange=rate("exchange"),
            ipft=rate("ipft"),
            sebi=rate("sebi"),
            stamp_duty=rate("stamp_duty"),
        )

    gst = rows.get("gst")
    return Rates(buy=charges("buy"), sell=charges("sell"), gst=gst.buy if gst else Decimal(0))


def _row(
    component: RateComponent,
    kinds: Sequence[InstrumentKind],
    since: str,
    *,
    buy: str = "0",
    sell: str = "0",
    both: str | None = None,
    exchange: Exchange | None = None,
    source: str,
) -> RateRow:
    """Write a row; ``buy``, ``sell`` and ``both`` are percent, as the sources print them."""
    return RateRow(
        component=component,
        kinds=tuple(kinds),
        exchange=exchange,
        since=date.fromisoformat(since),
        buy=Decimal(both or buy) / 100,
        sell=Decimal(both or sell) / 100,
        source=source,
    )


_WORDS: dict[InstrumentKind, str] = {
    "option": "options",
    "future": "futures",
    "equity_intraday": "equity bought and sold within a day",
    "equity_delivery": "equity taken into delivery",
    "exercised_option": "exercised options",
}

_OPTION: tuple[InstrumentKind, ...] = ("option",)
_FUTURE: tuple[InstrumentKind, ...] = ("future",)
_INTRADAY: tuple[InstrumentKind, ...] = ("equity_intraday",)
_DELIVERY: tuple[InstrumentKind, ...] = ("equity_delivery",)
_EQUITY = _INTRADAY + _DELIVERY
_EXERCISED: tuple[InstrumentKind, ...] = ("exercised_option",)
_TRADED = _OPTION + _FUTURE + _EQUITY

_FINANCE_2023 = "Finance Act 2023; NSE/FATAX/56235"
_FINANCE_2024 = "Finance (No. 2) Act 2024; NSE/FATAX/63809"
_FINANCE_2026 = "Finance Act 2026; NSE/FATAX/73524"
_NSE_2021 = "NSE/FA/46730 of 2020-12-18, first slab"
_NSE_2023 = "NSE/FA/56129 of 2023-03-24, first slab"
_NSE_2024 = "NSE/FA/61137 of 2024-03-14, first slab"
_NSE_FLAT = "NSE/FA/64232 of 2024-09-27"
_NSE_2026 = "NSE/FA/73061 of 2026-02-27"
_STAMP = "Indian Stamp Act as amended by the Finance Act 2019, in force 2020-07-01"

#: What Indian exchanges, SEBI, the states and the union charge.
INDIAN_RATES = RateTable(
    (
        # Securities transaction tax. Options: on the premium, since 2008; exercised options: on the intrinsic value,
        # paid by the holder, whose closing side is a sale.
        _row("stt", _OPTION, "2016-06-01", sell="0.05", source="Finance Act 2016; NSE/FATAX/32385"),
        _row("stt", _OPTION, "2023-04-01", sell="0.0625", source=_FINANCE_2023),
        _row("stt", _OPTION, "2024-10-01", sell="0.1", source=_FINANCE_2024),
        _row("stt", _OPTION, "2026-04-01", sell="0.15", source=_FINANCE_2026),
        _row("stt", _EXERCISED, "2019-09-01", sell="0.125", source="Finance (No. 2) Act 2019: intrinsic value"),
        _row("stt", _EXERCISED, "2026-04-01", sell="0.15", source=_FINANCE_2026),
        _row("stt", _FUTURE, "2013-06-01", sell="0.01", source="Finance Act 2013"),
        _row("stt", _FUTURE, "2023-04-01", sell="0.0125", source=_FINANCE_2023),
        _row("stt", _FUTURE, "2024-10-01", sell="0.02", source=_FINANCE_2024),
        _row("stt", _FUTURE, "2026-04-01", sell="0.05", source=_FINANCE_2026),
        _row("stt", _INTRADAY, "2006-06-01", sell="0.025", source="Finance Act 2006"),
        _row("stt", _DELIVERY, "2012-07-01", both="0.1", source="Finance Act 2012; NSE/FATAX/20990"),
        # The exchange's transaction charge.
        _row("exchange", _OPTION, "2021-01-01", both="0.053", exchange="NSE", source=_NSE_2021),
        _row("exchange", _OPTION, "2023-04-01", both="0.05", exchange="NSE", source=_NSE_2023),
        _row("exchange", _OPTION, "2024-04-01", both="0.0495", exchange="NSE", source=_NSE_2024),
        _row("exchange", _OPTION, "2024-10-01", both="0.03503", exchange="NSE", source=_NSE_FLAT),
        _row("exchange", _OPTION, "2026-03-01", both="0.0355299", exchange="NSE", source=_NSE_2026),
        _row("exchange", _FUTURE, "2021-01-01", both="0.002", exchange="NSE", source=_NSE_2021),
        _row("exchange", _FUTURE, "2023-04-01", both="0.0019", exchange="NSE", source=_NSE_2023),
        _row("exchange", _FUTURE, "2024-04-01", both="0.00188", exchange="NSE", source=_NSE_2024),
        _row("exchange", _FUTURE, "2024-10-01", both="0.00173", exchange="NSE", source=_NSE_FLAT),
        _row("exchange", _FUTURE, "2026-03-01", both="0.0018299", exchange="NSE", source=_NSE_2026),
        _row("exchange", _EQUITY, "2021-01-01", both="0.00345", exchange="NSE", source=_NSE_2021),
        _row("exchange", _EQUITY, "2023-04-01", both="0.00325", exchange="NSE", source=_NSE_2023),
        _row("exchange", _EQUITY, "2024-04-01", both="0.00322", exchange="NSE", source=_NSE_2024),
        _row("exchange", _EQUITY, "2024-10-01", both="0.00297", exchange="NSE", source=_NSE_FLAT),
        _row("exchange", _EQUITY, "2026-03-01", both="0.0030699", exchange="NSE", source=_NSE_2026),
        # BSE options are those on Sensex and Bankex; before 2024-05-13 their charge differed by index and expiry.
        _row("exchange", _OPTION, "2024-05-13", both="0.0495", exchange="BSE", source="BSE 20240430-42, dearest slab"),
        _row("exchange", _OPTION, "2024-10-01", both="0.0325", exchange="BSE", source="BSE 20240927-37"),
        _row("exchange", _FUTURE, "2019-08-20", both="0", exchange="BSE", source="BSE 20190819-14: nil"),
        _row("exchange", _EQUITY, "2022-12-01", both="0.00375", exchange="BSE", source="BSE 20221109-7"),
        # NSE's Investor Protection Fund Trust; since 2026-03-01 nearly all of it is part of the transaction charge.
        _row("ipft", _TRADED, "2021-01-01", both="0.0000001", exchange="NSE", source="NSE/FA/46730: Rs 0.01 a crore"),
        _row("ipft", _OPTION, "2023-04-01", both="0.0005", exchange="NSE", source="NSE/FA/56129: Rs 50 a crore"),
        _row(
            "ipft", _FUTURE + _EQUITY, "2023-04-01", both="0.0001", exchange="NSE", source="NSE/FA/56129: Rs 10 a crore"
        ),
        _row("ipft", _TRADED, "2026-03-01", both="0.0000001", exchange="NSE", source="NSE/FA/73061: Rs 0.01 a crore"),
        # The regulator's turnover fee.
        _row("sebi", _TRADED, "2019-04-01", both="0.0001", source="SEBI (Payment of Fees) Regulations 2019: Rs 10"),
        _row("sebi", _TRADED, "2020-06-01", both="0.00005", source="SEBI of 2020-04-27: halved to 2021-03-31"),
        _row("sebi", _TRADED, "2021-04-01", both="0.0001", source="SEBI (Payment of Fees) Regulations 2019: Rs 10"),
        # Stamp duty, the same in every state since 2020-07-01.
        _row("stamp_duty", _OPTION + _INTRADAY, "2020-07-01", buy="0.003", source=_STAMP),
        _row("stamp_duty", _FUTURE, "2020-07-01", buy="0.002", source=_STAMP),
        _row("stamp_duty", _DELIVERY, "2020-07-01", buy="0.015", source=_STAMP),
        # Goods and services tax, on brokerage and on all charges that are not taxes.
        _row("gst", _TRADED, "2017-07-01", both="18", source="CGST Act 2017; brokers' charge pages"),
    )
)
