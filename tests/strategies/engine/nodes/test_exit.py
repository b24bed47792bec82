"""The exit node: closes one position at the market, never in the tick that opened it."""

from decimal import Decimal

import pytest

from strategies.engine.fills import FillPolicy
from strategies.engine.outcomes import OrderFilled
from tests.builders.market_data import at, index, market_data
from tests.builders.runs import Run, run
from tests.builders.strategy_documents import (
    Json,
    always,
    entry,
    entry_signal,
    exit_node,
    exit_signal,
    ltp,
    position,
    re_entry_signal,
    start_node,
    stop_loss,
    strategy_document,
    take_profit,
    when,
)


def test_it_closes_its_position_at_the_last_price_of_the_second() -> None:
    found = strategy_document(
        start_node(),
        entry_signal("signal", always()),
        entry("entry", position("pos", "sell", quantity=75)),
        exit_signal("leave", when(ltp(), ">", 100)),
        exit_node("exit", "pos"),
        edges="start > signal > entry > leave > exit",
    )

    done = run(found, market_data({"NIFTY": 100}, {"NIFTY": [105, 101.05]}))

    completion = done.completion("exit")
    assert completion.orders == (
        OrderFilled(
            position_id="pos", symbol="NIFTY", side="buy", quantity=75, order_type="market",
            fill_price=Decimal("101.05"), filled_at=at("09:15:01"), quote_age_seconds=0,
        ),
    )  # fmt: skip
    assert completion.closed == done.result.trades
    assert done.trades == [("pos-r0", "09:15:00", "09:15:01", "-78.75", "exit")]


def test_a_long_position_is_closed_by_selling() -> None:
    found = strategy_document(
        start_node(),
        entry_signal("signal", always()),
        entry("entry", position("pos", "buy")),
        exit_node("exit", "pos"),
        edges="start > signal > entry > exit",
    )

    done = run(found, market_data({"NIFTY": 100}, {"NIFTY": 101}))

    assert [order.side for order in done.completion("exit").orders] == ["sell"]


def test_without_a_signal_between_it_waits_for_the_tick_after_the_entry() -> None:
    found = strategy_document(
        start_node(),
        entry_signal("signal", always()),
        entry("entry", position("pos")),
        exit_node("exit", "pos"),
        edges="start > signal > entry > exit",
    )

    done = run(found, market_data({"NIFTY": 100}, {"NIFTY": 101}, {"NIFTY": 102}))

    assert done.completed == [(1, "start"), (1, "signal"), (1, "entry"), (2, "exit")]
    assert done.notes == [(1, "exit", "a position is never closed in the tick that opened it")]
    assert done.trades == [("pos-r0", "09:15:00", "09:15:01", "1.00", "exit")]


def test_when_two_exits_are_called_in_one_tick_the_second_finds_nothing_to_close() -> None:
    found = strategy_document(
        start_node(),
        entry_signal("signal", always()),
        entry("entry", position("pos")),
        exit_signal("target", when(ltp(), ">", 100)),
        exit_signal("stop", when(ltp(), ">", 100)),
        exit_node("exit-1", "pos"),
        exit_node("exit-2", "pos"),
        edges=["start > signal > entry > target > exit-1", "entry > stop > exit-2"],
    )

    done = run(found, market_data({"NIFTY": 100}, {"NIFTY": 101}, {"NIFTY": 102}))

    assert done.completed[3:] == [(2, "target"), (2, "stop"), (2, "exit-1")]
    assert done.notes == [(2, "exit-2", "pos is not open")]
    assert len(done.trades) == 1
    assert done.active[-1] == ()


def in_parts(*exits: Json, quantity: int = 75) -> Json:
    """Enter at once; above 100, 101, 102 … one exit after the other."""
    signals = [exit_signal(f"above-{place}", when(ltp(), ">", 100 + place)) for place in range(len(exits))]
    return strategy_document(
        start_node(),
        entry_signal("signal", always()),
        entry("entry", position("pos", quantity=quantity)),
        *signals,
        *exits,
        edges=[
            "start > signal > entry",
            *(f"entry > {signal['id']} > {leave['id']}" for signal, leave in zip(signals, exits, strict=True)),
        ],
    )


def parts_of(done: Run) -> list[tuple[str, int, str, str]]:
    return [(trade.trade_id, trade.quantity, str(trade.pnl), trade.exit_reason) for trade in done.result.trades]


def test_a_part_is_a_trade_of_its_own_and_the_rest_stays_open_under_its_signals() -> None:
    third: Json = {"quantity": "percentage", "quantityPercentage": 33}
    found = in_parts(
        exit_node("a", "pos", **third), exit_node("b", "pos", quantity="specific", specificQuantity=25),
        exit_node("c", "pos"),
    )  # fmt: skip

    done = run(found, index(100, 101, 102, 103, 104))

    assert parts_of(done) == [
        ("pos-r0-p1", 25, "25.00", "a"), ("pos-r0-p2", 25, "50.00", "b"), ("pos-r0", 25, "75.00", "c"),
    ]  # fmt: skip
    assert [[mark.quantity for mark in outcome.positions] for outcome in done.outcomes] == [[75], [50], [25], [], []]
    assert done.active == [
        ("above-0", "above-1", "above-2"), ("above-1", "above-2"), ("above-2",), (), (),
    ]  # fmt: skip
    assert [order.quantity for order in done.completion("b").orders] == [25]


@pytest.mark.parametrize(
    ("quantity", "order", "closed"),
    [
        # Per cent of the quantity at entry, halves up, at least one unit.
        (75, {"quantity": "percentage", "quantityPercentage": 50}, 38),
        (3, {"quantity": "percentage", "quantityPercentage": 50}, 2),
        (1, {"quantity": "percentage", "quantityPercentage": 1}, 1),
        (10, {"quantity": "percentage", "quantityPercentage": 100}, 10),
        (10, {"quantity": "specific", "specificQuantity": 10}, 10),
        # No more than is open.
        (10, {"quantity": "specific", "specificQuantity": 11}, 10),
    ],
)
def test_a_part_is_rounded_to_whole_units_and_is_never_more_than_what_is_open(
    quantity: int, order: Json, closed: int
) -> None:
    done = run(in_parts(exit_node("a", "pos", **order), quantity=quantity), index(100, 101))

    assert [trade.quantity for trade in done.result.trades] == [closed]
    assert [mark.quantity for mark in done.result.open_positions] == [quantity - closed] * (closed < quantity)
    assert done.result.trades[0].trade_id == ("pos-r0" if closed == quantity else "pos-r0-p1")


def test_a_percentage_counts_from_the_quantity_at_entry_whatever_is_left_of_it() -> None:
    half: Json = {"quantity": "percentage", "quantityPercentage": 50}

    done = run(
        in_parts(exit_node("a", "pos", **half), exit_node("b", "pos", **half), quantity=10), index(100, 101, 102)
    )

    assert parts_of(done) == [("pos-r0-p1", 5, "5.00", "a"), ("pos-r0", 5, "10.00", "b")]


def test_a_guard_closes_what_is_left_and_money_guards_count_on_that() -> None:
    found = in_parts(
        exit_node("a", "pos", quantity="specific", specificQuantity=5, guards=stop_loss(30, "pnl")), quantity=10
    )

    # Thirty of ten units are 3 points; of the five that are left, 6.
    done = run(found, index(100, 101, 96, 94, 93))

    assert parts_of(done) == [("pos-r0-p1", 5, "5.00", "a"), ("pos-r0", 5, "-30.00", "a")]
    assert [trade.exit_type for trade in done.result.trades] == ["signal", "stop_loss"]


def test_guards_watch_though_the_node_itself_is_not_active_and_activate_what_stands_behind_it() -> None:
    found = strategy_document(
        start_node(),
        entry_signal("signal", always()),
        entry("entry", position("pos", max_entries=9)),
        exit_signal("leave", when(ltp(), ">", 200)),
        exit_node("exit", "pos", guards={**stop_loss(5, "points"), **take_profit(5, "points")}),
        re_entry_signal("again", "entry", always(), max_re_entries=1),
        edges="start > signal > entry > leave > exit > again > entry",
    )

    done = run(found, index(100, 96, 95, 95, 98, 100))

    assert [(trade[0], trade[2], trade[3]) for trade in done.trades] == [
        ("pos-r0", "09:15:02", "-5.00"), ("pos-r1", "09:15:05", "5.00"),
    ]  # fmt: skip
    assert [trade.exit_type for trade in done.result.trades] == ["stop_loss", "take_profit"]
    assert done.completed[3:6] == [(3, "exit"), (3, "again"), (4, "entry")]
    assert done.notes[0] == (3, "exit", "closed by its stop loss")
    execution = done.completion("exit").execution
    assert (execution.parent_execution_id, execution.signal_emitted) == (None, True)


def test_of_a_guard_and_a_signal_in_one_second_the_guard_comes_first() -> None:
    found = in_parts(exit_node("a", "pos", guards=take_profit(5, "points")))

    done = run(found, index(100, 106, 107))

    assert [(trade.exit_type, str(trade.trigger_price)) for trade in done.result.trades] == [("take_profit", "105.00")]
    assert done.visited[1] == ["a"]


def test_a_guard_never_closes_a_position_in_the_tick_that_opened_it() -> None:
    policy = FillPolicy(slippage_points=5)

    done = run(in_parts(exit_node("a", "pos", guards=stop_loss(3, "points"))), index(100, 101, 102, 103), fills=policy)

    # Bought at 105, so that the stop at 102 is passed from the beginning.
    assert [(trade[1], trade[2]) for trade in done.trades] == [("09:15:00", "09:15:01")]
