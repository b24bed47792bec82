"""The state of a run: who is active and why, and what closing a position brings with it."""

from decimal import Decimal

import pytest

from strategies.engine.chain import Chain
from strategies.engine.fills import Broker, FillPolicy
from strategies.engine.graph import parse_strategy
from strategies.engine.guards import GuardPlan
from strategies.engine.market import Market
from strategies.engine.positions import Position, PositionBook, Trade
from strategies.engine.run_state import Activation, RunState
from strategies.engine.strategy import EntryNode
from tests.builders.market_data import DAY, NEXT_DAY, at, index, market_data
from tests.builders.strategy_documents import (
    always,
    entry,
    entry_signal,
    exit_node,
    exit_signal,
    position,
    square_off,
    start_node,
    stop_loss,
    strategy_document,
)

PRICES = (100, 101, 97, 104, 94)


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
            exit_node("exit-b", "b", guards=stop_loss(5, "points")),
            square_off(is_immediate=True),
            edges=["start > signal > entry > stop-a > exit-a", "entry > stop-both > exit-a", "stop-both > exit-b"],
        )
    )
    market = Market(strategy, ())
    market.begin_day(next(index(*PRICES).days()))
    state = RunState(
        strategy=strategy, market=market, book=PositionBook(), chain=Chain("NIFTY", ["NIFTY"]),
        broker=Broker(market, FillPolicy()), protections=strategy.protections,
    )  # fmt: skip
    state.move_to(0, 1)
    for name in ("a", "b"):
        state.open_position(opened(name))
    for node_id in ("signal", "stop-a", "stop-both"):
        state.activate(node_id, parent_execution_id="exec", by_node_id="entry")
    return state


def opened(name: str, quantity: int = 2) -> Position:
    return Position(
        position_id=name, re_entry_num=0, entry_node_id="entry", entry_trigger="signal", symbol="NIFTY", side="buy",
        quantity=quantity, entry_quantity=quantity, entry_price=Decimal(100), entry_time=at("09:15:00"),
        entry_day=DAY, entry_tick=1, last_price=100.0,
    )  # fmt: skip


def close(run: RunState, name: str, quantity: int | None = None) -> Trade:
    return run.close_position(
        name, price=Decimal(101), trigger_price=Decimal(101), exit_reason=f"exit-{name}", exit_type="signal",
        quantity=quantity,
    )  # fmt: skip


def test_an_activation_says_by_whom_and_the_how_manieth_it_is_and_from_when_on(run: RunState) -> None:
    run.deactivate(["stop-a", "never-active"])
    run.activate("stop-a", parent_execution_id="exec-2", by_node_id="again", from_tick=7)

    assert run.active["stop-a"] == Activation(parent_execution_id="exec-2", by_node_id="again", number=2, from_tick=7)


def test_a_node_that_is_active_already_keeps_its_first_activation(run: RunState) -> None:
    run.activate("stop-a", parent_execution_id="exec-2", by_node_id="again", from_tick=7)

    assert run.active["stop-a"] == Activation(parent_execution_id="exec", by_node_id="entry", number=1, from_tick=0)


def test_whoever_keeps_the_active_nodes_learns_of_every_change(run: RunState) -> None:
    versions = [run.active_version]
    for change in (
        lambda: run.activate("exit-a", parent_execution_id=None, by_node_id="x"),
        lambda: run.deactivate(["exit-a"]),
        lambda: close(run, "a"),
        run.begin_day,
    ):
        change()
        versions.append(run.active_version)

    assert versions == sorted(set(versions))


def test_closing_a_position_deactivates_the_exit_signals_that_have_nothing_left_to_wait_for(run: RunState) -> None:
    after = []
    for name in ("a", "b"):
        close(run, name)
        after.append(list(run.active))

    assert after == [["signal", "stop-both"], ["signal"]]


def test_closing_a_part_of_a_position_leaves_its_exit_signals_active(run: RunState) -> None:
    trade = close(run, "a", quantity=1)

    assert (trade.quantity, run.book.open["a"].quantity) == (1, 1)
    assert list(run.active) == ["signal", "stop-a", "stop-both"]


def test_a_position_with_a_guard_has_its_end_planned_until_it_is_closed(run: RunState) -> None:
    planned = dict(run.guard_plans)
    run.move_to(2, 3)
    close(run, "b", quantity=1)
    after_a_part = dict(run.guard_plans)
    close(run, "b")

    plan = GuardPlan(second=4, kind="stop_loss", node_id="exit-b", trigger_price=Decimal(95))
    assert (planned, after_a_part, run.guard_plans) == ({"b": plan}, {"b": plan}, {})


def test_the_next_entry_is_numbered_after_the_position_that_was_opened_most_often(run: RunState) -> None:
    node = run.strategy.nodes["entry"]
    assert isinstance(node, EntryNode)
    before = run.next_re_entry_num(node)

    close(run, "a")
    run.book.add(opened("a"))

    assert (before, run.next_re_entry_num(node)) == (1, 2)


def test_a_trade_is_dated_by_the_tick_that_closed_it_unless_another_time_is_named(run: RunState) -> None:
    run.move_to(1, 2)

    now, before = close(run, "a"), run.close_position(
        "b", price=Decimal(1), trigger_price=Decimal(1), exit_reason="x", exit_type="market_close", at=at("09:00:00")
    )  # fmt: skip

    assert (now.exit_time, now.exit_reason, before.exit_time) == (at("09:15:01"), "exit-a", at("09:00:00"))


def test_a_new_day_forgets_who_was_active_and_what_was_recorded_and_traded_but_counts_activations_on(
    run: RunState,
) -> None:
    run.variables["signal", "Low"] = 1.0
    run.traded_symbols["NIFTY"] = None

    run.market.begin_day(next(market_data({"NIFTY": 90}, on=NEXT_DAY).days()))
    run.begin_day()
    run.activate("signal", parent_execution_id=None, by_node_id="")

    assert (run.variables, run.traded_symbols, run.guard_plans, list(run.active)) == ({}, {}, {}, ["signal"])
    assert run.active["signal"].number == 2


def test_the_entry_nodes_behind_an_entry_signal_are_known(run: RunState) -> None:
    found = {node_id: [node.id for node in run.entry_nodes_of(node_id)] for node_id in ("entry", "signal", "exit-a")}

    assert found == {"entry": ["entry"], "signal": ["entry"], "exit-a": []}
