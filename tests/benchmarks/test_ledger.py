"""The ledger: it lets the true stream pass, and counts whatever is wrong with another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from benchmarks import sma_cross
from benchmarks.ledger import Ledger, Truth
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.graph import parse_strategy
from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from streaming.protocol import fold, json_text, messages, snapshots
from streaming.protocol.frames import Frame

_SECONDS = 520


@pytest.fixture(scope="module")
def events() -> list[Mapping[str, Any]]:
    """Return a session's events: 520 ticks with one trade in them."""
    prices = sma_cross.synthetic_prices().first(_SECONDS)
    config = BacktestConfig(
        strategy=parse_strategy(sma_cross.strategy_document()),
        market_data=sma_cross.market_data(prices, sma_cross.weekdays(1)),
    )
    found: list[Mapping[str, Any]] = []
    engine = CentralizedBacktestEngineWithSSE(config=config, session_id="s")
    engine.register_sse_callback(found.append)
    engine.run()
    return found


@pytest.fixture(scope="module")
def truth(events: Sequence[Mapping[str, Any]]) -> Truth:
    """Return what a viewer should see of them."""
    return Truth(events)


def _frame(event: Mapping[str, Any]) -> Frame:
    data = event["data"]
    return Frame(event["event"], json_text.encode(data).decode(), str(data["event_id"]))


def _snapshot(events: Sequence[Mapping[str, Any]], event_id: int, *, holds_through: int | None = None) -> Frame:
    """Write the snapshot of an event; a wrong one holds another event's state."""
    state = fold.nothing_seen()
    for event in events[: (event_id if holds_through is None else holds_through) + 1]:
        state = fold.fold(state, event["event"], event["data"])
    payload = snapshots.initial_state_payload(
        event_id=event_id,
        session_id="s",
        diagnostics=json_text.encode(dict(state.diagnostics)),
        trades=json_text.encode(dict(state.trades)),
        strategy_id="x",
        start_date="2024-10-29",
        end_date="2024-10-29",
    )
    return Frame(messages.INITIAL_STATE, json_text.encode(payload).decode(), str(event_id))


def _account(
    truth: Truth, frames: Sequence[Frame], *, cursor: int | None = None, mode: str = "live", head: int = -1
) -> Ledger:
    ledger = Ledger(truth)
    ledger.connect(cursor, mode=mode, head=head, skips=False)
    for frame in frames:
        ledger.take(frame)
    return ledger


def test_the_true_stream_is_clean(events: list[Mapping[str, Any]], truth: Truth) -> None:
    ledger = _account(truth, [_frame(event) for event in events])

    assert ledger.is_clean
    assert ledger.has_ended
    assert (ledger.events, ledger.snapshots) == (len(events), 0)
    assert {"node_event", "trade_update"} < {event["event"] for event in events}


def test_a_snapshot_stands_for_all_before_it(events: list[Mapping[str, Any]], truth: Truth) -> None:
    frames = [_snapshot(events, 200), *map(_frame, events[201:])]

    ledger = _account(truth, frames, mode="snapshot", head=200)

    assert ledger.is_clean
    assert (ledger.events, ledger.snapshots) == (len(events) - 200, 1)


def test_a_doubled_event_is_counted(events: list[Mapping[str, Any]], truth: Truth) -> None:
    frames = [_frame(event) for event in events]
    frames.insert(301, frames[300])

    ledger = _account(truth, frames)

    assert (ledger.lost, ledger.doubled, ledger.faults) == (0, 1, [])
    assert not ledger.is_clean


def test_an_event_that_the_viewer_had_before_the_cut_is_counted(events: list[Mapping[str, Any]], truth: Truth) -> None:
    ledger = _account(truth, [_frame(event) for event in events[:100]])
    ledger.connect(ledger.cursor, mode="replay", head=150, skips=False)
    for event in events[98:]:
        ledger.take(_frame(event))

    assert (ledger.lost, ledger.doubled, ledger.faults) == (0, 2, [])


def test_a_lost_event_is_counted(events: list[Mapping[str, Any]], truth: Truth) -> None:
    frames = [_frame(event) for event in events]
    del frames[300:303]

    ledger = _account(truth, frames)

    assert (ledger.lost, ledger.doubled) == (3, 0)


def test_a_lost_trade_makes_the_state_another_one_too(events: list[Mapping[str, Any]], truth: Truth) -> None:
    frames = [_frame(event) for event in events if event["event"] != messages.TRADE_UPDATE]

    ledger = _account(truth, frames)

    assert ledger.lost == len(events) - len(frames) > 0
    assert ledger.faults == ["the last event holds another state than its viewer had"]


def test_what_comes_without_its_beginning_is_lost(events: list[Mapping[str, Any]], truth: Truth) -> None:
    ledger = _account(truth, [_frame(event) for event in events[200:]])

    assert ledger.lost == 200


def test_an_altered_event_is_told(events: list[Mapping[str, Any]], truth: Truth) -> None:
    """Also one whose effect the next tick wipes out."""
    frames = [_frame(event) for event in events]
    frames[300] = frames[300]._replace(data=frames[300].data.replace('"tick":', '"tick":1'))

    ledger = _account(truth, frames)

    assert (ledger.lost, ledger.doubled, ledger.faults) == (0, 0, ["event 300 is not the true one"])


def test_a_frame_with_another_id_than_its_payload_is_told(events: list[Mapping[str, Any]], truth: Truth) -> None:
    ledger = _account(truth, [_frame(events[0]), _frame(events[1])._replace(last_event_id="2")])

    assert ledger.lost == 1
    assert "event 2 says that it is 1" in ledger.faults


@pytest.mark.parametrize("holds_through", [199, 201])
def test_a_snapshot_of_another_moment_is_told(
    events: list[Mapping[str, Any]], truth: Truth, holds_through: int
) -> None:
    ledger = _account(truth, [_snapshot(events, 200, holds_through=holds_through)], mode="snapshot", head=200)

    assert ledger.faults == ["the snapshot of event 200 is not the state after it"]


def test_a_snapshot_where_events_were_due_is_told(events: list[Mapping[str, Any]], truth: Truth) -> None:
    ledger = _account(truth, [_snapshot(events, 200)], cursor=150, mode="replay", head=200)

    assert ledger.faults == ["a snapshot of event 200 after event 150, where events were due"]


def test_a_snapshot_that_goes_back_is_told(events: list[Mapping[str, Any]], truth: Truth) -> None:
    ledger = _account(truth, [_snapshot(events, 200)], cursor=300, mode="snapshot", head=200)

    assert "a snapshot of event 200 after event 300: it goes back" in ledger.faults


@pytest.mark.parametrize(
    ("cursor", "mode", "head"),
    [
        (None, "replay", 50),
        (None, "live", 50),
        (10, "live", 50),
        (10, "replay", 110),
        (50, "snapshot", 50),
        (10, "complete", 109),
        (None, "elsewhere", 50),
    ],
)
def test_a_mode_that_the_gap_rule_does_not_allow_is_told(
    truth: Truth, cursor: int | None, mode: str, head: int
) -> None:
    ledger = _account(truth, [], cursor=cursor, mode=mode, head=head)

    assert ledger.faults == [f"mode {mode} at head {head} for cursor {cursor}"]


@pytest.mark.parametrize(
    ("cursor", "mode", "head"),
    [
        (None, "live", -1),
        (None, "snapshot", 50),
        (50, "live", 50),
        (10, "replay", 109),
        (10, "snapshot", 110),
        (10, "complete", 110),
        (None, "complete", 50),
    ],
)
def test_a_mode_of_the_gap_rule_is_clean(truth: Truth, cursor: int | None, mode: str, head: int) -> None:
    assert _account(truth, [], cursor=cursor, mode=mode, head=head).is_clean


def test_an_end_that_says_something_else_is_told(events: list[Mapping[str, Any]], truth: Truth) -> None:
    last = events[-1]
    trades = snapshots.pack(json_text.encode(dict(messages.empty_trades("2024-10-29"))))
    frames = [*map(_frame, events[:-1]), _frame({**last, "data": {**last["data"], "trades": trades}})]

    ledger = _account(truth, frames)

    assert ledger.faults == [
        f"event {truth.head} is not the true one",
        "the last event holds another state than its viewer had",
        "the state at the end is not the session's",
    ]
