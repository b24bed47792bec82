"""
Trades as the fills that a cost model charges: which instrument, which order, which day.

Every exit is an order of its own. An entry is one order even where two exits close it: each trade then has its part of
the entry, and so has a position that is still open.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from strategies.engine.contract_tables import INDEX_CONTRACTS
from strategies.engine.cost_rates import InstrumentKind
from strategies.engine.costs import CostModel, Fill
from strategies.engine.positions import PositionMark, Trade
from strategies.engine.strategy import EntryNode, FuturePick, OptionPick, PositionSpec, Side, StrategyGraph
from strategies.engine.symbols import Future, Option, parse_symbol

_OTHER_SIDE: dict[Side, Side] = {"buy": "sell", "sell": "buy"}

# Indices beyond those with a contract table, and the names that some data sources write.
_MORE_INDICES = frozenset({"NIFTYNXT50", "SENSEX50"})


def kind_of(symbol: str) -> InstrumentKind:
    """
    Return which rates a symbol is charged by.

    An index cannot be bought itself: a strategy that trades it stands for one that trades its future, and is charged
    like that. Any other underlying is a share that is bought and sold on the same day.
    """
    instrument = parse_symbol(symbol)
    if isinstance(instrument, Option):
        return "option"
    if isinstance(instrument, Future) or is_index(instrument.name):
        return "future"
    return "equity_intraday"


def is_index(name: str) -> bool:
    """Return whether an underlying is an index of NSE or BSE: NIFTY, NIFTY BANK, SENSEX …."""
    return name.split(" ", maxsplit=1)[0] in INDEX_CONTRACTS or name in _MORE_INDICES


def legs_of(trade: Trade) -> tuple[Fill, Fill]:
    """Return a trade's entry and exit."""
    entry = _fill(
        _entry_order(trade), trade.entry_time, trade.symbol, side=trade.side, quantity=trade.quantity,
        price=trade.entry_price,
    )  # fmt: skip
    exit_ = _fill(
        f"{trade.trade_id} exit", trade.exit_time, trade.symbol, side=_OTHER_SIDE[trade.side], quantity=trade.quantity,
        price=trade.exit_price,
    )  # fmt: skip
    return entry, exit_


def entry_leg(position: PositionMark) -> Fill:
    """Return the entry of what is still open of a position."""
    return _fill(
        _entry_order(position), position.entry_time, position.symbol, side=position.side, quantity=position.quantity,
        price=position.entry_price,
    )  # fmt: skip


def check_dates(model: CostModel, strategy: StrategyGraph, first_date: date) -> None:
    """
    Make sure that a model knows the rates of all that a strategy trades, from a day on.

    Raises:
        CostDateUnknown: If it does not.
    """
    kinds = {_kind_of_spec(spec, strategy.underlying): spec for spec in _specs(strategy)}
    model.fill_costs(
        [
            Fill(
                order_id=spec.position_id, trade_date=first_date, kind=kind, side=spec.side, quantity=1,
                price=Decimal(1),
            )
            for kind, spec in kinds.items()
        ]
    )  # fmt: skip


def _fill(order_id: str, at: datetime, symbol: str, *, side: Side, quantity: int, price: Decimal) -> Fill:
    return Fill(
        order_id=order_id, trade_date=at.date(), kind=kind_of(symbol), side=side, quantity=quantity, price=price
    )


def _entry_order(entered: Trade | PositionMark) -> str:
    return f"{entered.position_id}-r{entered.re_entry_num} entry"


def _kind_of_spec(spec: PositionSpec, underlying: str) -> InstrumentKind:
    if isinstance(spec.contract, OptionPick):
        return "option"
    return "future" if isinstance(spec.contract, FuturePick) else kind_of(underlying)


def _specs(strategy: StrategyGraph) -> Sequence[PositionSpec]:
    nodes = (node for node in strategy.nodes.values() if isinstance(node, EntryNode))
    return [spec for node in nodes for spec in node.positions]
