"""The state of a run: who is active and why, and what closing a position brings with it."""

from decimal import Decimal

import pytest

from strategies.engine.chain import OptionChain
from strategies.engine.graph import parse_strategy
from strategies.engine.market import Market, Quote
from strategies.engine.positions import Position, PositionBook
from strategies.engine.run_state import Activation, RunState
from strategies.engine.strategy import EntryNode
from tests.builders.market_data import at, second
from tests.builders.strategy_documents import (
    always,
    entry,
    entry_signal,
    exit_node,
    exit_signal,
    position,
    square_off,
    start_node,
    strategy_document,
)


@pytest.fixture
def run() -> RunState:
    """Return a run in which the positions `a` and `b` of one entry node are open, and every exit signal active."""
    strategy = parse_strategy(
        strategy_document(
            start_node(),
            entry_signal("signal", always()),
            entry("entry", position("a"), position("b")),
            exit_signal("stop-a", always()),
            exit_signal("stop-both", always()),
            exit_node("exit-a", "a"),
            exit_node("exit-b", "b"),
            square_off(is_immediate=True),
            edges=["start > signal > entry > stop-a > exit-a", "entry > stop-both > exit-a", "stop-both > exit-b"],
        )
    )
    market = Market(strategy, ())
    state = RunState(strategy=strategy, market=market, book=PositionBook(), chain=OptionChain("NIFTY", ["NIFTY"]))
    market.apply(second("09:15:00", {"NIFTY": 100}))
    for name in ("a", "b"):
        state.book.add(opened(name))
    for node_id in ("signal", "stop-a", "stop-both"):
        state.activate(node_id, parent_execution_id="exec", by_node_id="entry")
    return state


def opened(name: str) -> Position:
    return Position(
        position_id=name, re_entry_num=0, entry_node_id="entry", entry_trigger="signal", symbol="NIFTY", side="buy",
        quantity=1, entry_price=Decimal(100), entry_time=at("09:15:00"), entry_tick=1,
        quote=Quote(100, 0, 0, at("09:15:00")),
    )  # fmt: skip


def test_an_activation_says_by_whom_and_the_how_manieth_it_is(run: RunState) -> None:
    run.deactivate(["stop-a", "never-active"])
    run.activate("stop-a", parent_execution_id="exec-2", by_node_id="again")

    assert run.active["stop-a"] == Activation(parent_execution_id="exec-2", by_node_id="again", number=2)


def test_a_node_that_is_active_already_keeps_its_first_activation(run: RunState) -> None:
    run.activate("stop-a", parent_execution_id="exec-2", by_node_id="again")

    assert run.active["stop-a"] == Activation(parent_execution_id="exec", by_node_id="entry", number=1)


def test_closing_a_position_deactivates_the_exit_signals_that_have_nothing_left_to_wait_for(run: RunState) -> None:
    after = []
    for name in ("a", "b"):
        run.close_position(name, exit_reason=f"exit-{name}")
        after.append(list(run.active))

    assert after == [["signal", "stop-both"], ["signal"]]


def test_the_next_entry_is_numbered_after_the_position_that_was_opened_most_often(run: RunState) -> None:
    node = run.strategy.nodes["entry"]
    assert isinstance(node, EntryNode)
    before = run.next_re_entry_num(node)

    run.close_position("a", exit_reason="exit-a")
    run.book.add(opened("a"))

    assert (before, run.next_re_entry_num(node)) == (1, 2)


def test_a_trade_is_dated_by_the_tick_that_closed_it(run: RunState) -> None:
    run.market.apply(second("09:15:07", {"NIFTY": 101}))

    trade = run.close_position("a", exit_reason="exit-a")

    assert (trade.exit_time, trade.exit_reason) == (at("09:15:07"), "exit-a")
