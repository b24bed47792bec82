"""
Quiet ticks: seconds in a row at which every active node waits, nothing triggers, and only prices move.

What such ticks are told as differs from the tick before them in known places alone: times, prices, what conditions
compared, and what follows from prices. The finder says where quiet ticks begin and end; a teller, who writes them all
from columns, is told of many at once. It must come to what recording each of them would.

Where they end is known beforehand, as in a headless run: every value at a second depends on what lies before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from strategies.engine.condition_groups import CompiledGroup
from strategies.engine.outcomes import TickOutcome
from strategies.engine.positions import PnlSummary, PositionMark
from strategies.engine.run_recorder import RunRecorder, TickRecord
from strategies.engine.run_state import RunState
from strategies.engine.tape import DayTape

SHORTEST = 12
"""Fewer quiet ticks than this are recorded one by one, which then is quicker."""
LONGEST = 1_024
"""As many ticks are prepared at once: enough to be quick, few enough to need no memory worth a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietTicks:
    """Some quiet ticks in a row, and what differs in them from the tick before."""

    #: The last tick that was recorded.
    before: TickOutcome
    #: The number of the first quiet tick.
    tick: int
    #: Seconds of the day's tape: the first one, and the one after the last.
    first: int
    last: int
    tape: DayTape
    #: For each execution of the tick before: the conditions it waits for, and its id in each quiet tick.
    groups: tuple[CompiledGroup, ...]
    execution_ids: tuple[list[str], ...]
    #: For each open position: its last price in each quiet tick.
    prices: tuple[list[float], ...]
    #: For each open position: the level of its trailing stop after each quiet tick, NaN while it does not work; None
    #: where it has none. Its other guards stay where they are.
    trailing_stops: tuple[list[float] | None, ...]
    #: Open positions and profit, were the positions at given prices.
    value_at: Callable[[tuple[float, ...]], tuple[tuple[PositionMark, ...], PnlSummary]]


QuietTeller = Callable[[QuietTicks], Iterator[object]]
"""Tells of one more of the ticks at each step."""


class Reached(NamedTuple):
    """How far a run has come."""

    #: The next second of the tape.
    second: int
    #: Whether the run was not asked to stop.
    goes_on: bool


class QuietTicksFinder:
    """
    Passes over a run's quiet ticks.

    Args:
        run: The state of the run, which quiet ticks leave as it is.
        recorder: Records the ticks in between.
        next_second: Returns the first second from a given one on at which anything can happen; None where none is.
    """

    def __init__(self, run: RunState, recorder: RunRecorder, next_second: Callable[[int], int | None]) -> None:
        self._run = run
        self._recorder = recorder
        self._next_second = next_second
        self._search_from = 0

    def begin_day(self) -> None:
        """Note that a new day is on the tape."""
        self._search_from = 0

    def go_on(
        self,
        before: TickOutcome,
        record: TickRecord,
        teller: Callable[[], QuietTeller | None],
        should_continue: Callable[[], bool],
    ) -> Reached:
        """
        Pass over the quiet ticks that follow a tick, if any.

        Args:
            before: The tick that has just run.
            record: What was recorded of it.
            teller: Returns who is told of them; None lets every tick be recorded.
            should_continue: Asked before each tick; False ends the run there.
        """
        first = self._run.second + 1
        waiting = len(record.waiting)
        if first < self._search_from or waiting != len(record.executions) or waiting != len(self._run.active):
            return Reached(first, goes_on=True)
        tell = teller()
        last = first if tell is None else self._quiet_until(first, record)
        if tell is None or last - first < SHORTEST:
            # Whatever ends them soon may do so again and again, and looking for it is not free.
            self._search_from = first + SHORTEST
            return Reached(first, goes_on=True)
        while first < last:
            quiet = self._ticks(before, record, first, min(last, first + LONGEST))
            reached = self._pass(quiet, tell(quiet), should_continue)
            if not reached.goes_on:
                return reached
            first = reached.second
        return Reached(last, goes_on=True)

    def _quiet_until(self, first: int, record: TickRecord) -> int:
        last = len(self._run.market.tape)
        next_second = self._next_second(first)
        if next_second is not None:
            last = min(last, next_second)
        if last - first >= SHORTEST:
            last = self._recorder.steady_until(first, last)
            for group in record.waiting:
                last = group.steady_until(first, last)
        return last

    def _ticks(self, before: TickOutcome, record: TickRecord, first: int, last: int) -> QuietTicks:
        run = self._run
        tape, book = run.market.tape, run.book
        positions = tuple(book.open.values())

        def value_at(prices: tuple[float, ...]) -> tuple[tuple[PositionMark, ...], PnlSummary]:
            marks = tuple([position.mark_at(price) for position, price in zip(positions, prices, strict=True)])
            return marks, book.pnl_at(marks)

        columns = [(position.last_price, tape.prices(position.symbol)[first:last]) for position in positions]
        return QuietTicks(
            before=before,
            tick=run.tick + 1,
            first=first,
            last=last,
            tape=tape,
            groups=tuple(record.waiting),
            execution_ids=tuple(
                self._recorder.execution_ids(execution.node_id, run.active[execution.node_id], first, last)
                for execution in before.executions
            ),
            # Before the contract's first tick of the day the position keeps the price that it has.
            trailing_stops=tuple(
                None if position.guards is None else position.guards.trailing_between(first, last)
                for position in positions
            ),
            prices=tuple(np.where(np.isnan(column), known, column).tolist() for known, column in columns),
            value_at=value_at,
        )

    def _pass(self, quiet: QuietTicks, steps: Iterator[object], should_continue: Callable[[], bool]) -> Reached:
        run = self._run
        second = quiet.first
        try:
            while second < quiet.last:
                if not should_continue():
                    return Reached(second, goes_on=False)
                run.tick += 1
                second += 1
                next(steps)
        finally:
            run.move_to(second - 1, run.tick)
            run.move_positions()
            self._recorder.pass_to(second - 1)
        return Reached(second, goes_on=True)
