"""The integration of the stream's design runs on today's engine, as it was written."""

import json
from collections.abc import Callable

import pytest

from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from streaming.sse_event_emitter import SSEEvent
from tests import viewers
from tests.examples import small_app
from tests.examples.example_server import SESSION, Server

pytestmark = pytest.mark.slow


def test_a_viewer_sees_the_whole_run_event_by_event(serve: Callable[..., Server]) -> None:
    """S1, S4: the callback API is what the design says it is."""
    events: list[SSEEvent] = []
    engine = CentralizedBacktestEngineWithSSE(small_app.small_config(), SESSION)
    engine.register_sse_callback(events.append)
    engine.run()

    seen = serve("tests.examples.design_app:app").read()

    assert seen.was_ended
    assert [(frame.event, json.loads(frame.data), int(frame.last_event_id)) for frame in seen.frames] == [
        (event["event"], event["data"], event["data"]["event_id"]) for event in events
    ]
    assert viewers.state_of(seen.frames) == viewers.state_after(events)
