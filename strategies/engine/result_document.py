"""
A run's results as one JSON document: what was assumed, what was traded, what it cost, what it came to.

Equal runs give equal documents, byte for byte: nothing in it depends on when or where it was written. Money is text, as
exact as it is and with at least two places, so that sums can be checked; figures are as ``metrics.as_document`` writes
them. The fields stand in docs/reference/results.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from strategies.engine import equity, metrics
from strategies.engine.contract_notes import ContractNote
from strategies.engine.costs import COMPONENTS, Costs
from strategies.engine.outcomes import BacktestResult
from strategies.engine.positions import PositionMark
from strategies.engine.results import CostedTrade

#: Raised when equal inputs come to other trades or other figures than before.
ENGINE_VERSION: Final = "2"


def result_document(result: BacktestResult) -> dict[str, Any]:
    """
    Return the results of a run, ready for JSON.

    A run that was cancelled has the results up to there.

    Raises:
        CostDateUnknown: If the cost model does not know the rates of a day.
    """
    results = result.results
    return {
        "engine_version": ENGINE_VERSION,
        "status": result.status,
        "total_ticks": result.total_ticks,
        "strategy_fingerprint": result.strategy_fingerprint,
        "market_data_fingerprint": result.market_data_fingerprint,
        "assumptions": {
            "fills": result.fills.as_document(),
            "costs": result.costs.configuration(),
            "capital": None if result.capital is None else exact(result.capital),
        },
        "costs": _costs(results.costs),
        "contract_notes": [_note(note) for note in results.notes],
        "trades": [costed_trade(trade) for trade in results.trades],
        "open_positions": [_open_position(position) for position in result.open_positions],
        "open_costs": _costs(results.open_costs),
        "metrics": metrics.as_document(results.metrics),
        "equity_by_minute": _equity(result),
    }


def costed_trade(costed: CostedTrade) -> dict[str, Any]:
    """Write one trade with its costs."""
    trade = costed.trade
    return {
        "trade_id": trade.trade_id,
        "position_id": trade.position_id,
        "re_entry_num": trade.re_entry_num,
        "symbol": trade.symbol,
        "side": trade.side,
        "quantity": trade.quantity,
        "entry_price": exact(trade.entry_price),
        "entry_time": trade.entry_time.isoformat(),
        "entry_trigger": trade.entry_trigger,
        "entry_node_id": trade.entry_node_id,
        "exit_price": exact(trade.exit_price),
        "exit_time": trade.exit_time.isoformat(),
        "exit_reason": trade.exit_reason,
        "exit_type": trade.exit_type,
        "trigger_price": exact(trade.trigger_price),
        "exit_difference": exact(trade.exit_difference),
        "gross_pnl": exact(costed.gross_pnl),
        "costs": _costs(costed.costs),
        "net_pnl": exact(costed.net_pnl),
        "mae": exact(costed.excursion.mae),
        "mfe": exact(costed.excursion.mfe),
        "risk": None if costed.risk is None else exact(costed.risk),
    }


def exact(amount: Decimal) -> str:
    """Write an amount as exact as it is, with at least two places and no needless ones: "181.60", "0.00012"."""
    whole, _, decimals = f"{abs(amount):f}".partition(".")
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def _costs(costs: Costs) -> Mapping[str, str]:
    return {**{name: exact(getattr(costs, name)) for name in COMPONENTS}, "total": exact(costs.total)}


def _note(note: ContractNote) -> dict[str, Any]:
    return {
        "date": note.trade_date.isoformat(),
        "fills": len(note.fills),
        "orders": len({(fill.order_id, fill.kind, fill.side) for fill in note.fills}),
        "costs": _costs(note.rounded),
    }


def _open_position(mark: PositionMark) -> dict[str, Any]:
    return {
        "position_id": mark.position_id,
        "re_entry_num": mark.re_entry_num,
        "symbol": mark.symbol,
        "side": mark.side,
        "quantity": mark.quantity,
        "entry_price": exact(mark.entry_price),
        "entry_time": mark.entry_time.isoformat(),
        "current_price": exact(mark.current_price),
        "unrealized_pnl": exact(mark.unrealized_pnl),
    }


def _equity(result: BacktestResult) -> dict[str, Any]:
    """Write the total profit at the end of each minute, after costs and before."""
    after = equity.as_columns(result.results.curve.minutes())
    before = equity.as_columns(result.results.curve_before_costs.minutes())
    return {**after, "total_pnl_before_costs": before["total_pnl"]}
