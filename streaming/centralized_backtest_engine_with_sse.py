"""
The engine that tells what it does: every outcome becomes numbered events, handed to callbacks, fire and forget.

Within one tick the order is tick_update, its node events in execution order, its trade updates. The first event is an
empty initial_state; the last is backtest_complete, whatever way the run ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.engine.errors import EngineError
from strategies.engine.outcomes import BacktestResult, TickOutcome
from strategies.engine.quiet_ticks import QuietTeller, QuietTicks
from streaming import payloads, quiet_tick_text
from streaming.protocol import json_text, messages, snapshots
from streaming.sse_event_emitter import EncodedEvent, SSEEvent, SSEEventEmitter


class CentralizedBacktestEngineWithSSE(CentralizedBacktestEngine):
    """
    Runs one strategy and emits the five event types of the stream protocol.

    Args:
        config: What to run over what.
        session_id: Names the run in every event.

    Raises:
        MarketDataInvalid: If the market data lack what the strategy trades.
    """

    def __init__(self, config: BacktestConfig, session_id: str) -> None:
        super().__init__(config)
        self.session_id = session_id
        self.emitter = SSEEventEmitter(session_id)
        self._diagnostics = messages.empty_diagnostics()
        self._writer = payloads.TickWriter()
        #: Event id and payload (or its JSON) of the last tick_update; None before the first.
        self._last_tick: tuple[int, dict[str, Any] | bytes] | None = None
        self._trades = messages.empty_trades(self.start_date.isoformat())
        self._result_callbacks: list[Callable[[BacktestResult], None]] = []

    def register_sse_callback(self, callback: Callable[[SSEEvent], None]) -> None:
        """Hand every later event to a callback. One that raises is logged and dropped; the run goes on."""
        self.emitter.register(callback)

    def register_encoded_callback(self, callback: Callable[[EncodedEvent], None]) -> None:
        """
        Hand every later event to a callback as JSON bytes, many times as fast as plain data while nothing happens.

        One that raises is logged and dropped; the run goes on.
        """
        self.emitter.register_encoded(callback)

    def register_result_callback(self, callback: Callable[[BacktestResult], None]) -> None:
        """Hand the result to a callback before the last event. One that raises fails the run."""
        self._result_callbacks.append(callback)

    def run(self, *, should_continue: Callable[[], bool] | None = None) -> BacktestResult:
        """
        Run to the end of the data, emitting as it goes.

        Args:
            should_continue: Asked before each tick; False ends the run there, as cancelled.

        Raises:
            EngineError: If the data cannot be used. The failure is emitted as backtest_complete first; so is that of
                any other exception.
        """
        try:
            return super().run() if should_continue is None else super().run(should_continue=should_continue)
        except EngineError as error:
            self._emit_complete("failed", error=str(error))
            raise
        except Exception as error:
            self._emit_complete("failed", error=f"{type(error).__name__}: {error}")
            raise

    def on_start(self) -> None:
        """Emit event 0."""
        self.emitter.emit(messages.INITIAL_STATE, self._snapshot())

    def on_tick(self, outcome: TickOutcome) -> None:
        """Emit a tick with everything that completed in it."""
        self._emit_tick(self._writer.tick_update(outcome))
        for completion in outcome.completions:
            event = payloads.node_event(completion)
            self._diagnostics["events_history"][event["execution_id"]] = event
            self.emitter.emit(messages.NODE_EVENT, event)
        for closed, summary in zip(outcome.trades, outcome.summaries, strict=True):
            update = payloads.trade_update(closed, summary)
            self._trades["trades"].append(update["trade"])
            self._trades["summary"] = update["summary"]
            self.emitter.emit(messages.TRADE_UPDATE, update)

    def quiet_teller(self) -> QuietTeller | None:
        """Return who writes quiet ticks as bytes; None where a callback, or an `on_tick` of its own, wants more."""
        if self.emitter.is_data_wanted or type(self).on_tick is not CentralizedBacktestEngineWithSSE.on_tick:
            return None
        return self._tell_quiet_ticks

    def _tell_quiet_ticks(self, quiet: QuietTicks) -> Iterator[None]:
        before = self._writer.tick_update(quiet.before)
        for body, point in quiet_tick_text.write(quiet, before, underlying=self.config.strategy.underlying):
            self._last_tick = (self.emitter.emit_encoded(messages.TICK_UPDATE, body, point), body)
            yield

    def on_end(self, result: BacktestResult) -> None:
        """Hand out the result, then emit the last event."""
        for callback in self._result_callbacks:
            callback(result)
        self._emit_complete(result.status)

    def _emit_tick(self, payload: dict[str, Any]) -> None:
        self._last_tick = (self.emitter.emit(messages.TICK_UPDATE, payload), payload)

    def _emit_complete(self, status: messages.CompletionStatus, error: str | None = None) -> None:
        ending = snapshots.completion_fields(total_ticks=self.ticks_run, status=status, error=error)
        self.emitter.emit(messages.BACKTEST_COMPLETE, {**self._snapshot(), **ending})

    def _snapshot(self) -> dict[str, Any]:
        if self._last_tick is not None:
            event_id, told = self._last_tick
            payload = json_text.decode(told) if isinstance(told, bytes) else told
            self._diagnostics["current_state"] = {"event_id": event_id, "session_id": self.session_id, **payload}
        return snapshots.snapshot_fields(
            diagnostics=json_text.encode(self._diagnostics),
            trades=json_text.encode(self._trades),
            strategy_id=self.config.strategy.strategy_id,
            start_date=self.start_date.isoformat(),
            end_date=self.end_date.isoformat(),
        )
