"""
What trading costs: a cost model turns fills into costs by component.

Three models: ``indian_fno`` (Indian futures and options by trade date), ``percent_and_fixed`` and ``no_costs``. A model
gives the exact, unrounded costs of each fill and says how a day's sum is rounded; ``strategies.engine.contract_notes``
adds the day up, rounds it once and splits it back onto fills and trades. A model knows nothing of positions, P&L or
sessions, and never rounds one fill by itself: a hundred fills rounded one by one give another sum.

Costs are >= 0; what is earned is ``gross - costs``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import ClassVar, Protocol

from strategies.engine.cost_rates import INDIAN_RATES, Exchange, InstrumentKind, RateTable
from strategies.engine.money import TWO_PLACES, ZERO
from strategies.engine.strategy import Side

RUPEE = Decimal(1)
PAISA = TWO_PLACES


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution, or the part of one that belongs to one trade."""

    #: Fills with this id on one day, of one kind and side, are one order: it pays brokerage once.
    order_id: str
    #: Exchange date.
    trade_date: date
    kind: InstrumentKind
    side: Side
    #: Units (not lots), > 0.
    quantity: int
    #: Rupees per unit, >= 0: the premium of an option, the intrinsic value of an exercised one.
    price: Decimal

    @property
    def turnover(self) -> Decimal:
        """Return what is charged by value, rupees."""
        return self.price * self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Costs by component, rupees, each >= 0."""

    brokerage: Decimal = ZERO
    #: Securities transaction tax.
    stt: Decimal = ZERO
    #: The exchange's transaction charge.
    exchange: Decimal = ZERO
    #: NSE's Investor Protection Fund Trust.
    ipft: Decimal = ZERO
    #: The regulator's turnover fee.
    sebi: Decimal = ZERO
    stamp_duty: Decimal = ZERO
    #: Goods and services tax.
    gst: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Return all components together."""
        return self.brokerage + self.stt + self.exchange + self.ipft + self.sebi + self.stamp_duty + self.gst

    def __add__(self, other: Costs) -> Costs:
        return Costs(**{name: getattr(self, name) + getattr(other, name) for name in COMPONENTS})


#: The names of the components, in the order of a contract note.
COMPONENTS: tuple[str, ...] = tuple(field.name for field in fields(Costs))
NOTHING = Costs()


def total_costs(costs: Sequence[Costs]) -> Costs:
    """Add costs component by component."""
    return Costs(**{name: sum((getattr(item, name) for item in costs), ZERO) for name in COMPONENTS})


class CostModel(Protocol):
    """How fills become costs. A model is a value: two of equal configuration are equal."""

    #: ``indian_fno``, ``percent`` or ``none``.
    name: ClassVar[str]

    def fill_costs(self, fills: Sequence[Fill]) -> tuple[Costs, ...]:
        """
        Return the unrounded costs of each fill, in the order of the fills.

        Args:
            fills: Whole days: what an order pays once is shared by its fills, so none of them may be missing.

        Raises:
            CostDateUnknown: If rates of a trade date are not known.
        """
        ...

    def round_day(self, unrounded: Costs) -> Costs:
        """Round the sum of one session-day."""
        ...

    def configuration(self) -> dict[str, object]:
        """Return the JSON-ready mapping that ``strategies.engine.cost_config`` reads back into an equal model."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FnoProfile:
    """The broker and exchange of ``indian_fno``."""

    exchange: Exchange = "NSE"
    #: Rupees per executed order. Options pay it flat; futures and intraday equity pay it or 0.03 % of the order's
    #: turnover, whichever is less; delivery and exercise pay nothing.
    brokerage_per_order: Decimal = Decimal(20)
    #: False leaves IPFT out of what GST is charged on, as Upstox does.
    is_gst_on_ipft: bool = True
    #: STT of a day is rounded to this, halves up. A multiple of a paisa.
    stt_unit: Decimal = RUPEE


#: Rs 20 an order, as most discount brokers bill.
FLAT_20 = FnoProfile()

#: Brokerage of futures and intraday equity, fraction of the order's turnover.
_CAPPED_RATE = Decimal("0.0003")
_CAPPED_KINDS = frozenset({"future", "equity_intraday"})
_FREE_KINDS = frozenset({"equity_delivery", "exercised_option"})


@dataclass(frozen=True, slots=True, kw_only=True)
class IndianFno:
    """Indian futures and options by trade date; the rates are ``strategies.engine.cost_rates``."""

    name: ClassVar[str] = "indian_fno"
    profile: FnoProfile = FLAT_20
    rates: RateTable = INDIAN_RATES

    def fill_costs(self, fills: Sequence[Fill]) -> tuple[Costs, ...]:
        """Return the unrounded costs of each fill."""
        brokerage = _shares_of_orders(fills, self._brokerage)
        return tuple(self._costs(fill, share) for fill, share in zip(fills, brokerage, strict=True))

    def round_day(self, unrounded: Costs) -> Costs:
        """Round STT to the rupee and the rest to the paisa, halves up."""
        return _rounded(unrounded, stt_unit=self.profile.stt_unit)

    def configuration(self) -> dict[str, object]:
        """Return the JSON-ready mapping of this model."""
        return {
            "model": self.name,
            "exchange": self.profile.exchange,
            "brokerage_per_order": str(self.profile.brokerage_per_order),
            "gst_on_ipft": self.profile.is_gst_on_ipft,
        }

    def _brokerage(self, kind: InstrumentKind, turnover: Decimal) -> Decimal:
        if kind in _FREE_KINDS:
            return ZERO
        if kind in _CAPPED_KINDS:
            return min(self.profile.brokerage_per_order, turnover * _CAPPED_RATE)
        return self.profile.brokerage_per_order

    def _costs(self, fill: Fill, brokerage: Decimal) -> Costs:
        rates = self.rates.on(self.profile.exchange, fill.kind, fill.trade_date)
        side = rates.of(fill.side)
        exchange, ipft, sebi = (fill.turnover * rate for rate in (side.exchange, side.ipft, side.sebi))
        taxed = brokerage + exchange + sebi + (ipft if self.profile.is_gst_on_ipft else ZERO)
        return Costs(
            brokerage=brokerage,
            stt=fill.turnover * side.stt,
            exchange=exchange,
            ipft=ipft,
            sebi=sebi,
            stamp_duty=fill.turnover * side.stamp_duty,
            gst=taxed * rates.gst,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentAndFixed:
    """A percentage of each side's turnover and a fixed amount per order, all of it brokerage."""

    name: ClassVar[str] = "percent"
    #: 0.05 means 0.05 % of turnover.
    percent_per_side: Decimal
    #: Quote currency.
    fixed_per_order: Decimal

    def fill_costs(self, fills: Sequence[Fill]) -> tuple[Costs, ...]:
        """Return the unrounded costs of each fill."""
        fixed = _shares_of_orders(fills, lambda kind, turnover: self.fixed_per_order)
        return tuple(
            Costs(brokerage=share + fill.turnover * self.percent_per_side / 100)
            for fill, share in zip(fills, fixed, strict=True)
        )

    def round_day(self, unrounded: Costs) -> Costs:
        """Round to two places, halves up."""
        return _rounded(unrounded, stt_unit=PAISA)

    def configuration(self) -> dict[str, object]:
        """Return the JSON-ready mapping of this model."""
        return {"model": self.name, "percent": str(self.percent_per_side), "fixed": str(self.fixed_per_order)}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCosts:
    """Trading is free: net is gross."""

    name: ClassVar[str] = "none"

    def fill_costs(self, fills: Sequence[Fill]) -> tuple[Costs, ...]:
        """Return nothing for each fill."""
        return (NOTHING,) * len(fills)

    def round_day(self, unrounded: Costs) -> Costs:
        """Return the costs as they are."""
        return unrounded

    def configuration(self) -> dict[str, object]:
        """Return the JSON-ready mapping of this model."""
        return {"model": self.name}


def indian_fno(profile: FnoProfile = FLAT_20, *, rates: RateTable = INDIAN_RATES) -> IndianFno:
    """
    Charge what Indian exchanges, brokers and taxes charge, by trade date.

    Args:
        profile: Broker and exchange.
        rates: Another table of rates, for what-ifs and for other people's examples.
    """
    return IndianFno(profile=profile, rates=rates)


def percent_and_fixed(percent_per_side: Decimal, fixed_per_order: Decimal) -> PercentAndFixed:
    """
    Charge a percentage of turnover and a fixed amount per order.

    Args:
        percent_per_side: 0.05 means 0.05 % of each side's turnover; >= 0.
        fixed_per_order: Quote currency, >= 0.
    """
    return PercentAndFixed(percent_per_side=percent_per_side, fixed_per_order=fixed_per_order)


def no_costs() -> NoCosts:
    """Charge nothing."""
    return NoCosts()


def _shares_of_orders(
    fills: Sequence[Fill], charge: Callable[[InstrumentKind, Decimal], Decimal]
) -> tuple[Decimal, ...]:
    """
    Charge each order once and share that among its fills by quantity.

    Each fill takes the difference of two running sums, so the shares add up to the charge exactly, whatever the
    division leaves over.
    """
    orders = [(fill.trade_date, fill.order_id, fill.kind, fill.side) for fill in fills]
    turnovers: dict[tuple[date, str, str, str], Decimal] = {}
    quantities: dict[tuple[date, str, str, str], int] = {}
    for order, fill in zip(orders, fills, strict=True):
        turnovers[order] = turnovers.get(order, ZERO) + fill.turnover
        quantities[order] = quantities.get(order, 0) + fill.quantity
    done: dict[tuple[date, str, str, str], int] = {}
    shares = []
    for order, fill in zip(orders, fills, strict=True):
        whole = charge(fill.kind, turnovers[order])
        before = done.get(order, 0)
        done[order] = before + fill.quantity
        shares.append(whole * done[order] / quantities[order] - whole * before / quantities[order])
    return tuple(shares)


def _rounded(costs: Costs, *, stt_unit: Decimal) -> Costs:
    return Costs(
        **{
            name: _to_unit(getattr(costs, name), stt_unit if name == "stt" else PAISA).quantize(PAISA)
            for name in COMPONENTS
        }
    )


def _to_unit(amount: Decimal, unit: Decimal) -> Decimal:
    return (amount / unit).quantize(Decimal(1), ROUND_HALF_UP) * unit
