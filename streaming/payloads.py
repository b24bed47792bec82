"""
Engine outcomes as payloads of the stream protocol.

Money becomes decimal text with two places, times become exchange time with its offset; everything else is copied.
The envelope (event id, session id) is the emitter's.

The engine hands out the same object while a thing has not changed (a quote, a marked position, a condition's record);
``TickWriter`` then hands out the same piece of JSON. Whoever gets a payload must not change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from strategies.engine import money
from strategies.engine.candles import Candle
from strategies.engine.outcomes import (
    NodeCompletion,
    NodeExecution,
    OrderFilled,
    QuoteView,
    SeriesView,
    TickOutcome,
)
from strategies.engine.positions import PnlSummary, PositionMark, Trade, TradeSummary
from streaming.sse_event_emitter import TickPoint


class TickWriter:
    """Writes the tick payloads of one run."""

    def __init__(self) -> None:
        # The engine's object beside its piece of JSON: as long as it is kept here, its id is its own.
        self._last_quotes: Mapping[str, QuoteView] = {}
        self._ltp_pieces: dict[str, dict[str, Any] | None] = {}
        # The time of the newest quote, and its text: quotes of one second share one time.
        self._at: datetime | None = None
        self._at_text = ""
        self._marks: dict[str, tuple[PositionMark, dict[str, Any]]] = {}
        self._pnl: tuple[PnlSummary | None, dict[str, Any]] = (None, {})
        self._active: tuple[tuple[str, ...] | None, list[str]] = (None, [])

    def tick_update(self, outcome: TickOutcome) -> dict[str, Any]:
        """Write the payload of one tick."""
        pnl = outcome.pnl
        if pnl is not self._pnl[0]:
            self._pnl = (pnl, pnl_summary(pnl))
        if outcome.active_nodes is not self._active[0]:
            self._active = (outcome.active_nodes, list(outcome.active_nodes))
        return {
            "tick": outcome.tick,
            "timestamp": str(outcome.timestamp),
            "execution_count": len(outcome.executions),
            "node_executions": {execution.execution_id: _execution(execution) for execution in outcome.executions},
            "open_positions": [self._mark(mark) for mark in outcome.positions],
            "pnl_summary": self._pnl[1],
            "ltp": self._ltp(outcome.quotes),
            "active_nodes": self._active[1],
        }

    def _ltp(self, quotes: Mapping[str, QuoteView]) -> dict[str, Any]:
        pieces = self._ltp_pieces.copy()
        last = self._last_quotes
        is_same = last.keys() == quotes.keys()
        if not is_same:
            pieces = dict.fromkeys(quotes)
        for symbol, quote in quotes.items():
            if is_same and last[symbol] is quote:
                continue
            if quote.at is not self._at:
                self._at, self._at_text = quote.at, _local(quote.at)
            pieces[symbol] = {"ltp": quote.ltp, "timestamp": self._at_text}
        self._last_quotes, self._ltp_pieces = quotes, pieces
        return pieces

    def _mark(self, mark: PositionMark) -> dict[str, Any]:
        known = self._marks.get(mark.position_id)
        if known is None or known[0] is not mark:
            known = self._marks[mark.position_id] = (mark, _mark(mark))
        return known[1]


def tick_point(payload: Mapping[str, Any], *, underlying: str) -> TickPoint:
    """Read what charts need out of a tick's payload."""
    price = payload["ltp"].get(underlying)
    return TickPoint(
        tick=payload["tick"],
        epoch_second=int(datetime.fromisoformat(payload["timestamp"]).timestamp()),
        underlying=float("nan") if price is None else float(price["ltp"]),
        total_pnl=payload["pnl_summary"]["total_pnl"],
    )


def node_event(completion: NodeCompletion) -> dict[str, Any]:
    """Write the payload of a completed node: what the protocol names, and the full record."""
    execution = completion.execution
    return {
        "execution_id": execution.execution_id,
        "parent_execution_id": execution.parent_execution_id,
        "node_id": execution.node_id,
        "node_name": execution.node_name,
        "node_type": execution.node_type,
        "tick": completion.tick,
        "timestamp": str(completion.timestamp),
        "event_type": "logic_completed",
        "signal_emitted": execution.signal_emitted,
        "conditions_preview": completion.conditions_preview,
        "evaluated_conditions": execution.evaluated_conditions,
        "node_variables": dict(completion.variables),
        "action": {
            "orders": [_order(order) for order in completion.orders],
            "activated_nodes": list(completion.activated),
        },
        "opened_positions": [_mark(mark) for mark in completion.opened],
        "exit_result": [trade(closed) for closed in completion.closed],
        "market": {
            "ltp": _quotes(completion.quotes),
            "series": {name: _series(view) for name, view in completion.series.items()},
        },
        "variables": dict(completion.known_variables),
        "open_positions": [_mark(mark) for mark in completion.positions],
        "pnl_summary": pnl_summary(completion.pnl),
        "active_nodes": list(completion.active_nodes),
    }


def trade_update(closed: Trade, summary: TradeSummary) -> dict[str, Any]:
    """Write the payload of one closed position."""
    return {"trade": trade(closed), "summary": trade_summary(summary)}


def trade(closed: Trade) -> dict[str, Any]:
    """Write one trade."""
    return {
        "trade_id": closed.trade_id,
        "position_id": closed.position_id,
        "re_entry_num": closed.re_entry_num,
        "symbol": closed.symbol,
        "side": closed.side,
        "quantity": closed.quantity,
        "entry_price": money.text(closed.entry_price),
        "entry_time": str(closed.entry_time),
        "exit_price": money.text(closed.exit_price),
        "exit_time": str(closed.exit_time),
        "pnl": money.text(closed.pnl),
        "status": closed.status,
        "entry_trigger": closed.entry_trigger,
        "exit_reason": closed.exit_reason,
        "closed_by": closed.exit_reason,
        "exit_type": closed.exit_type,
        "trigger_price": money.text(closed.trigger_price),
        "exit_difference": money.text(closed.exit_difference),
    }


def trade_summary(summary: TradeSummary) -> dict[str, Any]:
    """Write the closed trades counted."""
    return {
        "total_trades": summary.total_trades,
        "total_pnl": money.text(summary.total_pnl),
        "winning_trades": summary.winning_trades,
        "losing_trades": summary.losing_trades,
        "win_rate": money.text(summary.win_rate),
    }


def pnl_summary(pnl: PnlSummary) -> dict[str, Any]:
    """Write the session's profit and loss."""
    return {
        "realized_pnl": money.text(pnl.realized_pnl),
        "unrealized_pnl": money.text(pnl.unrealized_pnl),
        "total_pnl": money.text(pnl.total_pnl),
        "closed_trades": pnl.closed_trades,
        "open_trades": pnl.open_trades,
    }


def _execution(execution: NodeExecution) -> dict[str, Any]:
    _, parent, node_id, name, node_type, signal_emitted, conditions, note = execution
    payload: dict[str, Any] = {
        "node_id": node_id,
        "node_name": name,
        "node_type": node_type,
        "signal_emitted": signal_emitted,
        "evaluated_conditions": conditions,
        "parent_execution_id": parent,
    }
    if note:
        payload["note"] = note
    return payload


def _mark(mark: PositionMark) -> dict[str, Any]:
    return {
        "position_id": mark.position_id,
        "symbol": mark.symbol,
        "side": mark.side,
        "quantity": mark.quantity,
        "entry_price": money.text(mark.entry_price),
        "current_price": money.text(mark.current_price),
        "unrealized_pnl": money.text(mark.unrealized_pnl),
        "entry_time": str(mark.entry_time),
        "re_entry_num": mark.re_entry_num,
        "entry_node_id": mark.entry_node_id,
        "stop_loss_price": money.text_or_none(mark.stop_loss_price),
        "take_profit_price": money.text_or_none(mark.take_profit_price),
        "trailing_stop_price": money.text_or_none(mark.trailing_stop_price),
    }


def _order(order: OrderFilled) -> dict[str, Any]:
    return {
        "position_id": order.position_id,
        "symbol": order.symbol,
        "side": order.side,
        "quantity": order.quantity,
        "order_type": order.order_type,
        "status": "filled",
        "fill_price": money.text(order.fill_price),
        "filled_at": str(order.filled_at),
        "quote_age_seconds": order.quote_age_seconds,
    }


def _quotes(quotes: Mapping[str, QuoteView]) -> dict[str, Any]:
    return {symbol: {"ltp": quote.ltp, "timestamp": _local(quote.at)} for symbol, quote in quotes.items()}


def _series(view: SeriesView) -> dict[str, Any]:
    return {
        "finished": [_candle(candle) for candle in view.finished],
        "current": None if view.current is None else _candle(view.current),
        "indicators": dict(view.indicators),
    }


def _candle(candle: Candle) -> dict[str, Any]:
    return {
        "start": str(candle.start),
        "open": candle.open,
        "high": candle.high,
        "low": candle.low,
        "close": candle.close,
        "volume": candle.volume,
    }


def _local(at: datetime) -> str:
    """Write exchange time without its offset, with six decimals, as the ``ltp`` entries have it."""
    # Half the time that strftime takes; the engine's times have no microseconds.
    return f"{at.isoformat(' ')[:19]}.{at.microsecond:06d}"
