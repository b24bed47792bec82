"""
What a run's trades come to: costs, net profit, the equity curve, the figures.

The engine keeps what it must while it runs (trades, the curve before costs, excursions); everything here is worked out
from that when it is first asked for, so a sweep that looks at trades alone pays for nothing else.

Costs are rounded once per session-day and split back onto the fills, so they are known when a day is over, not when a
trade closes. The curve after costs takes each fill's share off at the second of the fill.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from strategies.engine import contract_notes, guards, metrics, trade_legs
from strategies.engine.contract_notes import ContractNote
from strategies.engine.costs import CostModel, Costs, Fill, total_costs
from strategies.engine.equity import EquityCurve
from strategies.engine.errors import EngineError
from strategies.engine.excursions import Excursion
from strategies.engine.guards import Guarded
from strategies.engine.metrics import Metrics
from strategies.engine.money import ZERO
from strategies.engine.positions import PositionMark, Trade
from strategies.engine.strategy import EntryNode, Protection, StrategyGraph
from strategies.engine.trade_statistics import TradeOutcome

LARGEST_CAPITAL = Decimal(10) ** 15


class CapitalInvalid(EngineError):
    """The capital is not an amount of money above zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostedTrade:
    """A closed trade and what the run knows about it besides."""

    trade: Trade
    #: Its share of the contract notes of its days.
    costs: Costs
    #: How far its profit went down and up, before costs.
    excursion: Excursion
    #: What its stop loss put at risk, quote currency, > 0; None where it had none.
    risk: Decimal | None

    @property
    def gross_pnl(self) -> Decimal:
        """Return the profit before costs."""
        return self.trade.pnl

    @property
    def net_pnl(self) -> Decimal:
        """Return the profit after costs."""
        return self.trade.pnl - self.costs.total


class RunResults:
    """
    The results of one run.

    Args:
        trades: Closed trades in the order of their exits.
        excursions: One for each trade.
        open_positions: What the data ended on.
        curve_before_costs: Total profit after every tick.
        strategy: Its stop losses say what a trade puts at risk.
        costs: What fills cost.
        capital: What the run begins with, quote currency; None leaves figures that need it undefined.
    """

    def __init__(
        self,
        *,
        trades: Sequence[Trade],
        excursions: Sequence[Excursion],
        open_positions: Sequence[PositionMark],
        curve_before_costs: EquityCurve,
        strategy: StrategyGraph,
        costs: CostModel,
        capital: Decimal | None,
    ) -> None:
        self.curve_before_costs = curve_before_costs
        self.capital = capital
        self._trades = trades
        self._excursions = excursions
        self._open_positions = open_positions
        self._strategy = strategy
        self._model = costs

    @cached_property
    def notes(self) -> tuple[ContractNote, ...]:
        """One contract note for each session-day with fills, ascending."""
        return contract_notes.write_notes(self._model, self._legs)

    @cached_property
    def trades(self) -> tuple[CostedTrade, ...]:
        """The closed trades with their costs, in the order of their exits."""
        shares = iter(self._shares)
        protections, sizes = self._strategy.protections, _sizes(self._strategy)
        return tuple(
            CostedTrade(
                trade=trade,
                costs=next(shares) + next(shares),
                excursion=excursion,
                risk=_risk(trade, protections.get(trade.position_id, ()), sizes),
            )
            for trade, excursion in zip(self._trades, self._excursions, strict=True)
        )

    @cached_property
    def open_costs(self) -> Costs:
        """What the entries of positions that never closed have cost."""
        return total_costs(self._shares[2 * len(self._trades) :])

    @property
    def costs(self) -> Costs:
        """All costs of the run: the sum of its contract notes."""
        return total_costs([note.rounded for note in self.notes])

    @cached_property
    def curve(self) -> EquityCurve:
        """Total profit after every tick, less the costs of all fills so far."""
        times = [at for trade in self._trades for at in (trade.entry_time, trade.exit_time)]
        times += [position.entry_time for position in self._open_positions]
        charges = [
            (int(at.timestamp()), share.total) for at, share in zip(times, self._shares, strict=True) if share.total
        ]
        return self.curve_before_costs.less(charges) if charges else self.curve_before_costs

    @cached_property
    def metrics(self) -> Metrics:
        """The run in figures."""
        outcomes = [
            TradeOutcome(trade=costed.trade, costs=costed.costs.total, risk=costed.risk, excursion=costed.excursion)
            for costed in self.trades
        ]
        return metrics.compute(outcomes, self.curve, capital=self.capital, open_costs=self.open_costs.total)

    @cached_property
    def _legs(self) -> list[Fill]:
        """The entry and exit of each trade, then the entries of what is still open."""
        return [
            *(leg for trade in self._trades for leg in trade_legs.legs_of(trade)),
            *(trade_legs.entry_leg(position) for position in self._open_positions),
        ]

    @cached_property
    def _shares(self) -> list[Costs]:
        """What each leg cost, in the order of the legs."""
        # Within a day, notes keep the order of the legs, so every leg takes the next share of its day.
        by_day: Mapping[object, Iterator[Costs]] = {note.trade_date: iter(note.fill_costs) for note in self.notes}
        return [next(by_day[leg.trade_date]) for leg in self._legs]


def check_capital(capital: Decimal | None) -> None:
    """
    Make sure that a capital is an amount above zero, or None.

    Raises:
        CapitalInvalid: If it is not.
    """
    if capital is not None and not (capital.is_finite() and 0 < capital <= LARGEST_CAPITAL):
        raise CapitalInvalid(
            f"capital is {capital}; expected an amount above zero, at most {LARGEST_CAPITAL:f}, or none at all"
        )


def _sizes(strategy: StrategyGraph) -> dict[str, int]:
    """Return the units of each position at its entry."""
    nodes = (node for node in strategy.nodes.values() if isinstance(node, EntryNode))
    return {spec.position_id: spec.quantity for node in nodes for spec in node.positions}


def _risk(trade: Trade, protections: Sequence[tuple[str, Protection]], sizes: Mapping[str, int]) -> Decimal | None:
    """Return what the nearest stop loss put at risk when the position opened, for the units of this trade."""
    guarded = Guarded(
        symbol=trade.symbol,
        direction=1 if trade.side == "buy" else -1,
        quantity=sizes[trade.position_id],
        entry_price=trade.entry_price,
    )
    distances = [
        abs(guards.fixed_level(guarded, protection) - trade.entry_price)
        for _, protection in protections
        if protection.kind == "stop_loss"
    ]
    risk = min(distances, default=ZERO) * trade.quantity
    return risk or None
