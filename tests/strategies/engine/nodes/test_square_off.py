"""The square-off: ends the day at its time or at once, closes everything, and nothing opens after it."""

import pytest

from tests.builders.market_data import market_data
from tests.builders.runs import run
from tests.builders.strategy_documents import (
    Json,
    always,
    entry,
    entry_signal,
    exit_node,
    exit_signal,
    ltp,
    never,
    position,
    square_off,
    start_node,
    strategy_document,
    when,
)


def document(square: Json) -> Json:
    return strategy_document(
        start_node(),
        entry_signal("signal", when(ltp(), ">", 100)),
        entry("entry", position("a"), position("b", "sell", quantity=2)),
        exit_signal("leave", never()),
        exit_node("exit", "a"),
        square,
        edges=["start > signal > entry > leave > exit", "start > square-off"],
    )


def test_at_its_time_it_closes_every_position_and_deactivates_every_node() -> None:
    done = run(
        document(square_off(minutes_before_close=5)),
        market_data({"NIFTY": 101}, {"NIFTY": 102}, {"NIFTY": 103}, start="15:24:58"),
    )

    assert done.completed[-1] == (3, "square-off")
    assert done.trades == [
        ("a-r0", "15:24:58", "15:25:00", "2.00", "square-off"),
        ("b-r0", "15:24:58", "15:25:00", "-4.00", "square-off"),
    ]
    assert done.active == [("square-off", "leave"), ("square-off", "leave"), ()]
    assert done.completion("square-off").closed == done.result.trades


def test_ticks_go_on_after_it_to_the_end_of_the_data() -> None:
    done = run(document(square_off(exit_time="15:20")), market_data(*[{"NIFTY": 101}] * 4, start="15:19:59"))

    assert done.result.total_ticks == 4
    assert done.visited[2:] == [[], []]
    assert [outcome.pnl.closed_trades for outcome in done.outcomes] == [0, 2, 2, 2]


def test_when_its_time_has_no_tick_the_first_one_after_it_ends_the_day() -> None:
    done = run(document(square_off(exit_time="15:20")), market_data({"NIFTY": 101}, start="15:20:07"))

    assert done.completed == [(1, "start"), (1, "square-off")]


def test_nothing_opens_in_the_tick_that_ends_the_day() -> None:
    done = run(document(square_off(exit_time="15:20")), market_data({"NIFTY": 100}, {"NIFTY": 101}, start="15:19:59"))

    assert done.completed == [(1, "start"), (2, "square-off")]
    assert (done.trades, done.open) == ([], [[], []])


def test_nodes_behind_it_are_not_activated() -> None:
    found = document(square_off(exit_time="15:20"))
    found["nodes"].append(entry_signal("behind", always()))
    found["edges"].append({"source": "square-off", "target": "behind"})

    done = run(found, market_data(*[{"NIFTY": 100}] * 3, start="15:19:59"))

    assert done.completed == [(1, "start"), (2, "square-off")]
    assert (done.completion("square-off").activated, done.active[1:]) == ((), [(), ()])


def test_an_immediate_square_off_ends_the_day_in_the_first_tick() -> None:
    done = run(document(square_off(is_immediate=True)), market_data({"NIFTY": 101}, {"NIFTY": 102}))

    assert done.completed == [(1, "start"), (1, "square-off")]
    assert done.visited == [["start", "square-off"], []]


def test_an_order_that_still_waits_for_a_price_is_dropped() -> None:
    put = "NIFTY:2024-11-07:OPT:24250:PE"
    found = document(square_off(exit_time="15:20"))
    found["nodes"][2] = entry("entry", position("a", option={"expiry": "W0", "strikeType": "ATM", "optionType": "PE"}))

    done = run(
        found,
        market_data({"NIFTY": 24_250}, {"NIFTY": 24_250}, {put: 180.0}, start="15:19:59", symbols=[put]),
    )

    assert done.completed == [(1, "start"), (1, "signal"), (2, "square-off")]
    assert (done.trades, done.open) == ([], [[], [], []])


def test_its_ends_are_explained_like_conditions() -> None:
    done = run(document(square_off(exit_time="15:20:30")), market_data({"NIFTY": 100}, start="15:20:29"))

    [execution] = [each for each in done.outcomes[0].executions if each.node_id == "square-off"]
    assert execution.evaluated_conditions == {
        "logic": "OR",
        "result": False,
        "conditions": [
            {
                "id": "timeBasedExit",
                "raw": "Current Time >= 15:20:30",
                "evaluated": "15:20:29 >= 15:20:30",
                "lhs_value": 55_229,
                "rhs_value": 55_230,
                "operator": ">=",
                "result": False,
            }
        ],
    }


@pytest.mark.parametrize("square", [square_off(is_immediate=True), square_off(exit_time="09:00")])
def test_behind_an_entry_it_waits_for_the_next_tick_with_what_was_opened_in_this_one(square: Json) -> None:
    found = strategy_document(
        start_node(),
        entry_signal("signal", always()),
        entry("entry", position("pos")),
        square,
        edges="start > signal > entry > square-off",
    )

    done = run(found, market_data({"NIFTY": 101}, {"NIFTY": 103}, {"NIFTY": 105}))

    assert done.notes == [(1, "square-off", "a position is never closed in the tick that opened it")]
    assert done.trades == [("pos-r0", "09:15:00", "09:15:01", "2.00", "square-off")]
