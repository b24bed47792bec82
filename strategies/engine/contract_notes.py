"""
Contract notes: the costs of a session-day added up, rounded once, and split back onto its fills and trades.

A broker writes one note a day. Each component is summed over the day and rounded once; what a single trade cost is then
a share of that, to the paisa. Shares are made so that they add up: components over fills give the note, fills give
their trades, and the nets of all trades give the session's gross less its notes, exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from strategies.engine.costs import COMPONENTS, NOTHING, PAISA, CostModel, Costs, Fill, total_costs
from strategies.engine.money import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractNote:
    """The costs of one session-day."""

    trade_date: date
    fills: tuple[Fill, ...]
    #: Each component summed, exact.
    unrounded: Costs
    #: Each component rounded once; its total is what the day costs.
    rounded: Costs
    #: ``rounded`` split onto ``fills``, in their order, to the paisa.
    fill_costs: tuple[Costs, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeLegs:
    """A trade as its fills: the entry, and the exit if it has one."""

    trade_id: str
    #: Rupees, before costs; negative is a loss.
    gross: Decimal
    #: Quantities are the trade's own: of an entry order that two exits close, each trade has its part.
    legs: tuple[Fill, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeCosts:
    """What one trade earned and cost."""

    trade_id: str
    gross: Decimal
    costs: Costs

    @property
    def net(self) -> Decimal:
        """Return gross less costs, rupees; negative is a loss."""
        return self.gross - self.costs.total


@dataclass(frozen=True, slots=True, kw_only=True)
class CostedTrades:
    """The trades of a session with their costs."""

    #: One per session-day with fills, ascending.
    notes: tuple[ContractNote, ...]
    #: In the order given.
    trades: tuple[TradeCosts, ...]

    @property
    def gross(self) -> Decimal:
        """Return the profit before costs, rupees."""
        return sum((trade.gross for trade in self.trades), ZERO)

    @property
    def costs(self) -> Costs:
        """Return the costs of all days by component."""
        return total_costs([note.rounded for note in self.notes])

    @property
    def net(self) -> Decimal:
        """Return gross less costs: also the sum of the trades' nets."""
        return self.gross - self.costs.total


def write_notes(model: CostModel, fills: Sequence[Fill]) -> tuple[ContractNote, ...]:
    """
    Write one contract note per trade date, ascending.

    Args:
        model: How fills become costs.
        fills: All fills of the days they lie on; within a day they keep their order.

    Raises:
        CostDateUnknown: If the model does not know the rates of a day.
    """
    days: dict[date, list[Fill]] = {}
    for fill in fills:
        days.setdefault(fill.trade_date, []).append(fill)
    return tuple(_note(model, day, days[day]) for day in sorted(days))


def cost_trades(model: CostModel, trades: Sequence[TradeLegs]) -> CostedTrades:
    """
    Charge trades: notes by day, and each trade's share of them.

    The legs of a trade may lie on different days; each belongs to its own day's note.

    Raises:
        CostDateUnknown: If the model does not know the rates of a day.
    """
    notes = write_notes(model, [leg for trade in trades for leg in trade.legs])
    # Within a day, notes keep the order of the legs, so every leg takes the next share of its day.
    shares = {note.trade_date: iter(note.fill_costs) for note in notes}
    return CostedTrades(
        notes=notes,
        trades=tuple(
            TradeCosts(
                trade_id=trade.trade_id,
                gross=trade.gross,
                costs=sum((next(shares[leg.trade_date]) for leg in trade.legs), NOTHING),
            )
            for trade in trades
        ),
    )


def split(amount: Decimal, weights: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """
    Split an amount in proportion to weights, to the paisa, by largest remainder.

    Every part is first rounded down; the paise left over go to the parts that lost most, the earlier one where two
    lost the same. No part is further than a paisa from its exact share.

    Args:
        amount: Rupees, a whole number of paise, >= 0.
        weights: Each >= 0; not all zero unless the amount is.

    Returns:
        As many parts as weights; they add up to the amount.
    """
    ratios = [weight.as_integer_ratio() for weight in weights]
    scale = math.lcm(*(denominator for _, denominator in ratios))
    scaled = [numerator * (scale // denominator) for numerator, denominator in ratios]
    whole = sum(scaled)
    if whole == 0:
        return (ZERO,) * len(weights)
    to_share = int(amount / PAISA)
    paise, lost = zip(*(divmod(to_share * weight, whole) for weight in scaled), strict=True)
    rounded_up = set(sorted(range(len(lost)), key=lambda place: -lost[place])[: to_share - sum(paise)])
    return tuple((part + (place in rounded_up)) * PAISA for place, part in enumerate(paise))


def _note(model: CostModel, day: date, fills: Sequence[Fill]) -> ContractNote:
    exact = model.fill_costs(fills)
    unrounded = total_costs(exact)
    rounded = model.round_day(unrounded)
    shares = {name: split(getattr(rounded, name), [getattr(costs, name) for costs in exact]) for name in COMPONENTS}
    return ContractNote(
        trade_date=day,
        fills=tuple(fills),
        unrounded=unrounded,
        rounded=rounded,
        fill_costs=tuple(Costs(**{name: shares[name][place] for name in COMPONENTS}) for place in range(len(fills))),
    )
