"""
The record of a run's ticks: turns what the state is after a tick into the records that the engine hands out.

Pieces that did not change are handed out again as the same objects, so that whoever writes them down need not write
them anew.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy import typing as npt

from strategies.engine.condition_groups import CompiledGroup
from strategies.engine.nodes import NodeRunner, Visit
from strategies.engine.outcomes import (
    CANDLES_SHOWN,
    NodeCompletion,
    NodeExecution,
    QuoteView,
    SeriesView,
    TickOutcome,
)
from strategies.engine.run_state import Activation, RunState
from strategies.engine.strategy import EntryNode, OptionPick
from strategies.engine.tape import DayTape
from strategies.engine.ticks import exchange_time

Completed = tuple[NodeExecution, Visit, tuple[str, ...]]


@dataclass(slots=True)
class TickRecord:
    """What is recorded while a tick runs."""

    #: Nodes in the order in which they had their turn.
    executions: list[NodeExecution] = field(default_factory=list)
    completed: list[Completed] = field(default_factory=list)
    #: The conditions of each execution that did nothing but wait for them.
    waiting: list[CompiledGroup] = field(default_factory=list)


class RunRecorder:
    """
    Records one run.

    Args:
        run: The state that is recorded.
        runners: Every node's runner, in visiting order.
    """

    def __init__(self, run: RunState, runners: dict[str, NodeRunner[Any]]) -> None:
        self._run = run
        self._runners = runners
        self._watched = tuple(_watched(runners))
        self._names = run.strategy.printer().indicator_names
        self._identities: dict[tuple[str, int], int] = {}
        #: What all execution ids of a second have in common: its text, and its bytes.
        self._stamps: list[tuple[str, bytes]] = []
        self._views: dict[str, QuoteView] = {}
        self._picked: tuple[str, ...] = ()
        #: What decides which symbols are told of: how many were traded, and what entry nodes would pick.
        self._tracked_version: tuple[int, tuple[str, ...] | None] | None = None
        #: Symbol, second of its last tick as of each second, price as of each second.
        self._tracked: list[tuple[str, list[int], list[float]]] = []
        self._spot_low = self._spot_high = 0.0
        self._active: tuple[str, ...] = ()
        self._active_version = -1

    def begin_day(self, tape: DayTape, *, every_tick: bool) -> None:
        """
        Note that a new day is on the tape.

        Args:
            tape: The day.
            every_tick: Whether its ticks will be recorded.
        """
        day = f"{tape.day:%Y%m%d}_"
        seconds = zip(tape.clocks, tape.epochs, strict=True) if every_tick else ()
        self._stamps = [(day + clock.replace(":", ""), epoch.to_bytes(8, "big")) for clock, epoch in seconds]
        self._views = {}
        self._tracked_version = None
        self._spot_low = self._spot_high = 0.0

    def execution(self, runner: NodeRunner[Any], activation: Activation, visit: Visit) -> NodeExecution:
        """Record a node's turn."""
        node = runner.node
        return NodeExecution(
            self.execution_id(node.id, activation),
            activation.parent_execution_id,
            node.id,
            node.label,
            node.class_name,
            visit.outcome == "completes",
            None if visit.conditions is None else visit.conditions.record(),
            visit.note,
        )

    def execution_id(self, node_id: str, activation: Activation) -> str:
        """Name an execution by what identifies it, so that a rerun gives the same ids."""
        identity = self._identities.get((node_id, activation.number)) or self._identify(node_id, activation)
        return _execution_id(f"exec_{node_id}_", self._stamps[self._run.second], identity)

    def execution_ids(self, node_id: str, activation: Activation, first: int, last: int) -> list[str]:
        """Name the executions of a node that has its turn from one second on to another, not included."""
        begin, identity = f"exec_{node_id}_", self._identify(node_id, activation)
        return [_execution_id(begin, stamp, identity) for stamp in self._stamps[first:last]]

    def _identify(self, node_id: str, activation: Activation) -> int:
        text = f"{self._run.strategy.fingerprint}|{node_id}|{activation.number}"
        identity = self._identities[node_id, activation.number] = zlib.crc32(text.encode())
        return identity

    def outcome(self, record: TickRecord, closed_before: int, at: datetime) -> TickOutcome:
        """Record a tick, everything in it already in effect."""
        run = self._run
        book = run.book
        marks = book.marks()
        trades = tuple(book.trades[closed_before:]) if len(book.trades) > closed_before else ()
        after = TickOutcome(
            run.tick,
            at,
            tuple(record.executions),
            (),
            trades,
            tuple(book.summaries[closed_before:]) if trades else (),
            marks,
            book.pnl(marks),
            self._quotes(at),
            self._active_nodes(),
        )
        if not record.completed:
            return after
        series = self._series()
        return after._replace(completions=tuple(self._completion(*item, after, series) for item in record.completed))

    def steady_until(self, first: int, last: int) -> int:
        """
        Return up to which second the same symbols are told of, the state of the run staying as it is.

        Args:
            first: Where to begin; the tick before was the last one recorded.
            last: Where to stop looking, not included.
        """
        run = self._run
        tape = run.market.tape
        if run.active and self._watched:
            spots = tape.prices(run.strategy.underlying)[first:last]
            is_beyond = ~((spots > self._spot_low) & (spots <= self._spot_high) | np.isnan(spots))
            last = _first(is_beyond, first, last)
        for symbol, _, _ in self._tracked:
            if symbol not in self._views:
                last = _first(~np.isnan(tape.prices(symbol)[first:last]), first, last)
        return last

    def pass_to(self, second: int) -> None:
        """Take note that ticks were told of without being recorded, the last one at a second."""
        tape = self._run.market.tape
        self._views = {
            symbol: QuoteView(
                tape.price_list(symbol)[second], exchange_time(tape.epochs[tape.quoted_at(symbol)[second]])
            )
            for symbol in self._views
        }

    def _completion(
        self,
        execution: NodeExecution,
        visit: Visit,
        activated: tuple[str, ...],
        after: TickOutcome,
        series: dict[str, SeriesView],
    ) -> NodeCompletion:
        return NodeCompletion(
            execution=execution,
            tick=after.tick,
            timestamp=after.timestamp,
            conditions_preview=visit.conditions.raw if visit.conditions else "",
            variables=visit.variables,
            orders=visit.orders,
            opened=visit.opened,
            closed=visit.closed,
            activated=activated,
            series=series,
            quotes=after.quotes,
            known_variables={f"{node_id}.{name}": value for (node_id, name), value in self._run.variables.items()},
            positions=after.positions,
            pnl=after.pnl,
            active_nodes=after.active_nodes,
        )

    def _series(self) -> dict[str, SeriesView]:
        """Return the candles and indicators of every timeframe as of now."""
        second = self._run.second
        return {
            f"{role}.{timeframe_id}": SeriesView(
                finished=series.finished(second, CANDLES_SHOWN),
                current=series.building(second),
                indicators={
                    self._names[role, timeframe_id, key]: series.indicator_value(key, second) for key in series.specs
                },
            )
            for (role, timeframe_id), series in self._run.market.series.items()
        }

    def _quotes(self, at: datetime) -> dict[str, QuoteView]:
        """
        Return the last prices as of now.

        Args:
            at: The current second; quotes that came in it share this one object.
        """
        run = self._run
        second = run.second
        if run.active and self._watched:
            spot = run.market.tape.price_list(run.strategy.underlying)[second]
            if not self._spot_low < spot <= self._spot_high and spot == spot:
                self._pick(spot)
        version = (len(run.traded_symbols), self._picked if run.active else None)
        if version != self._tracked_version:
            self._track(version)
            return self._all_quotes()
        # Most contracts tick in every other second: only those that did are written anew.
        views = self._views.copy()
        for symbol, quoted_at, prices in self._tracked:
            if quoted_at[second] == second:
                views[symbol] = QuoteView(prices[second], at)
        self._views = views
        return views

    def _track(self, version: tuple[int, tuple[str, ...] | None]) -> None:
        """Note which symbols are told of from now on."""
        run = self._run
        tape = run.market.tape
        self._tracked_version = version
        symbols = dict.fromkeys((*run.market.symbols.values(), *run.traded_symbols, *(version[1] or ())))
        self._tracked = [(symbol, tape.quoted_at(symbol), tape.price_list(symbol)) for symbol in symbols]

    def _all_quotes(self) -> dict[str, QuoteView]:
        tape, second = self._run.market.tape, self._run.second
        self._views = {
            symbol: QuoteView(prices[second], exchange_time(tape.epochs[quoted_at[second]]))
            for symbol, quoted_at, prices in self._tracked
            if quoted_at[second] >= 0
        }
        return self._views

    def _pick(self, spot: float) -> None:
        """Note which contracts entry nodes would pick now, and for which prices of the underlying that stays so."""
        run = self._run
        low, high = float("-inf"), float("inf")
        picked: list[str] = []
        for pick in self._watched:
            bounds = run.chain.bounds(pick, spot=spot, on=run.market.day)
            symbol = run.chain.symbol(pick, spot=spot, on=run.market.day, last_price=run.market.last_price)
            low, high = max(low, bounds[0]), min(high, bounds[1])
            if symbol is not None:
                picked.append(symbol)
        self._picked = tuple(picked)
        self._spot_low, self._spot_high = low, high

    def _active_nodes(self) -> tuple[str, ...]:
        version = self._run.active_version
        if version != self._active_version:
            self._active_version = version
            self._active = tuple(node_id for node_id in self._runners if node_id in self._run.active)
        return self._active


def _execution_id(begin: str, stamp: tuple[str, bytes], identity: int) -> str:
    text, epoch = stamp
    return f"{begin}{text}_{zlib.crc32(epoch, identity) & 0xFFFFFF:06x}"


def _first(is_found: npt.NDArray[np.bool_], first: int, last: int) -> int:
    """Return the first second that was found; ``last`` where there is none."""
    return first + int(is_found.argmax()) if is_found.any() else last


def _watched(runners: dict[str, NodeRunner[Any]]) -> list[OptionPick]:
    """Return the different picks by strike; a pick by premium would ask for every price of the chain."""
    found: dict[OptionPick, None] = {}
    for runner in runners.values():
        for spec in runner.node.positions if isinstance(runner.node, EntryNode) else ():
            if isinstance(spec.contract, OptionPick) and spec.contract.strike_type != "premium":
                found[spec.contract] = None
    return list(found)
