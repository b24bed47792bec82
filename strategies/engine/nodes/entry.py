"""
The entry node: opens its positions.

The contract is picked when the order is placed and stays picked while it waits. The node completes when every order
is filled; until then its turn says what it waits for.
"""

from __future__ import annotations

from dataclasses import dataclass

from strategies.engine.fills import Fill, Order
from strategies.engine.nodes.visit import NodeRunner, Visit
from strategies.engine.operand_compiler import OperandCompiler
from strategies.engine.outcomes import OrderFilled
from strategies.engine.positions import Position
from strategies.engine.run_state import RunState
from strategies.engine.strategy import EntryNode, PositionSpec


@dataclass(slots=True)
class _Attempt:
    """What an activation of the node has come to so far."""

    #: Positions whose order is not placed yet.
    to_place: list[PositionSpec]
    waiting: list[tuple[PositionSpec, Order]]
    filled: list[OrderFilled]
    #: All positions of one sending-in have the same number, however late the price of each comes.
    re_entry_num: int
    #: Why some positions were not ordered; empty where all were.
    refusal: str


class EntryRunner(NodeRunner[EntryNode]):
    """Runs an entry node."""

    def prepare(self, compiler: OperandCompiler) -> None:
        """Begin without an attempt."""
        self._attempt: _Attempt | None = None

    def begin_day(self, *, every_tick: bool) -> None:
        """Forget orders of the day before: they were good for that day."""
        super().begin_day(every_tick=every_tick)
        self._attempt = None

    def visit(self, run: RunState) -> Visit:
        """Place the orders, fill what can be filled, and complete once everything is."""
        if self._attempt is None:
            specs, refusal = self._admitted(run)
            if not specs:
                return Visit("ends", note=refusal)
            self._attempt = _Attempt(specs, [], [], run.next_re_entry_num(self.node), refusal)
        attempt = self._attempt
        notes = [*self._place(attempt, run), *self._fill(attempt, run)]
        if attempt.to_place or attempt.waiting:
            return Visit("waits", note="; ".join(notes))
        opened = {order.position_id for order in attempt.filled}
        self._attempt = None
        marks = tuple(mark for mark in run.book.marks() if mark.position_id in opened)
        return Visit("completes", note=attempt.refusal, orders=tuple(attempt.filled), opened=marks)

    def _admitted(self, run: RunState) -> tuple[list[PositionSpec], str]:
        """Return the positions that may be opened now, and why the others may not."""
        specs: list[PositionSpec] = []
        refusals: list[str] = []
        for spec in self.node.positions:
            if spec.position_id in run.book.open:
                refusals.append(f"{spec.position_id} is open already")
            elif run.book.entries.get(spec.position_id, 0) >= spec.max_entries:
                refusals.append(f"limit reached: maxEntries {spec.max_entries} of {spec.position_id}")
            else:
                specs.append(spec)
        return specs, "; ".join(refusals)

    def _place(self, attempt: _Attempt, run: RunState) -> list[str]:
        notes: list[str] = []
        for spec in list(attempt.to_place):
            symbol = pick_symbol(spec, run)
            if symbol is None:
                notes.append(f"the chain has no contract for {spec.position_id} now")
                continue
            order = run.broker.place(symbol, spec.side, spec.quantity, spec.limit)
            if isinstance(order, str):
                notes.append(order)
                continue
            attempt.to_place.remove(spec)
            attempt.waiting.append((spec, order))
            run.traded_symbols[symbol] = None
        return notes

    def _fill(self, attempt: _Attempt, run: RunState) -> list[str]:
        notes: list[str] = []
        for spec, order in list(attempt.waiting):
            fill = run.broker.try_fill(order)
            if isinstance(fill, str):
                notes.append(fill)
                continue
            attempt.waiting.remove((spec, order))
            self._open(spec, order, fill, attempt, run)
        return notes

    def _open(self, spec: PositionSpec, order: Order, fill: Fill, attempt: _Attempt, run: RunState) -> None:
        last = run.market.last_price(order.symbol)
        run.open_position(
            Position(
                position_id=spec.position_id, re_entry_num=attempt.re_entry_num, entry_node_id=self.node.id,
                entry_trigger=run.active[self.node.id].by_node_id, symbol=order.symbol, side=spec.side,
                quantity=spec.quantity, entry_quantity=spec.quantity, entry_price=fill.price, entry_time=run.now,
                entry_day=run.market.day, entry_tick=run.tick, last_price=float(fill.price) if last is None else last,
            )
        )  # fmt: skip
        attempt.filled.append(
            OrderFilled(
                position_id=spec.position_id, symbol=order.symbol, side=spec.side, quantity=spec.quantity,
                order_type="market" if spec.limit is None else "limit", fill_price=fill.price, filled_at=run.now,
                quote_age_seconds=fill.quote_age_seconds,
            )
        )  # fmt: skip


def pick_symbol(spec: PositionSpec, run: RunState) -> str | None:
    """Return the contract that a position would take now; None where there is none, or no price to pick it by."""
    underlying = run.strategy.underlying
    if spec.contract is None:
        return underlying
    spot = run.market.last_price(underlying)
    if spot is None:
        return None
    return run.chain.symbol(spec.contract, spot=spot, on=run.market.day, last_price=run.market.last_price)
