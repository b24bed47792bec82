"""
The engine: runs one strategy over market data, one second at a time.

How a tick runs: all raw ticks of the second are applied in their order; then every node is visited once, in
topological order, and an active one has its turn; then open positions are marked and the outcome is handed out. The
engine knows no clock and no viewer. A caller that wants to pace, cancel or record a run passes a function or
overrides one of the three ``on_…`` methods.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from strategies.engine.chain import OptionChain
from strategies.engine.conditions import ConditionCompiler
from strategies.engine.errors import MarketDataInvalid
from strategies.engine.market import Market
from strategies.engine.nodes import NodeRunner, Visit, runner_of
from strategies.engine.outcomes import (
    CANDLES_SHOWN,
    BacktestResult,
    NodeCompletion,
    NodeExecution,
    QuoteView,
    SeriesView,
    TickOutcome,
)
from strategies.engine.positions import PositionBook, TradeSummary
from strategies.engine.run_state import Activation, RunState
from strategies.engine.strategy import EntryNode, OptionPick, StrategyGraph
from strategies.engine.ticks import MarketData, TickSecond


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestConfig:
    """What to run over what."""

    strategy: StrategyGraph
    market_data: MarketData
    #: First and last exchange date of the run, both included; None means all that the market data hold.
    start_date: date | None = None
    end_date: date | None = None


def _always() -> bool:
    return True


class CentralizedBacktestEngine:
    """
    Runs one strategy over market data. One engine makes one run.

    Args:
        config: What to run over what.

    Raises:
        MarketDataInvalid: If the market data lack what the strategy trades, or every date asked for.
    """

    def __init__(self, config: BacktestConfig) -> None:
        self.config = config
        self.start_date, self.end_date = _dates(config)
        _check_symbols(config)
        strategy = config.strategy
        market = Market(strategy, config.market_data.warmup_candles)
        self._state = RunState(
            strategy=strategy,
            market=market,
            book=PositionBook(),
            chain=OptionChain(strategy.underlying, config.market_data.symbols),
        )
        compiler = ConditionCompiler(market, self._state.book, self._state.variables, strategy.printer())
        self._runners: dict[str, NodeRunner[Any]] = {
            node_id: runner_of(strategy.nodes[node_id], compiler) for node_id in strategy.order
        }
        self._picks = _picks(strategy)
        self._completions: list[NodeCompletion] = []

    def run(self, *, should_continue: Callable[[], bool] = _always) -> BacktestResult:
        """
        Run to the end of the data.

        Args:
            should_continue: Asked before each tick; False ends the run there, as cancelled.

        Raises:
            MarketDataInvalid: If a tick of the data cannot be used.
        """
        self.on_start()
        status: Literal["completed", "cancelled"] = "completed"
        self._state.activate(self._state.strategy.start.id, parent_execution_id=None, by_node_id="")
        for second in self._seconds():
            if not should_continue():
                status = "cancelled"
                break
            outcome = self._run_tick(second)
            self._completions.extend(outcome.completions)
            self.on_tick(outcome)
        result = self._result(status)
        self.on_end(result)
        return result

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

    def _seconds(self) -> Iterator[TickSecond]:
        for second in self.config.market_data.seconds():
            day = second.timestamp.date()
            if day > self.end_date:
                return
            if day >= self.start_date:
                yield second

    def _run_tick(self, second: TickSecond) -> TickOutcome:
        run = self._state
        run.market.apply(second)
        # Counted only now: a second that is refused was no tick.
        run.tick += 1
        closed_before = len(run.book.trades)
        executions: list[NodeExecution] = []
        completed: list[tuple[NodeExecution, Visit, tuple[str, ...]]] = []
        for node_id, runner in self._runners.items():
            if (activation := run.active.get(node_id)) is None:
                continue
            visit = runner.visit(run)
            execution = self._execution(runner, activation, visit)
            executions.append(execution)
            if visit.outcome != "waits":
                run.deactivate((node_id,))
            if visit.outcome == "completes":
                completed.append((execution, visit, self._activate_next(runner, execution, visit)))
        after = TickOutcome(
            tick=run.tick,
            timestamp=run.now,
            executions=tuple(executions),
            completions=(),
            trades=tuple(run.book.trades[closed_before:]),
            summaries=tuple(run.book.summaries[closed_before:]),
            positions=run.book.marks(),
            pnl=run.book.pnl(),
            quotes=self._quotes(),
            active_nodes=tuple(node_id for node_id in self._runners if node_id in run.active),
        )
        if not completed:
            return after
        return replace(after, completions=tuple(self._completion(*item, after) for item in completed))

    def _execution(self, runner: NodeRunner[Any], activation: Activation, visit: Visit) -> NodeExecution:
        node = runner.node
        return NodeExecution(
            execution_id=self._execution_id(node.id, activation),
            parent_execution_id=activation.parent_execution_id,
            node_id=node.id,
            node_name=node.label,
            node_type=node.class_name,
            signal_emitted=visit.outcome == "completes",
            evaluated_conditions=visit.conditions.record() if visit.conditions else None,
            note=visit.note,
        )

    def _execution_id(self, node_id: str, activation: Activation) -> str:
        """Name an execution by what identifies it, so that a rerun gives the same ids."""
        now = self._state.now
        identity = f"{self._state.strategy.fingerprint}|{node_id}|{activation.number}|{now.isoformat()}"
        digest = hashlib.blake2b(identity.encode(), digest_size=3).hexdigest()
        return f"exec_{node_id}_{now:%Y%m%d_%H%M%S}_{digest}"

    def _activate_next(self, runner: NodeRunner[Any], execution: NodeExecution, visit: Visit) -> tuple[str, ...]:
        if visit.day_is_over:
            return ()
        next_ids = dict.fromkeys(
            ([visit.re_entry_node_id] if visit.re_entry_node_id else []) + list(runner.node.children)
        )
        for node_id in next_ids:
            self._state.activate(node_id, parent_execution_id=execution.execution_id, by_node_id=runner.node.id)
        return tuple(next_ids)

    def _completion(
        self, execution: NodeExecution, visit: Visit, activated: tuple[str, ...], after: TickOutcome
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
            series=self._series(),
            quotes=after.quotes,
            known_variables={f"{node_id}.{name}": value for (node_id, name), value in self._state.variables.items()},
            positions=after.positions,
            pnl=after.pnl,
            active_nodes=after.active_nodes,
        )

    def _series(self) -> dict[str, SeriesView]:
        """Return the candles and indicators of every timeframe as of now."""
        names = self._state.strategy.printer().indicator_names
        return {
            f"{role}.{timeframe_id}": SeriesView(
                finished=tuple(series.candles.finished[-CANDLES_SHOWN:]),
                current=series.candles.building(),
                indicators={
                    names[role, timeframe_id, key]: indicator.values[-1] if indicator.values else None
                    for key, indicator in series.indicators.items()
                },
            )
            for (role, timeframe_id), series in self._state.market.series.items()
        }

    def _quotes(self) -> dict[str, QuoteView]:
        run = self._state
        market = run.market
        symbols = dict.fromkeys(market.symbols.values())
        symbols |= run.traded_symbols
        spot = market.quotes.get(run.strategy.underlying)
        if spot is not None and run.active:
            day = run.now.date()
            for pick in self._picks:
                if symbol := run.chain.symbol(pick, spot=spot.ltp, on=day):
                    symbols[symbol] = None
        return {
            symbol: QuoteView(ltp=quote.ltp, at=quote.at)
            for symbol in symbols
            if (quote := market.quotes.get(symbol)) is not None
        }

    def _result(self, status: Literal["completed", "cancelled"]) -> BacktestResult:
        run = self._state
        return BacktestResult(
            status=status,
            total_ticks=run.tick,
            trades=tuple(run.book.trades),
            summary=run.book.summary,
            completions=tuple(self._completions),
            strategy_fingerprint=run.strategy.fingerprint,
            market_data_fingerprint=self.config.market_data.fingerprint,
        )


def _dates(config: BacktestConfig) -> tuple[date, date]:
    """Return the first and last date of the run, within the market data."""
    data = config.market_data
    first = config.start_date or data.first_date
    last = config.end_date or data.last_date
    if first > last:
        raise MarketDataInvalid(f"the run would start on {first} and end before it, on {last}; swap the dates")
    if last < data.first_date or first > data.last_date:
        raise MarketDataInvalid(
            f"no tick lies between {first} and {last}; the market data hold {data.first_date} to {data.last_date}"
        )
    return first, last


def _check_symbols(config: BacktestConfig) -> None:
    """Check that what the strategy trades occurs in the market data."""
    start = config.strategy.start
    known = config.market_data.symbols
    for instrument in (start.instrument, start.supporting):
        if instrument is not None and instrument.symbol not in known:
            others = ", ".join(sorted(symbol for symbol in known if ":" not in symbol)) or "none"
            raise MarketDataInvalid(
                f"the strategy uses the symbol {instrument.symbol!r}, which has no tick in the market data; "
                f"underlyings there: {others}"
            )
    if _picks(config.strategy) and not OptionChain(config.strategy.underlying, known).expiries:
        raise MarketDataInvalid(
            f"the strategy trades options on {config.strategy.underlying}, but the market data hold no option contract"
        )


def _picks(strategy: StrategyGraph) -> tuple[OptionPick, ...]:
    """Return the different option picks of all entry nodes."""
    picks = (
        position.option
        for node in strategy.nodes.values()
        if isinstance(node, EntryNode)
        for position in node.positions
    )
    return tuple(dict.fromkeys(pick for pick in picks if pick is not None))
