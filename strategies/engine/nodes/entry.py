"""
The entry node: opens its positions at the market.

A market order fills at the contract's last price as of this tick; without a price yet it waits for the first one.
The contract is picked when the order is placed and stays picked while it waits.
"""

from __future__ import annotations

from strategies.engine.conditions import ConditionCompiler
from strategies.engine.money import to_money
from strategies.engine.nodes.visit import NodeRunner, Visit
from strategies.engine.outcomes import OrderFilled
from strategies.engine.positions import Position, PositionMark
from strategies.engine.run_state import RunState
from strategies.engine.strategy import EntryNode, PositionSpec


class EntryRunner(NodeRunner[EntryNode]):
    """Runs an entry node."""

    def prepare(self, compiler: ConditionCompiler) -> None:
        """Begin without waiting orders."""
        #: Position id to the symbol that was picked; empty while no order waits.
        self._waiting: dict[str, str] = {}
        #: Orders of this sending-in that are filled.
        self._filled: list[OrderFilled] = []
        self._re_entry_num = 0
        #: Why some of the positions were not ordered.
        self._note = ""

    def visit(self, run: RunState) -> Visit:
        """Place the orders on the first visit; complete once every order is filled."""
        if not self._waiting and not self._filled:
            refusals = self._place(run)
            self._note = "; ".join(refusal.note for refusal in refusals)
            if refusals and not self._waiting:
                may_act_later = any(refusal.outcome == "waits" for refusal in refusals)
                return Visit(outcome="waits" if may_act_later else "ends", note=self._note)
        self._fill(run)
        if self._waiting:
            symbols = ", ".join(self._waiting.values())
            return Visit(outcome="waits", note=f"waiting for the first price of {symbols}")
        orders, opened = tuple(self._filled), self._marks(run)
        self._filled = []
        return Visit(outcome="completes", note=self._note, orders=orders, opened=opened)

    def _place(self, run: RunState) -> list[Visit]:
        refusals: list[Visit] = []
        # All positions of one sending-in have the same number, however late the price of each comes.
        self._re_entry_num = run.next_re_entry_num(self.node)
        for spec in self.node.positions:
            if spec.position_id in run.book.open:
                refusals.append(Visit(outcome="ends", note=f"{spec.position_id} is open already"))
            elif run.book.entries.get(spec.position_id, 0) >= spec.max_entries:
                refusals.append(Visit(outcome="ends", note=f"limit reached: maxEntries {spec.max_entries}"))
            elif (symbol := self._pick(spec, run)) is None:
                refusals.append(Visit(outcome="waits", note=f"the option chain has no contract for {spec.position_id}"))
            else:
                self._waiting[spec.position_id] = symbol
                run.traded_symbols[symbol] = None
        return refusals

    def _pick(self, spec: PositionSpec, run: RunState) -> str | None:
        underlying = run.strategy.underlying
        if spec.option is None:
            return underlying
        quote = run.market.quotes.get(underlying)
        return None if quote is None else run.chain.symbol(spec.option, spot=quote.ltp, on=run.now.date())

    def _fill(self, run: RunState) -> None:
        for spec in self.node.positions:
            symbol = self._waiting.get(spec.position_id)
            quote = run.market.quotes.get(symbol) if symbol else None
            if symbol is None or quote is None:
                continue
            del self._waiting[spec.position_id]
            position = self._open(spec, symbol, run)
            self._filled.append(
                OrderFilled(
                    position_id=spec.position_id, symbol=symbol, side=spec.side, quantity=spec.quantity,
                    fill_price=position.entry_price, filled_at=run.now,
                )
            )  # fmt: skip

    def _open(self, spec: PositionSpec, symbol: str, run: RunState) -> Position:
        quote = run.market.quotes[symbol]
        position = Position(
            position_id=spec.position_id,
            re_entry_num=self._re_entry_num,
            entry_node_id=self.node.id,
            entry_trigger=run.active[self.node.id].by_node_id,
            symbol=symbol,
            side=spec.side,
            quantity=spec.quantity,
            entry_price=to_money(quote.ltp),
            entry_time=run.now,
            entry_tick=run.tick,
            quote=quote,
        )
        run.book.add(position)
        return position

    def _marks(self, run: RunState) -> tuple[PositionMark, ...]:
        filled = {order.position_id for order in self._filled}
        return tuple(mark for mark in run.book.marks() if mark.position_id in filled)
