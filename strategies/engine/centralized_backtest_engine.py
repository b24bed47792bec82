"""
The engine: runs one strategy over market data, one second at a time.

How a tick runs: the second's ticks are in effect; every node is visited once, in topological order, and an active one
has its turn; then open positions are marked and the outcome is handed out. Square-offs come first, then the guards of
open positions (stops and targets), then all other nodes.

There are two ways through a day, over the same state, nodes and prices. ``run`` records every tick. ``run_headless``
goes from one second at which something can happen to the next and records trades alone; its trades are the same.

The engine knows no clock and no viewer. A caller that wants to pace, cancel or record a run passes a function or
overrides one of the three ``on_…`` methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

import numpy as np

from strategies.engine import data_checks, trade_legs
from strategies.engine.chain import Chain
from strategies.engine.costs import CostModel, no_costs
from strategies.engine.day_equity import ProfitRecord
from strategies.engine.fills import Broker, FillPolicy
from strategies.engine.market import Market
from strategies.engine.money import to_money
from strategies.engine.nodes import NodeRunner, Visit, runner_of
from strategies.engine.nodes.exit import ExitRunner
from strategies.engine.operand_compiler import OperandCompiler
from strategies.engine.outcomes import BacktestResult, NodeCompletion, NodeExecution, TickOutcome
from strategies.engine.positions import PositionBook, TradeSummary
from strategies.engine.quiet_ticks import QuietTeller, QuietTicksFinder
from strategies.engine.results import RunResults, check_capital
from strategies.engine.run_recorder import RunRecorder, TickRecord
from strategies.engine.run_state import RunState
from strategies.engine.strategy import SquareOffNode, StartNode, StrategyGraph
from strategies.engine.ticks import DayColumns, MarketData, exchange_time

MARKET_CLOSE = "market_close"
"""The exit reason of a trade that the end of the session closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestConfig:
    """
    What to run over what, how orders fill and what they cost.

    Raises:
        CapitalInvalid: If the capital is not above zero.
    """

    strategy: StrategyGraph
    market_data: MarketData
    #: First and last exchange date of the run, both included; None means all that the market data hold.
    start_date: date | None = None
    end_date: date | None = None
    fills: FillPolicy = field(default_factory=FillPolicy)
    costs: CostModel = field(default_factory=no_costs)
    #: What the run begins with, quote currency, > 0; None leaves the figures that need it undefined.
    capital: Decimal | None = None

    def __post_init__(self) -> None:
        check_capital(self.capital)


def _always() -> bool:
    return True


class CentralizedBacktestEngine:
    """
    Runs one strategy over market data. One engine makes one run.

    Args:
        config: What to run over what.

    Raises:
        MarketDataInvalid: If the market data lack what the strategy trades, or every date asked for.
        CostDateUnknown: If the cost model does not know the rates of the first day.
    """

    def __init__(self, config: BacktestConfig) -> None:
        self.config = config
        self.start_date, self.end_date = data_checks.dates_of_run(
            config.market_data, first=config.start_date, last=config.end_date
        )
        data_checks.check_symbols(config.strategy, config.market_data)
        first_date = max(self.start_date, config.market_data.first_date)
        trade_legs.check_dates(config.costs, config.strategy, first_date)
        strategy = config.strategy
        market = Market(strategy, config.market_data.warmup_candles)
        self._state = RunState(
            strategy=strategy,
            market=market,
            book=PositionBook(),
            chain=Chain(strategy.underlying, config.market_data.symbols),
            broker=Broker(market, config.fills),
            protections=strategy.protections,
        )
        self._compiler = OperandCompiler(market, self._state.book, self._state.variables, strategy.printer())
        self._runners: dict[str, NodeRunner[Any]] = {
            node_id: runner_of(strategy.nodes[node_id], self._compiler) for node_id in strategy.order
        }
        self._first = [r for r in self._runners.values() if isinstance(r.node, StartNode | SquareOffNode)]
        # A square-off that a node behind the start activates may have its first turn in the same tick, after that node.
        self._others = [r for r in self._runners.values() if not isinstance(r.node, StartNode)]
        self._places = {runner.node.id: place for place, runner in enumerate(self._others)}
        self._active_version = -1
        self._active_places: list[int] = []
        self._recorder = RunRecorder(self._state, self._runners)
        self._quiet = QuietTicksFinder(self._state, self._recorder, self._next_second)
        self._profits = ProfitRecord()
        self._completions: list[NodeCompletion] = []
        self._close_second = 0
        self._days_run = 0
        self._last_time: datetime | None = None

    def run(self, *, should_continue: Callable[[], bool] = _always) -> BacktestResult:
        """
        Run to the end of the data, recording every tick.

        Args:
            should_continue: Asked before each tick; False ends the run there, as cancelled.

        Raises:
            MarketDataInvalid: If a day of the data cannot be used.
        """
        self.on_start()
        status = self._run_days(should_continue)
        result = self._result(status)
        self.on_end(result)
        return result

    def run_headless(self) -> BacktestResult:
        """
        Run to the end of the data for the trades alone, without a record of the ticks.

        Raises:
            MarketDataInvalid: If a day of the data cannot be used.
        """
        run = self._state
        for day in self._days():
            ticks_before = run.tick
            closed_before = self._begin_day(day, every_tick=False)
            second: int | None = 0
            while second is not None and second < len(run.market.tape):
                run.move_to(second, ticks_before + second + 1)
                self._act(closed_before, None)
                second = self._next_second(second + 1)
            run.move_to(len(run.market.tape) - 1, ticks_before + len(run.market.tape))
            self._state.move_positions()
            self._end_day()
        return self._result("completed")

    def on_start(self) -> None:
        """Take note that the run begins."""

    def on_tick(self, outcome: TickOutcome) -> None:
        """Take note of a tick's outcome."""

    def on_end(self, result: BacktestResult) -> None:
        """Take note that the run is over."""

    @property
    def trade_summary(self) -> TradeSummary:
        """Return the closed trades counted so far."""
        return self._state.book.summary

    @property
    def ticks_run(self) -> int:
        """Return how many ticks have run so far."""
        return self._state.tick

    def quiet_teller(self) -> QuietTeller | None:
        """Return who is told of ticks at which nothing happens, many at once; None where ``on_tick`` is of each."""
        return None

    def _run_days(self, should_continue: Callable[[], bool]) -> Literal["completed", "cancelled"]:
        run = self._state
        for day in self._days():
            closed_before = self._begin_day(day, every_tick=True)
            second = 0
            while second < len(run.market.tape):
                if not should_continue():
                    self._count_day(second)
                    return "cancelled"
                run.move_to(second, run.tick + 1)
                record = TickRecord()
                outcome = self._run_tick(closed_before, record)
                closed_before = len(run.book.trades)
                second, goes_on = self._quiet.go_on(outcome, record, self.quiet_teller, should_continue)
                if not goes_on:
                    self._count_day(second)
                    return "cancelled"
            self._end_day()
        return "completed"

    def _run_tick(self, closed_before: int, record: TickRecord) -> TickOutcome:
        self._act(closed_before, record)
        outcome = self._recorder.outcome(record, closed_before, self._state.now)
        if record.completed:
            self._completions.extend(outcome.completions)
        self.on_tick(outcome)
        return outcome

    def _days(self) -> Iterator[DayColumns]:
        for day in self.config.market_data.days():
            if self.start_date <= day.day <= self.end_date:
                yield day

    def _begin_day(self, day: DayColumns, *, every_tick: bool) -> int:
        """Put a day on the tape; return how many trades there were before anything of it."""
        run = self._state
        closed_before = len(run.book.trades)
        # What the data of the day before ended on: positions are for the day.
        self._close_all(self._last_time)
        run.market.begin_day(day)
        # Of today's contracts alone: one that is first traded tomorrow must not move W0 or a strike today.
        run.chain = Chain(run.strategy.underlying, day.symbols)
        run.begin_day()
        run.book.begin_day(f"@{day.day:%Y%m%d}" if self._days_run else "")
        self._compiler.begin_day()
        for runner in self._runners.values():
            runner.begin_day(every_tick=every_tick)
        self._recorder.begin_day(run.market.tape, every_tick=every_tick)
        self._quiet.begin_day()
        times = run.market.tape.seconds_of_day
        self._close_second = int(np.searchsorted(times, run.market.close_seconds))
        run.activate(run.strategy.start.id, parent_execution_id=None, by_node_id="")
        return closed_before

    def _end_day(self) -> None:
        run = self._state
        last = len(run.market.tape) - 1
        for runner in self._runners.values():
            runner.end_day(last)
        self._count_day(last + 1)
        self._days_run += 1
        self._last_time = exchange_time(run.market.tape.epochs[last])

    def _count_day(self, ticks: int) -> None:
        """Work out the profit after each of the day's ticks that were run."""
        book = self._state.book
        self._profits.end_day(self._state.market.tape, ticks, book.trades, book.open.values())

    def _close_all(self, at: datetime | None = None) -> None:
        """Close every open position at its last price, now or at another time."""
        run = self._state
        for position in list(run.book.open.values()):
            price = to_money(position.last_price)
            run.close_position(
                position.position_id, price=price, trigger_price=price, exit_reason=MARKET_CLOSE,
                exit_type="market_close", at=at,
            )  # fmt: skip

    def _act(self, closed_before: int, record: TickRecord | None) -> None:
        """Let everything that is due at this second happen."""
        run = self._state
        if run.book.open:
            self._state.move_positions()
        had_turn: list[NodeRunner[Any]] = []
        for runner in self._first:
            if runner.node.id in run.active:
                had_turn.append(runner)
                self._take(runner, runner.visit(run), record)
        if run.second >= self._close_second:
            # The session is over: nothing stays open, and no node is active any more.
            self._close_all()
            run.deactivate(list(run.active))
            return
        if run.guard_plans:
            had_turn += self._trigger_guards(record)
        # Nodes that become active behind the place where the pass stands still have their turn in it.
        place = -1
        while (place := self._next_active(place)) < len(self._others):
            runner = self._others[place]
            if run.active[runner.node.id].from_tick <= run.tick and runner not in had_turn:
                self._take(runner, runner.visit(run), record)

    def _next_active(self, after: int) -> int:
        """Return the place of the first active node after a place; past the last one where there is none."""
        run = self._state
        if run.active_version != self._active_version:
            self._active_version = run.active_version
            places = (self._places.get(node_id) for node_id in run.active)
            self._active_places = sorted(place for place in places if place is not None)
        for place in self._active_places:
            if place > after:
                return place
        return len(self._others)

    def _take(
        self,
        runner: NodeRunner[Any],
        visit: Visit,
        record: TickRecord | None,
    ) -> None:
        """Let a node's turn take effect, and record it unless the run is headless."""
        run = self._state
        node_id = runner.node.id
        activation = run.active[node_id]
        execution: NodeExecution | None = None
        if record is not None:
            execution = self._recorder.execution(runner, activation, visit)
            record.executions.append(execution)
        if visit.outcome == "waits":
            if record is not None and visit.conditions is not None and not visit.note:
                record.waiting.append(visit.conditions)
            return
        run.deactivate((node_id,))
        if visit.outcome == "completes":
            execution_id = execution.execution_id if execution else None
            activated = self._activate_next(runner, execution_id, visit)
            if execution is not None and record is not None:
                record.completed.append((execution, visit, activated))

    def _activate_next(self, runner: NodeRunner[Any], execution_id: str | None, visit: Visit) -> tuple[str, ...]:
        if visit.day_is_over:
            self._state.deactivate(list(self._state.active))
            return ()
        again = visit.re_entry_node_id
        next_ids = tuple(dict.fromkeys((*((again,) if again else ()), *runner.node.children)))
        for node_id in next_ids:
            # A re-entry follows its signal one tick later, wherever its target stands in the order.
            self._state.activate(
                node_id,
                parent_execution_id=execution_id,
                by_node_id=runner.node.id,
                from_tick=self._state.tick + 1 if node_id == again else 0,
            )
        return next_ids

    def _trigger_guards(self, record: TickRecord | None) -> list[NodeRunner[Any]]:
        """Close what guards say is to be closed now; return the nodes whose orders wait to be filled."""
        run = self._state
        waiting: list[NodeRunner[Any]] = []
        due = [(name, plan) for name, plan in run.guard_plans.items() if plan.second <= run.second]
        for name, plan in due:
            runner = self._runners[plan.node_id]
            if name not in run.book.open or not isinstance(runner, ExitRunner):
                continue
            entered_by = run.book.open[name].entry_node_id
            run.activate(plan.node_id, parent_execution_id=None, by_node_id=entered_by)
            run.release_guards(name)
            visit = runner.guard(run, plan)
            self._take(runner, visit, record)
            if visit.outcome == "waits":
                waiting.append(runner)
        return waiting

    def _next_second(self, second: int) -> int | None:
        """Return the first second, from a given one on, at which anything can happen; None where there is none."""
        run = self._state
        soonest: int | None = None
        for node_id in run.active:
            turn = self._runners[node_id].next_turn(run, second)
            if turn is not None and (soonest is None or turn < soonest):
                soonest = turn
                if soonest <= second:
                    return second
        for plan in run.guard_plans.values():
            if soonest is None or plan.second < soonest:
                soonest = plan.second
        if (run.book.open or run.active) and (soonest is None or self._close_second < soonest):
            soonest = self._close_second
        return None if soonest is None else max(soonest, second)

    def _result(self, status: Literal["completed", "cancelled"]) -> BacktestResult:
        run, config = self._state, self.config
        trades, open_positions = tuple(run.book.trades), run.book.marks()
        return BacktestResult(
            status=status,
            total_ticks=run.tick,
            trades=trades,
            summary=run.book.summary,
            completions=tuple(self._completions),
            open_positions=open_positions,
            strategy_fingerprint=run.strategy.fingerprint,
            market_data_fingerprint=config.market_data.fingerprint,
            fills=config.fills,
            costs=config.costs,
            capital=config.capital,
            results=RunResults(
                trades=trades,
                excursions=tuple(self._profits.excursions),
                open_positions=open_positions,
                curve_before_costs=self._profits.curve,
                strategy=run.strategy,
                costs=config.costs,
                capital=config.capital,
            ),
        )
