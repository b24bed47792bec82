"""What a run came to is handed out before the stream tells that it is over."""

import pytest

from strategies.engine.outcomes import BacktestResult
from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from streaming.sse_event_emitter import SSEEvent
from tests.strategies.engine import random_days


def test_the_result_comes_before_the_last_event() -> None:
    engine = CentralizedBacktestEngineWithSSE(random_days.config(1), session_id="one")
    told: list[object] = []
    engine.register_sse_callback(lambda event: told.append(event["event"]))
    engine.register_result_callback(told.append)

    result = engine.run()

    assert told[-2:] == [result, "backtest_complete"]


def test_a_callback_that_cannot_take_the_result_fails_the_run() -> None:
    engine = CentralizedBacktestEngineWithSSE(random_days.config(1), session_id="one")
    events: list[SSEEvent] = []

    def refuse(result: BacktestResult) -> None:
        raise ValueError(f"no room for {result.total_ticks} ticks")

    engine.register_sse_callback(events.append)
    engine.register_result_callback(refuse)
    with pytest.raises(ValueError, match="no room"):
        engine.run()

    assert events[-1]["data"]["status"] == "failed"
    assert "no room for" in events[-1]["data"]["error"]
