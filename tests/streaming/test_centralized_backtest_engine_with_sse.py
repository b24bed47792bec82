"""The engine that tells what it does: order, numbers, snapshots, callbacks, and every way a run may end."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.errors import MarketDataInvalid
from strategies.engine.graph import parse_strategy
from strategies.engine.outcomes import BacktestResult
from strategies.engine.ticks import DayColumns, MarketData
from strategies.market_data.files import load_market_data
from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from streaming.protocol import json_text, messages, snapshots
from streaming.protocol.fold import ViewerState, fold, nothing_seen
from streaming.sse_event_emitter import SSEEvent
from tests.builders.market_data import NEXT_DAY, WrittenDays, market_data, seconds
from tests.builders.runs import run
from tests.builders.strategy_documents import (
    Json,
    always,
    entry,
    entry_signal,
    exit_node,
    exit_signal,
    ltp,
    option,
    position,
    re_entry_signal,
    square_off,
    start_node,
    strategy_document,
    when,
)

PUT = "NIFTY:2024-11-07:OPT:24250:PE"
PRICES = (24_240, 24_255, 24_265, 24_255, 24_250, 24_270)


def document() -> Json:
    """Sell a put above 24,250, buy it back above 24,260, and again."""
    return strategy_document(
        start_node(),
        entry_signal("signal", when(ltp(), ">", 24_250), variables={"Price": ltp()}),
        entry("entry", position("pos", "sell", quantity=75, max_entries=9, option=option("PE"))),
        exit_signal("leave", when(ltp(), ">", 24_260)),
        exit_node("exit", "pos"),
        re_entry_signal("again", "entry", always(), max_re_entries=1),
        square_off(minutes_before_close=5),
        edges=["start > signal > entry > leave > exit > again > entry", "start > square-off"],
    )


def day() -> WrittenDays:
    return market_data(*({"NIFTY": price, PUT: 24_500 - price} for price in PRICES))


class BrokenDays(WrittenDays):
    """Two days, the second of which can no longer be read when its turn comes."""

    def __init__(self) -> None:
        first = seconds({"NIFTY": 24_255, PUT: 200.0}, {"NIFTY": 24_265, PUT: 190.0})
        super().__init__([*first, *seconds({"NIFTY": 24_255}, on=NEXT_DAY)])

    def days(self) -> Iterator[DayColumns]:
        """Return the first day, then fail."""
        days = super().days()
        yield next(days)
        raise MarketDataInvalid("the file ends in the middle of a row", place="2024-10-30.csv, line 7")


def engine_of(
    data: MarketData, *, session_id: str = "run-1", found: Json | None = None
) -> CentralizedBacktestEngineWithSSE:
    config = BacktestConfig(strategy=parse_strategy(found or document()), market_data=data)
    return CentralizedBacktestEngineWithSSE(config, session_id)


def events_of(data: MarketData, **more: Any) -> list[SSEEvent]:  # noqa: ANN401 - passed on
    events, _ = recorded(engine_of(data, **more))
    return events


def recorded(
    engine: CentralizedBacktestEngineWithSSE, **how: Callable[[], bool]
) -> tuple[list[SSEEvent], BacktestResult]:
    events: list[SSEEvent] = []
    engine.register_sse_callback(events.append)
    return events, engine.run(**how)


def folded(events: list[SSEEvent]) -> ViewerState:
    """Return what a viewer of all events but the last knows."""
    state = nothing_seen()
    for event in events[:-1]:
        state = fold(state, event["event"], event["data"])
    return state


def test_the_events_of_a_run_come_in_the_order_of_the_protocol() -> None:
    """S3: a tick_update, then its node events in execution order, then its trade updates."""
    events = events_of(day())

    assert [_in_short(event) for event in events] == [
        "initial_state",
        "tick_update 1", "node_event start",
        "tick_update 2", "node_event signal", "node_event entry",
        "tick_update 3", "node_event leave", "node_event exit", "node_event again", "trade_update pos-r0",
        "tick_update 4", "node_event entry",
        "tick_update 5",
        "tick_update 6", "node_event leave", "node_event exit", "trade_update pos-r1",
        "backtest_complete completed",
    ]  # fmt: skip


def _in_short(event: SSEEvent) -> str:
    name, data = event["event"], event["data"]
    about = {
        "tick_update": lambda: data["tick"],
        "node_event": lambda: data["node_id"],
        "trade_update": lambda: data["trade"]["trade_id"],
        "backtest_complete": lambda: data["status"],
    }
    return f"{name} {about[name]()}" if name in about else name


def test_a_tick_update_already_shows_what_its_node_events_and_trades_tell() -> None:
    """S3."""
    events = [event["data"] for event in events_of(day())]

    entered, left = events[3], events[6]
    assert [mark["position_id"] for mark in entered["open_positions"]] == ["pos"]
    assert left["open_positions"] == []
    assert left["pnl_summary"]["closed_trades"] == 1
    assert left["pnl_summary"]["realized_pnl"] == events[10]["summary"]["total_pnl"] == "750.00"


def test_events_are_numbered_from_zero_without_a_hole_and_name_their_session() -> None:
    """S1."""
    events = events_of(day(), session_id="run-7")

    assert [event["data"]["event_id"] for event in events] == list(range(19))
    assert {event["data"]["session_id"] for event in events} == {"run-7"}
    assert {tuple(event["data"])[:2] for event in events} == {("event_id", "session_id")}


def test_a_rerun_gives_the_same_bytes_and_another_session_differs_in_its_name_alone() -> None:
    """S2."""
    first, again, other = (
        [json_text.encode(event) for event in events_of(day(), session_id=name)] for name in ("run-1", "run-1", "run-2")
    )

    assert again == first
    assert other != first
    # The name stands inside current_state too, so the final snapshots are compared opened.
    assert [each.replace(b"run-2", b"run-1") for each in other[:-1]] == first[:-1]
    assert _opened(other[-1]).replace(b"run-2", b"run-1") == _opened(first[-1])


def _opened(event: bytes) -> bytes:
    data = json_text.decode(event)["data"]
    return json_text.encode([snapshots.unpack(data["diagnostics"]), snapshots.unpack(data["trades"])])


def test_the_first_event_is_an_empty_snapshot() -> None:
    first = events_of(day())[0]

    data = first["data"]
    diagnostics = messages.empty_diagnostics()
    assert diagnostics == {"events_history": {}, "current_state": None}
    trades = messages.empty_trades("2024-10-29")
    assert (first["event"], snapshots.unpack(data["diagnostics"]), snapshots.unpack(data["trades"])) == (
        "initial_state", diagnostics, trades,
    )  # fmt: skip
    assert {key: value for key, value in data.items() if key not in ("diagnostics", "trades")} == {
        "event_id": 0,
        "session_id": "run-1",
        "uncompressed_sizes": {
            "diagnostics": len(json_text.encode(diagnostics)),
            "trades": len(json_text.encode(trades)),
        },
        "strategy_id": "test-strategy",
        "start_date": "2024-10-29",
        "end_date": "2024-10-29",
    }


def test_every_tick_update_has_exactly_the_fields_of_the_protocol() -> None:
    ticks = [event["data"] for event in events_of(day()) if event["event"] == "tick_update"]

    assert {tuple(tick) for tick in ticks} == {
        (
            "event_id", "session_id", "tick", "timestamp", "execution_count", "node_executions", "open_positions",
            "pnl_summary", "ltp", "active_nodes",
        )
    }  # fmt: skip
    assert [tick["tick"] for tick in ticks] == [1, 2, 3, 4, 5, 6]
    assert [tick["execution_count"] for tick in ticks] == [len(tick["node_executions"]) for tick in ticks]
    assert {tuple(execution) for tick in ticks for execution in tick["node_executions"].values()} <= {
        ("node_id", "node_name", "node_type", "signal_emitted", "evaluated_conditions", "parent_execution_id"),
        ("node_id", "node_name", "node_type", "signal_emitted", "evaluated_conditions", "parent_execution_id", "note"),
    }
    assert ticks[1]["timestamp"] == "2024-10-29 09:15:01+05:30"
    assert ticks[1]["ltp"] == {
        "NIFTY": {"ltp": 24_255, "timestamp": "2024-10-29 09:15:01.000000"},
        PUT: {"ltp": 245, "timestamp": "2024-10-29 09:15:01.000000"},
    }


def test_a_tick_that_brings_nothing_about_is_told_all_the_same() -> None:
    events = events_of(market_data({"NIFTY": 24_240, PUT: 200.0}, {"NIFTY": 24_241}))

    assert [_in_short(event) for event in events] == [
        "initial_state", "tick_update 1", "node_event start", "tick_update 2", "backtest_complete completed",
    ]  # fmt: skip


def test_every_event_is_plain_json() -> None:
    events = events_of(day())

    assert [json_text.decode(json_text.encode(event)) for event in events] == events
    assert [json.loads(json.dumps(event, allow_nan=False)) for event in events] == events


def test_folding_all_events_gives_exactly_the_state_inside_the_last_one() -> None:
    """S4."""
    events = events_of(day())

    final = fold(nothing_seen(), "backtest_complete", events[-1]["data"])

    assert folded(events).canonical() == final.canonical()
    assert len(final.diagnostics["events_history"]) == 9
    assert [trade["trade_id"] for trade in final.trades["trades"]] == ["pos-r0", "pos-r1"]


def test_the_last_event_says_how_the_run_ended_and_how_large_its_snapshot_is() -> None:
    engine = engine_of(day())
    events, result = recorded(engine)

    last = events[-1]["data"]
    assert (last["status"], last["total_ticks"], "error" in last) == ("completed", 6, False)
    assert last["uncompressed_sizes"] == {
        name: len(json_text.encode(snapshots.unpack(last[name]))) for name in ("diagnostics", "trades")
    }
    assert (result.status, result.total_ticks, len(result.trades)) == ("completed", 6, 2)


def test_the_result_is_that_of_the_engine_that_tells_nothing() -> None:
    _, result = recorded(engine_of(day()))

    assert result == run(document(), day()).result


@pytest.mark.parametrize("ticks", [0, 1, 3])
def test_a_run_that_is_told_to_stop_completes_as_cancelled_with_what_it_has(ticks: int) -> None:
    """S4."""
    answers = iter([True] * ticks + [False])

    events, result = recorded(engine_of(day()), should_continue=lambda: next(answers))

    last = events[-1]
    assert (last["event"], last["data"]["status"], last["data"]["total_ticks"]) == (
        "backtest_complete", "cancelled", ticks,
    )  # fmt: skip
    assert (result.status, result.total_ticks) == ("cancelled", ticks)
    assert folded(events).canonical() == fold(nothing_seen(), last["event"], last["data"]).canonical()


def test_data_that_fail_are_told_as_failed_and_then_raised() -> None:
    """S4."""
    events: list[SSEEvent] = []
    engine = engine_of(BrokenDays())
    engine.register_sse_callback(events.append)

    with pytest.raises(MarketDataInvalid) as caught:
        engine.run()

    last = events[-1]
    assert (last["event"], last["data"]["status"], last["data"]["total_ticks"]) == ("backtest_complete", "failed", 2)
    assert last["data"]["error"] == str(caught.value) == "2024-10-30.csv, line 7: the file ends in the middle of a row"
    assert [event["data"]["event_id"] for event in events] == list(range(len(events)))
    assert folded(events).canonical() == fold(nothing_seen(), last["event"], last["data"]).canonical()


def test_any_other_exception_is_told_with_its_kind_and_then_raised() -> None:
    events: list[SSEEvent] = []
    engine = engine_of(day())
    engine.register_sse_callback(events.append)

    def fail() -> bool:
        raise ConnectionResetError("the worker lost its database")

    with pytest.raises(ConnectionResetError):
        engine.run(should_continue=fail)

    assert [event["event"] for event in events] == ["initial_state", "backtest_complete"]
    assert (events[-1]["data"]["status"], events[-1]["data"]["error"]) == (
        "failed",
        "ConnectionResetError: the worker lost its database",
    )


def test_a_callback_that_raises_is_dropped_and_the_run_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[int] = []

    def fail_on_the_third(event: SSEEvent) -> None:
        seen.append(event["data"]["event_id"])
        if len(seen) == 3:
            raise RuntimeError("the viewer went away")

    engine = engine_of(day())
    engine.register_sse_callback(fail_on_the_third)
    with caplog.at_level(logging.ERROR):
        events, result = recorded(engine)

    assert seen == [0, 1, 2]
    assert (len(events), result.status) == (19, "completed")
    assert [json_text.encode(event) for event in events] == [json_text.encode(event) for event in events_of(day())]
    assert [record.name for record in caplog.records] == ["streaming.sse_event_emitter"]


def test_what_a_callback_was_handed_does_not_change_afterwards() -> None:
    texts: list[bytes] = []
    engine = engine_of(day())
    engine.register_sse_callback(lambda event: texts.append(json_text.encode(event)))

    events, _ = recorded(engine)

    assert [json_text.encode(event) for event in events] == texts


def test_what_cannot_run_is_refused_before_any_event() -> None:
    with pytest.raises(MarketDataInvalid, match="the strategy uses the symbol 'NIFTY'"):
        engine_of(market_data({"BANKNIFTY": 1}))


@pytest.mark.slow
def test_the_reference_day_is_told_whole(reference_day: Path) -> None:
    """S1, S3, S4 on a real day."""
    strategy = json.loads((reference_day / "strategy.json").read_text(encoding="utf-8"))
    data = load_market_data(reference_day / "ticks.parquet", reference_day / "warmup_candles_1m.csv")
    counts = dict.fromkeys(messages.EVENT_TYPES, 0)
    state, last_id, last = nothing_seen(), -1, {}

    def follow(event: SSEEvent) -> None:
        nonlocal state, last_id, last
        counts[event["event"]] += 1  # type: ignore[index]  # the emitter knows no other types
        assert event["data"]["event_id"] == last_id + 1
        last_id += 1
        if event["event"] == "backtest_complete":
            last = event["data"]
        else:
            state = fold(state, event["event"], event["data"])

    engine = engine_of(data, found=strategy)
    engine.register_sse_callback(follow)
    result = engine.run()

    assert counts == {
        "initial_state": 1, "tick_update": 22_351, "node_event": 36, "trade_update": 9, "backtest_complete": 1,
    }  # fmt: skip
    assert (last_id, result.total_ticks, last["status"]) == (22_397, 22_351, "completed")
    assert state.canonical() == fold(nothing_seen(), "backtest_complete", last).canonical()
    assert state.trades["summary"] == {
        "total_trades": 9,
        "total_pnl": "-12630.00",
        "winning_trades": 1,
        "losing_trades": 8,
        "win_rate": "11.11",
    }
