"""Why a node of a run did not act: from a rerun and from the events that the run emitted, the same account."""

import json
from collections.abc import Collection
from typing import Any

import pytest

from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.explain import CONDITION_FALSE, NODE_INACTIVE, VALUE_MISSING, RunExplainer, explain_by_rerun
from strategies.engine.graph import parse_strategy
from strategies.engine.ticks import MarketData
from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from streaming.protocol import json_text
from streaming.sse_event_emitter import SSEEvent
from tests.builders.market_data import NEXT_DAY, WrittenDays, index, seconds
from tests.builders.strategy_documents import (
    Json,
    always,
    candle,
    entry,
    entry_signal,
    exit_node,
    exit_signal,
    group,
    ltp,
    never,
    position,
    re_entry_signal,
    start_node,
    stop_loss,
    strategy_document,
    timeframe,
    when,
)


def config_of(document: Json, data: MarketData) -> BacktestConfig:
    return BacktestConfig(strategy=parse_strategy(document), market_data=data)


def account(document: Json, data: MarketData, node_id: str, **limits: str) -> dict[str, Any]:
    """Return the account of one node, from a rerun."""
    [node] = explain_by_rerun(config_of(document, data), RunExplainer([node_id], **limits))["nodes"]
    found: dict[str, Any] = node
    return found


def from_events(document: Json, data: MarketData, node_ids: Collection[str] | None, **limits: str) -> dict[str, Any]:
    """Return the account that a reader of the emitted events comes to, every event written to JSON and read back."""
    explainer = RunExplainer(node_ids, **limits)

    def read(event: SSEEvent) -> None:
        if event["event"] == "tick_update":
            tick = json.loads(json_text.encode(event["data"]))
            explainer.add_tick(tick["tick"], tick["timestamp"], tick["node_executions"].values())

    engine = CentralizedBacktestEngineWithSSE(config_of(document, data), "run-1")
    engine.register_sse_callback(read)
    engine.run()
    return explainer.as_document()


def signal_only(*conditions: Json) -> Json:
    return strategy_document(
        start_node("start", timeframe("1s", unit="seconds")),
        entry_signal("signal", *conditions),
        edges="start > signal",
    )


def whole() -> Json:
    """Enter, leave by a signal or a stop, enter again: a node of each kind that has something to say."""
    return strategy_document(
        start_node("start", timeframe("1s", unit="seconds")),
        entry_signal("signal", group("OR", when(ltp(), ">", 105), when(candle("Close", -1, "1s"), "<", 95)), always()),
        entry("entry", position("pos", max_entries=2)),
        exit_signal("leave", when(ltp(), ">", 110), on_re_entry=[when(ltp(), ">", 120)]),
        exit_node("exit", "pos", guards=stop_loss(8, "points")),
        re_entry_signal("again", "entry", when(ltp(), "crosses_above", 100), max_re_entries=5),
        edges="start > signal > entry > leave > exit > again > entry",
    )


DAYS = WrittenDays(
    [
        *seconds(*({"NIFTY": price} for price in (100, 104, 106, 109, 104, 97, 99, 101, 102, 113, 121, 90))),
        *seconds(*({"NIFTY": price} for price in (100, 94, 96, 99, 111, 99, 101)), on=NEXT_DAY),
    ]
)


@pytest.mark.parametrize("node_ids", [None, ["signal"], ["leave", "again"], ["start", "exit"]])
@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"first": "2024-10-29 09:15:03+05:30"},
        {"last": "2024-10-29 09:15:05+05:30"},
        {"first": "2024-10-29 09:15:09+05:30", "last": "2024-10-30 09:15:02+05:30"},
        {"first": "2024-10-31 09:15:00+05:30"},
    ],
)
def test_a_rerun_and_the_emitted_events_give_the_same_account(
    node_ids: list[str] | None, limits: dict[str, str]
) -> None:
    rerun = explain_by_rerun(config_of(whole(), DAYS), RunExplainer(node_ids, **limits))

    assert from_events(whole(), DAYS, node_ids, **limits) == rerun
    assert json.loads(json.dumps(rerun, allow_nan=False)) == rerun


def test_turns_signals_and_each_conditions_results_are_counted() -> None:
    found = account(signal_only(when(ltp(), ">", 101, "a"), when(ltp(), "<", 104, "b")), index(100, 102, 103), "signal")

    assert {key: found[key] for key in ("node_id", "node_name", "node_type", "ticks", "evaluated", "signals")} == {
        "node_id": "signal", "node_name": "Signal", "node_type": "EntrySignalNode", "ticks": 3, "evaluated": 2,
        "signals": 1,
    }  # fmt: skip
    assert [
        {key: condition[key] for key in ("path", "id", "evaluated", "held", "share_held", "missing", "last_result")}
        for condition in found["conditions"]
    ] == [
        {"path": "0", "id": "a", "evaluated": 2, "held": 1, "share_held": 0.5, "missing": 0, "last_result": True},
        {"path": "1", "id": "b", "evaluated": 2, "held": 2, "share_held": 1.0, "missing": 0, "last_result": True},
    ]
    assert found["reasons"] == {"condition false: TI.underlying_ltp > 101": 1, NODE_INACTIVE: 1}


def test_the_nearest_miss_is_the_smallest_distance_with_its_tick_and_values() -> None:
    [condition] = account(signal_only(when(ltp(), ">", 110)), index(100, 108.5, 104, 108.5), "signal")["conditions"]

    assert condition["nearest_miss"] == {
        "tick": 2,
        "timestamp": "2024-10-29 09:15:01+05:30",
        "lhs_value": 108.5,
        "rhs_value": 110,
        "distance": 1.5,
        "evaluated": "108.50 > 110.00",
    }


def test_the_distance_to_a_range_is_that_to_its_nearer_bound() -> None:
    [condition] = account(signal_only(when(ltp(), "between", 100, upper=102)), index(97, 103.5), "signal")["conditions"]

    assert (condition["nearest_miss"]["tick"], condition["nearest_miss"]["distance"]) == (2, 1.5)


def test_the_last_blocker_is_the_first_condition_that_failed_in_the_last_turn_without_a_signal() -> None:
    conditions = when(ltp(), ">", 101), when(ltp(), "<", 100)

    found = account(signal_only(*conditions), index(99, 102), "signal")

    assert found["last_blocker"] == {
        "tick": 2,
        "timestamp": "2024-10-29 09:15:01+05:30",
        "reason": CONDITION_FALSE,
        "raw": "TI.underlying_ltp < 100",
        "evaluated": "102.00 < 100.00",
    }
    assert found["reasons"] == {
        "condition false: TI.underlying_ltp < 100": 1, "condition false: TI.underlying_ltp > 101": 1,
    }  # fmt: skip


def test_a_missing_value_is_a_reason_of_its_own() -> None:
    found = account(signal_only(when(candle("Close", -2, "1s"), ">", 200)), index(99, 99, 99), "signal")

    assert found["reasons"] == {
        f"{VALUE_MISSING}: Previous(2)[TI.1s.Close] > 200": 2,
        f"{CONDITION_FALSE}: Previous(2)[TI.1s.Close] > 200": 1,
    }
    assert (found["conditions"][0]["missing"], found["conditions"][0]["nearest_miss"]["tick"]) == (2, 3)


def test_of_a_group_that_held_nothing_is_a_blocker_and_of_one_that_did_not_everything_that_failed_is() -> None:
    held = group("OR", when(ltp(), ">", 1000, "a"), when(ltp(), "<", 1000, "b"))
    failed = group(
        "OR", when(ltp(), ">", 1000, "c"), group("AND", when(ltp(), "<", 1000, "d"), when(ltp(), "<", 0, "e"))
    )

    found = account(signal_only(held, failed), index(100), "signal")

    assert [(condition["path"], condition["id"]) for condition in found["conditions"]] == [
        ("0.0", "a"), ("0.1", "b"), ("1.0", "c"), ("1.1.0", "d"), ("1.1.1", "e"),
    ]  # fmt: skip
    assert found["last_blocker"]["raw"] == "TI.underlying_ltp > 1000"
    assert found["closest_turn"] == {
        "tick": 1,
        "timestamp": "2024-10-29 09:15:00+05:30",
        "failed": [
            {"raw": "TI.underlying_ltp > 1000", "evaluated": "100.00 > 1000.00"},
            {"raw": "TI.underlying_ltp < 0", "evaluated": "100.00 < 0.00"},
        ],
    }


def test_the_closest_turn_is_the_earliest_at_which_the_fewest_conditions_failed() -> None:
    conditions = when(ltp(), ">", 100), when(ltp(), ">", 102), when(ltp(), ">", 104)

    found = account(signal_only(*conditions), index(99, 101, 103, 101, 103.5), "signal")

    assert (found["closest_turn"]["tick"], len(found["closest_turn"]["failed"])) == (3, 1)


def test_a_condition_says_since_when_it_has_had_its_result_and_when_it_held_last() -> None:
    [price, _] = account(signal_only(when(ltp(), ">", 100), never()), index(99, 101, 102, 98, 97), "signal")[
        "conditions"
    ]

    assert (price["last_held"], price["since"], price["last_result"], price["last_evaluated"]) == (
        "2024-10-29 09:15:02+05:30", "2024-10-29 09:15:03+05:30", False, "97.00 > 100.00",
    )  # fmt: skip


def test_a_node_that_never_had_a_turn_was_inactive_all_the_time() -> None:
    found = account(whole(), index(100, 101, 102), "leave")

    assert (found["evaluated"], found["conditions"], found["last_blocker"]) == (0, [], None)
    assert found["reasons"] == {NODE_INACTIVE: 3}


def test_what_a_node_says_itself_is_its_reason() -> None:
    found = strategy_document(
        start_node(),
        entry_signal("signal", always()),
        entry("entry", position("pos", orderType="limit", limitPrice=90)),
        edges="start > signal > entry",
    )

    waiting = account(found, index(100, 101), "entry")

    assert waiting["reasons"] == {"waiting for NIFTY to reach the limit 90.00": 2}
    assert waiting["last_blocker"]["reason"] == "waiting for NIFTY to reach the limit 90.00"


def test_the_sessions_reasons_are_those_of_all_nodes_the_most_frequent_first() -> None:
    document = explain_by_rerun(config_of(whole(), DAYS), RunExplainer())

    rows = document["reasons"]
    assert [row["ticks"] for row in rows] == sorted((row["ticks"] for row in rows), reverse=True)
    assert {(row["node_id"], row["reason"]): row["ticks"] for row in rows} == {
        (node["node_id"], reason): count for node in document["nodes"] for reason, count in node["reasons"].items()
    }
    assert (document["from"], document["to"], document["ticks"]) == (
        "2024-10-29 09:15:00+05:30", "2024-10-30 09:15:06+05:30", 19,
    )  # fmt: skip


def test_a_range_without_a_tick_has_an_empty_account() -> None:
    document = explain_by_rerun(config_of(whole(), DAYS), RunExplainer(["signal"], first="2025-01-01 00:00:00+05:30"))

    assert (document["from"], document["to"], document["ticks"], document["reasons"]) == (None, None, 0, [])
    assert [node["evaluated"] for node in document["nodes"]] == [0]
