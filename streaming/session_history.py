"""
The history of a session: what its ticks told, in a form that answers questions about any tick at once.

`SessionHistory` is shown every `tick_update` in its order and keeps little of each: the event that told it, its time,
the prices, for each node the ticks at which it had a turn and those at which a condition's result changed, and those at
which a position's stop or target moved. A day of 22,351 ticks takes some 2 MB. Operands are not kept; whoever needs
them reads the tick itself.

Ticks follow one another without a hole, as a session's do; the first one may be later than 1 where the log has let go
of its tail. Callers ask only about ticks from `first_tick` to `last_tick`.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from strategies.engine.evaluations import leaves
from streaming.guard_history import GuardHistory

_NAN = math.nan


class ConditionMoment(NamedTuple):
    """How a condition stood at its last evaluation up to a tick."""

    result: bool
    #: The first tick of the evaluations that had this result without another in between.
    since_tick: int
    #: The last tick up to then at which it held; None where it never did.
    last_true_tick: int | None


class ConditionHistory:
    """When one condition held: spans of equal results, each with the first and last tick of its evaluations."""

    __slots__ = ("_firsts", "_lasts", "_results")

    def __init__(self) -> None:
        self._firsts = array("q")
        self._lasts = array("q")
        self._results = bytearray()

    def add(self, tick: int, *, result: bool) -> None:
        """Take one evaluation."""
        if self._results and self._results[-1] == result:
            self._lasts[-1] = tick
            return
        self._firsts.append(tick)
        self._lasts.append(tick)
        self._results.append(result)

    def at(self, tick: int) -> ConditionMoment | None:
        """Say how it stood at its last evaluation up to a tick; None before the first."""
        index = bisect_right(self._firsts, tick) - 1
        if index < 0:
            return None
        if self._results[index]:
            return ConditionMoment(True, self._firsts[index], min(tick, self._lasts[index]))
        return ConditionMoment(False, self._firsts[index], self._lasts[index - 1] if index else None)

    def changes(self) -> list[tuple[int, bool]]:
        """List the ticks at which its result became another one, with the result from then on."""
        return list(zip(self._firsts, map(bool, self._results), strict=True))


class NodeHistory:
    """When one node had its turns, and when it signalled."""

    __slots__ = ("_firsts", "_lasts", "conditions", "signals")

    def __init__(self) -> None:
        self._firsts = array("q")
        self._lasts = array("q")
        #: The ticks at which it signalled, ascending.
        self.signals = array("q")
        #: By place and text: conditions of a re-entry stand in the same places as the first ones.
        self.conditions: dict[tuple[str, str], ConditionHistory] = {}

    def add(self, tick: int, execution: Mapping[str, Any]) -> None:
        """Take one turn: the node's entry in `node_executions`."""
        # A turn after a signal, or after ticks without a turn, is a new activation; two turns in one tick are one.
        goes_on = self._lasts and (
            self._lasts[-1] == tick
            or (self._lasts[-1] == tick - 1 and not (self.signals and self.signals[-1] == tick - 1))
        )
        if goes_on:
            self._lasts[-1] = tick
        else:
            self._firsts.append(tick)
            self._lasts.append(tick)
        if execution["signal_emitted"] and not (self.signals and self.signals[-1] == tick):
            self.signals.append(tick)
        if execution["evaluated_conditions"] is not None:
            for path, record in leaves(execution["evaluated_conditions"]):
                history = self.conditions.get((path, record["raw"]))
                if history is None:
                    history = self.conditions[path, record["raw"]] = ConditionHistory()
                history.add(tick, result=bool(record["result"]))

    def turns(self) -> list[tuple[int, int]]:
        """List the first and last tick of each activation."""
        return list(zip(self._firsts, self._lasts, strict=True))

    def activations(self, tick: int) -> int:
        """Count how often it became active up to a tick, that one included."""
        return bisect_right(self._firsts, tick)

    def last_turn(self, tick: int) -> int | None:
        """Find its last turn up to a tick; None before the first."""
        index = bisect_right(self._firsts, tick) - 1
        return None if index < 0 else min(tick, self._lasts[index])

    def signals_through(self, tick: int) -> int:
        """Count its signals up to a tick, that one included."""
        return bisect_right(self.signals, tick)

    def last_signal(self, tick: int) -> int | None:
        """Find its last signal up to a tick; None before the first."""
        index = bisect_right(self.signals, tick) - 1
        return None if index < 0 else self.signals[index]


@dataclass(slots=True)
class SessionHistory:
    """What the ticks of one session told so far."""

    #: The last event that was read, of any type; -1 before the first.
    through_event: int = -1
    #: 0 while there is no tick.
    first_tick: int = 0
    event_ids: array[int] = field(default_factory=lambda: array("q"))
    #: Unix times.
    seconds: array[int] = field(default_factory=lambda: array("q"))
    nodes: dict[str, NodeHistory] = field(default_factory=dict)
    guards: GuardHistory = field(default_factory=GuardHistory)
    #: By symbol: how many ticks there were before its first price, and the prices from then on, NaN for none.
    _prices: dict[str, tuple[int, array[float]]] = field(default_factory=dict)
    _active: list[tuple[int, frozenset[str]]] = field(default_factory=list)

    @property
    def last_tick(self) -> int:
        """The newest tick; 0 while there is none."""
        return self.first_tick + len(self.event_ids) - 1 if self.event_ids else 0

    def add_tick(self, data: Mapping[str, Any]) -> None:
        """Take the payload of the next `tick_update`."""
        tick = data["tick"]
        if not self.event_ids:
            self.first_tick = tick
        place = len(self.event_ids)
        self.event_ids.append(data["event_id"])
        self.seconds.append(int(datetime.fromisoformat(data["timestamp"]).timestamp()))
        for symbol, price in data["ltp"].items():
            self._add_price(symbol, place, price["ltp"])
        for execution in data["node_executions"].values():
            node = self.nodes.get(execution["node_id"])
            if node is None:
                node = self.nodes[execution["node_id"]] = NodeHistory()
            node.add(tick, execution)
        self.guards.add_tick(tick, data["open_positions"])
        active = data["active_nodes"]
        if not self._active or len(active) != len(self._active[-1][1]) or self._active[-1][1] != set(active):
            self._active.append((tick, frozenset(active)))

    def _add_price(self, symbol: str, place: int, price: float) -> None:
        column = self._prices.get(symbol)
        if column is None:
            column = self._prices[symbol] = (place, array("d"))
        before, values = column
        missing = place - before - len(values)
        if missing:
            values.extend([_NAN] * missing)
        values.append(price)

    def event_of(self, tick: int) -> int:
        """Return the id of a tick's `tick_update`."""
        return self.event_ids[tick - self.first_tick]

    def second_of(self, tick: int) -> int:
        """Return a tick's Unix time."""
        return self.seconds[tick - self.first_tick]

    def active_at(self, tick: int) -> frozenset[str]:
        """Return the nodes that are active after a tick."""
        index = bisect_right(self._active, tick, key=lambda entry: entry[0]) - 1
        return self._active[index][1] if index >= 0 else frozenset()

    @property
    def symbols(self) -> list[str]:
        """Every symbol that had a price, in the order of their first."""
        return list(self._prices)

    def prices(self, symbol: str, *, first: int, count: int) -> list[float | None]:
        """Return a symbol's prices at `count` ticks from `first` on; None where the tick told none."""
        before, values = self._prices.get(symbol, (0, array("d")))
        # The place of the first tick wanted among the values; negative where they begin later.
        start = first - self.first_tick - before
        column: list[float | None] = [None] * min(max(0, -start), count)
        wanted = values[max(0, start) : max(0, start + count)]
        column += [None if value != value else value for value in wanted]
        return column + [None] * (count - len(column))
