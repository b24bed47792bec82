"""The exit node: closes one position at the market, never in the tick that opened it."""

from decimal import Decimal

from strategies.engine.outcomes import OrderFilled
from tests.builders.market_data import at, market_data
from tests.builders.runs import run
from tests.builders.strategy_documents import (
    always,
    entry,
    entry_signal,
    exit_node,
    exit_signal,
    ltp,
    position,
    start_node,
    strategy_document,
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
