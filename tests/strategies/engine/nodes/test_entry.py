"""The entry node: picks its contracts, fills at the market, keeps to its limits."""

from decimal import Decimal

import pytest

from strategies.engine.outcomes import OrderFilled
from strategies.engine.positions import PositionMark
from tests.builders.market_data import at, market_data
from tests.builders.runs import Run, run
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
    position_data,
    re_entry_signal,
    square_off,
    start_node,
    strategy_document,
    when,
)

PUT = "NIFTY:2024-11-07:OPT:24250:PE"
CALL = "NIFTY:2024-11-07:OPT:24250:CE"
LOWER_CALL = "NIFTY:2024-11-07:OPT:24200:CE"
HIGHER_PUT = "NIFTY:2024-11-07:OPT:24300:PE"


def document(*positions: Json) -> Json:
    return strategy_document(
        start_node(),
        entry_signal("signal", when(ltp(), ">", 0)),
        entry("entry", *positions),
        exit_signal("watch", when(ltp(), ">", 10**6)),
        exit_node("exit", positions[0]["vpi"]),
        square_off(exit_time="15:20"),
        edges=["start > signal > entry > watch > exit", "start > square-off"],
    )


def sell_put(name: str = "pos", **more: int) -> Json:
    return position(name, "sell", option=option("PE"), **more)


def in_and_out(*, max_entries: int, max_re_entries: int, ticks: int) -> Run:
    """Enter, leave when the price has changed, enter again, as often as the limits allow."""
    found = strategy_document(
        start_node(),
        entry_signal("signal", always()),
        entry("entry", position("pos", max_entries=max_entries)),
        exit_signal("leave", always()),
        exit_node("exit", "pos"),
        re_entry_signal("again", "entry", always(), max_re_entries=max_re_entries),
        edges="start > signal > entry > leave > exit > again > entry",
    )
    return run(found, market_data(*[{"NIFTY": 100.0}] * ticks))


def test_a_market_order_fills_at_the_last_price_of_the_second() -> None:
    done = run(document(sell_put(quantity=3, multiplier=25)), market_data({PUT: [181.6, 182.05], "NIFTY": 24_260}))

    completion = done.completion("entry")
    assert completion.orders == (
        OrderFilled(
            position_id="pos", symbol=PUT, side="sell", quantity=75, order_type="market",
            fill_price=Decimal("182.05"), filled_at=at("09:15:00"), quote_age_seconds=0,
        ),
    )  # fmt: skip
    assert completion.opened == (
        PositionMark(
            position_id="pos", re_entry_num=0, entry_node_id="entry", symbol=PUT, side="sell", quantity=75,
            entry_price=Decimal("182.05"), entry_time=at("09:15:00"), current_price=Decimal("182.05"),
            unrealized_pnl=Decimal("0.00"),
        ),
    )  # fmt: skip


def test_without_an_option_it_trades_the_underlying_itself() -> None:
    done = run(document(position("pos")), market_data({"NIFTY": 24_260.55}))

    assert [(order.symbol, order.fill_price) for order in done.completion("entry").orders] == [
        ("NIFTY", Decimal("24260.55"))
    ]


def test_a_contract_without_a_price_is_waited_for_and_stays_picked_when_the_money_moves() -> None:
    done = run(
        document(sell_put()),
        market_data({"NIFTY": 24_260}, {"NIFTY": 24_310, HIGHER_PUT: 210.0}, {PUT: 185.0}, symbols=[PUT, HIGHER_PUT]),
    )

    assert done.notes == [(tick, "entry", f"waiting for the first price of {PUT}") for tick in (1, 2)]
    assert [(order.symbol, order.fill_price) for order in done.completion("entry").orders] == [(PUT, Decimal("185.00"))]
    assert (done.open, done.completed[-1]) == ([[], [], ["pos"]], (3, "entry"))


def test_a_price_that_came_before_the_order_is_good_enough() -> None:
    found = document(sell_put())
    found["nodes"][1] = entry_signal("signal", when(ltp(), ">", 24_260))

    done = run(found, market_data({"NIFTY": 24_260, PUT: 181.6}, {"NIFTY": 24_261}))

    assert done.completion("entry").orders[0].fill_price == Decimal("181.60")
    assert done.completion("entry").tick == 2


def test_a_chain_without_the_contract_is_waited_for_with_a_note() -> None:
    done = run(
        document(position("pos", option=option("PE", "ITM1"))),
        market_data({"NIFTY": 24_290, PUT: 180.0}, {"NIFTY": 24_260}, symbols=[PUT, HIGHER_PUT]),
    )

    assert done.notes == [
        (1, "entry", "the chain has no contract for pos now"),
        (2, "entry", f"waiting for the first price of {HIGHER_PUT}"),
    ]
    assert done.open == [[], []]


def test_two_positions_of_one_node_open_together() -> None:
    done = run(
        document(sell_put("p"), position("c", "sell", option=option("CE"))),
        market_data({"NIFTY": 24_260, PUT: 181.6, CALL: 170.0}),
    )

    completion = done.completion("entry")
    assert [(order.position_id, order.symbol) for order in completion.orders] == [("p", PUT), ("c", CALL)]
    assert [mark.position_id for mark in completion.opened] == ["p", "c"]
    assert completion.activated == ("watch",)


def test_two_positions_whose_prices_come_one_after_the_other_are_both_first_entries_and_both_recorded() -> None:
    done = run(
        document(sell_put("p"), position("c", "sell", option=option("CE"))),
        market_data({"NIFTY": 24_260, PUT: 181.6}, {PUT: 182.0}, {CALL: 170.0}, symbols=[CALL]),
    )

    completion = done.completion("entry")
    assert done.open == [["p"], ["p"], ["p", "c"]]
    assert [(mark.position_id, mark.re_entry_num) for mark in completion.opened] == [("p", 0), ("c", 0)]
    assert [(order.position_id, order.filled_at) for order in completion.orders] == [
        ("p", at("09:15:00")),
        ("c", at("09:15:02")),
    ]


def test_a_position_that_cannot_open_yet_is_told_while_the_other_one_is_open_and_the_node_waits_for_it() -> None:
    done = run(
        document(sell_put("p"), position("c", option=option("CE", "OTM1"))),
        market_data(
            {"NIFTY": 24_260, PUT: 181.6, CALL: 170.0}, {"NIFTY": 24_160, LOWER_CALL: 240.0}, symbols=[LOWER_CALL]
        ),
    )

    assert done.notes == [(1, "entry", "the chain has no contract for c now")]
    assert done.open == [["p"], ["p", "c"]]
    assert [(mark.position_id, mark.symbol) for mark in done.completion("entry").opened] == [("p", PUT), ("c", CALL)]
    assert done.completion("entry").tick == 2


def test_of_two_positions_the_one_that_may_still_be_opened_is_and_the_other_ones_refusal_is_told() -> None:
    found = strategy_document(
        start_node(),
        entry_signal("first", always()),
        entry_signal("second", when(ltp(), ">", 100)),
        entry("entry", position("a"), position("b", max_entries=2)),
        exit_node("exit-a", "a"),
        exit_node("exit-b", "b"),
        edges=["start > first > entry > exit-a", "entry > exit-b", "start > second > entry"],
    )

    done = run(found, market_data(*({"NIFTY": price} for price in (100, 100, 101))))

    assert done.open == [["a", "b"], [], ["b"]]
    assert done.completion("entry", 1).execution.note == "limit reached: maxEntries 1 of a"
    assert [(mark.position_id, mark.re_entry_num) for mark in done.completion("entry", 1).opened] == [("b", 1)]


def test_a_position_that_is_open_already_is_not_opened_again() -> None:
    found = strategy_document(
        start_node(),
        entry_signal("first", always()),
        entry_signal("second", when(ltp(), ">", 100)),
        entry("entry", position("pos", max_entries=5)),
        edges=["start > first > entry", "start > second > entry"],
    )

    done = run(found, market_data({"NIFTY": 100}, {"NIFTY": 101}, {"NIFTY": 102}))

    assert done.notes == [(2, "entry", "pos is open already")]
    assert done.completed == [(1, "start"), (1, "first"), (1, "entry"), (2, "second")]


def test_it_opens_its_position_no_more_than_max_entries_times_and_says_so() -> None:
    done = in_and_out(max_entries=2, max_re_entries=10, ticks=9)

    assert [trade[0] for trade in done.trades] == ["pos-r0", "pos-r1"]
    assert done.notes[-1] == (5, "entry", "limit reached: maxEntries 2 of pos")
    assert done.active[-1] == ()


@pytest.mark.parametrize("ticks", [1, 2, 3, 4])
def test_the_first_entry_counts_as_one_of_max_entries(ticks: int) -> None:
    done = in_and_out(max_entries=1, max_re_entries=10, ticks=ticks)

    assert done.completed.count((1, "entry")) == 1
    assert [tick for tick, node_id in done.completed if node_id == "entry"] == [1]


def test_the_signal_that_sent_it_in_is_the_trigger_of_the_trade() -> None:
    done = in_and_out(max_entries=9, max_re_entries=1, ticks=6)

    assert [(trade.trade_id, trade.entry_trigger) for trade in done.result.trades] == [
        ("pos-r0", "signal"),
        ("pos-r1", "again"),
    ]


def test_an_open_position_is_marked_to_market_in_every_tick() -> None:
    found = document(sell_put(quantity=10))
    found["nodes"][3] = exit_signal("watch", when(position_data("pos", "unrealized_pnl"), "<", -15))

    done = run(found, market_data({"NIFTY": 24_260, PUT: 180}, {PUT: 181}, {PUT: 182}, {PUT: 183}))

    assert [[str(mark.unrealized_pnl) for mark in outcome.positions] for outcome in done.outcomes] == [
        ["0.00"],
        ["-10.00"],
        [],
        [],
    ]
    assert done.trades == [("pos-r0", "09:15:00", "09:15:02", "-20.00", "exit")]
