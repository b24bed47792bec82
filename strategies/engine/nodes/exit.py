"""The exit node: closes one position at the market."""

from __future__ import annotations

from strategies.engine.nodes.visit import NodeRunner, Visit
from strategies.engine.outcomes import OrderFilled
from strategies.engine.positions import Trade
from strategies.engine.run_state import RunState
from strategies.engine.strategy import ExitNode


class ExitRunner(NodeRunner[ExitNode]):
    """Runs an exit node."""

    def visit(self, run: RunState) -> Visit:
        """Close the position, unless it is not open or was opened in this very tick."""
        position = run.book.open.get(self.node.target_position_id)
        if position is None:
            return Visit(outcome="ends", note=f"{self.node.target_position_id} is not open")
        if position.entry_tick == run.tick:
            return Visit(outcome="waits", note="a position is never closed in the tick that opened it")
        trade = run.close_position(position.position_id, exit_reason=self.node.id)
        return Visit(outcome="completes", orders=(closing_order(trade),), closed=(trade,))


def closing_order(trade: Trade) -> OrderFilled:
    """Return the order that closed a trade."""
    return OrderFilled(
        position_id=trade.position_id,
        symbol=trade.symbol,
        side="sell" if trade.side == "buy" else "buy",
        quantity=trade.quantity,
        fill_price=trade.exit_price,
        filled_at=trade.exit_time,
    )
