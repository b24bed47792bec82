"""The square-off: ends the day at its time or at once, closes everything, and nothing opens after it."""

import pytest

from strategies.engine.fills import FillPolicy
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


def test_behind_a_signal_it_ends_the_day_in_the_second_of_the_signal() -> None:
    found = strategy_document(
        start_node(),
        entry_signal("signal", always()),
        entry("entry", position("pos")),
        entry_signal("panic", when(ltp(), "<", 95)),
        square_off(is_immediate=True),
        edges=["start > signal > entry", "start > panic > square-off"],
    )

    done = run(found, market_data({"NIFTY": 101}, {"NIFTY": 94}, {"NIFTY": 93}))

    assert done.completed[3:] == [(2, "panic"), (2, "square-off")]
    assert done.trades == [("pos-r0", "09:15:00", "09:15:01", "-7.00", "square-off")]


def test_behind_a_signal_it_comes_first_from_the_next_second_on() -> None:
    found = strategy_document(
        start_node(),
        entry_signal("armed", when(ltp(), ">", 100)),
        entry_signal("signal", when(ltp(), ">", 102)),
        entry("entry", position("pos")),
        square_off(exit_time="15:20"),
        edges=["start > armed > square-off", "start > signal > entry"],
    )

    done = run(found, market_data(*({"NIFTY": price} for price in (101, 102, 103)), start="15:19:58"))

    assert done.visited == [["start", "armed", "square-off", "signal"], ["square-off", "signal"], ["square-off"]]
    assert done.open == [[], [], []]


def test_behind_the_exit_of_one_position_it_closes_the_other_one_in_the_same_second() -> None:
    found = strategy_document(
        start_node(),
        entry_signal("signal", always()),
        entry("entry", position("a"), position("b")),
        exit_signal("leave", when(ltp(), ">", 100)),
        exit_node("exit", "a"),
        square_off(is_immediate=True),
        edges="start > signal > entry > leave > exit > square-off",
    )

    done = run(found, market_data({"NIFTY": 100}, {"NIFTY": 101}, {"NIFTY": 99}))

    assert done.trades == [
        ("a-r0", "09:15:00", "09:15:01", "1.00", "exit"),
        ("b-r0", "09:15:00", "09:15:01", "1.00", "square-off"),
    ]


@pytest.mark.parametrize(
    ("end", "prices", "closed_at"),
    [
        # Two units sold and one bought: the profit is what the index falls.
        ({"profit_target": 3}, (101, 99, 98, 90), "09:15:02"),
        ({"loss_limit": 3}, (101, 103, 103.95, 104), "09:15:03"),
        ({"profit_target": 3, "loss_limit": 2}, (101, 102, 103, 90), "09:15:02"),
        ({"profit_target": 4, "exit_time": "09:15:02"}, (101, 99, 98, 90), "09:15:02"),
    ],
)
def test_on_the_days_profit_or_loss_it_ends_the_day(end: Json, prices: tuple[float, ...], closed_at: str) -> None:
    done = run(document(square_off(**end)), market_data(*({"NIFTY": price} for price in prices)))

    assert {(trade[2], trade[4]) for trade in done.trades} == {(closed_at, "square-off")}
    assert done.result.trades[0].exit_type == "square_off"
    assert done.active[-1] == ()


def test_the_days_profit_is_that_of_closed_and_open_positions_of_this_day_alone() -> None:
    found = strategy_document(
        start_node(),
        entry_signal("signal", when(ltp(), ">", 100)),
        entry("entry", position("a", quantity=10)),
        exit_signal("leave", when(ltp(), "<", 95)),
        exit_node("exit", "a"),
        square_off(loss_limit=100),
        edges=["start > signal > entry > leave > exit", "start > square-off"],
    )
    first = seconds({"NIFTY": 101}, {"NIFTY": 94}, {"NIFTY": 94})
    second_day = seconds({"NIFTY": 101}, {"NIFTY": 96}, {"NIFTY": 92}, {"NIFTY": 91}, on=NEXT_DAY)

    done = run(found, WrittenDays([*first, *second_day]))

    # 70 lost on the first day; on the second 50, then 90 at the exit, and nothing more.
    assert [(trade[0], trade[3], trade[4]) for trade in done.trades] == [
        ("a-r0", "-70.00", "exit"),
        ("a-r0@20241030", "-90.00", "exit"),
    ]
    assert "square-off" not in {node_id for _, node_id in done.completed}


def test_minutes_before_the_close_are_counted_from_the_close_of_the_day_itself() -> None:
    special = [*seconds(*[{"NIFTY": 101}] * 3, start="19:09:59", on=NEXT_DAY)]
    data = WrittenDays([*seconds(*[{"NIFTY": 101}] * 2, start="15:24:59"), *special], closes={NEXT_DAY: "19:15"})

    done = run(document(square_off(minutes_before_close=5)), data)

    assert [trade[2] for trade in done.trades] == ["15:25:00"] * 2 + ["19:10:00"] * 2


def test_zero_minutes_before_the_close_is_the_close_itself() -> None:
    data = market_data(*[{"NIFTY": 101}] * 2, start="15:29:59")

    done = run(document(square_off(minutes_before_close=0)), data)

    assert [(trade[2], trade[4]) for trade in done.trades] == [("15:30:00", "square-off")] * 2


def test_what_cannot_fill_in_the_tick_that_ends_the_day_is_closed_as_soon_as_it_can_and_nothing_else_happens() -> None:
    done = run(
        document(square_off(exit_time="15:20")),
        market_data(*({"NIFTY": price} for price in (101, 102, 103, 104)), start="15:19:58"),
        fills=FillPolicy(timing="next_tick"),
    )

    assert done.open == [[], ["a", "b"], ["a", "b"], []]
    assert done.visited[2:] == [["square-off"], ["square-off"]]
    assert [(trade[0], trade[2]) for trade in done.trades] == [("a-r0", "15:20:01"), ("b-r0", "15:20:01")]
    assert [(str(trade.trigger_price), str(trade.exit_price)) for trade in done.result.trades] == [
        ("103.00", "104.00")
    ] * 2
    assert done.notes[-1] == (
        3, "square-off", "the order fills on the next tick; the order fills on the next tick",
    )  # fmt: skip
