"""The console: which events are shown, and how."""

from __future__ import annotations

import io
import os
from typing import Any

import pytest

from streaming.backtest_console import lines_of, open_console
from streaming.protocol import snapshots
from streaming.sse_event_emitter import EncodedEvent, SSEEvent


def tick(number: int) -> SSEEvent:
    """Build the tick_update of a tick."""
    data = {"event_id": number + 7, "tick": number, "execution_count": 4, "open_positions": [{}, {}]}
    return {"event": "tick_update", "data": data}


def encoded(event: SSEEvent) -> EncodedEvent:
    """Return an event as the engine hands it to the console."""
    return EncodedEvent(event["event"], event["data"]["event_id"], data=event["data"])


@pytest.mark.parametrize("number", [1, 100, 200, 22_300])
def test_the_first_and_every_hundredth_tick_are_shown(number: int) -> None:
    assert lines_of(tick(number)) == [f"[Event {number + 7}] tick_update #{number}: 4 nodes, 2 positions"]


@pytest.mark.parametrize("number", [2, 99, 101, 22_351])
def test_other_ticks_are_not_shown(number: int) -> None:
    assert lines_of(tick(number)) == []


def test_a_node_event_is_shown() -> None:
    event: SSEEvent = {
        "event": "node_event",
        "data": {"event_id": 242, "node_id": "entry-condition-1", "signal_emitted": True},
    }

    assert lines_of(event) == ["[Event 242] node_event: entry-condition-1 (signal=True)"]


def test_a_trade_is_shown() -> None:
    event: SSEEvent = {
        "event": "trade_update",
        "data": {"event_id": 243, "trade": {"symbol": "NIFTY:2024-11-07:OPT:24000:PE", "pnl": "29.25"}},
    }

    assert lines_of(event) == ["[Event 243] trade_update: NIFTY:2024-11-07:OPT:24000:PE P&L=29.25"]


def snapshot(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    """Build the payload of a snapshot event."""
    fields = snapshots.snapshot_fields(
        diagnostics=b"x" * 106_000, trades=b"[]", strategy_id="rsi", start_date="2024-10-29", end_date="2024-10-29"
    )
    return {"event_id": 0, **fields, **more}


def test_both_sizes_of_a_snapshot_are_shown_under_their_right_names() -> None:
    assert lines_of({"event": "initial_state", "data": snapshot()}) == [
        "[Event 0] initial_state",
        "  Diagnostics: 106,000 bytes uncompressed, 137 bytes compressed",
        "  Trades: 2 bytes uncompressed, 22 bytes compressed",
    ]


def test_the_end_is_shown_with_its_status() -> None:
    data = snapshot(event_id=22_397, total_ticks=22_351, status="completed")

    assert lines_of({"event": "backtest_complete", "data": data}) == [
        "[Event 22397] backtest_complete",
        "  Status: completed",
        "  Total ticks: 22,351",
        "  Final diagnostics: 106,000 bytes uncompressed, 137 bytes compressed",
        "  Final trades: 2 bytes uncompressed, 22 bytes compressed",
    ]


def test_lines_go_to_the_output_as_they_are() -> None:
    out = io.StringIO()

    with open_console(out, total_ticks=22_351) as console:
        for number in (1, 2, 3):
            console(encoded(tick(number)))
    console.write("done")

    assert out.getvalue() == "[Event 8] tick_update #1: 4 nodes, 2 positions\ndone\n"


def test_a_reader_that_has_seen_enough_does_not_end_the_run() -> None:
    reading, writing = os.pipe()
    os.close(reading)

    with os.fdopen(writing, "w", encoding="utf-8") as out, open_console(out, total_ticks=22_351) as console:
        for number in range(1, 101):
            console(encoded(tick(number)))
