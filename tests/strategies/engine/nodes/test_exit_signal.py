"""The exit signal: conditions on an open position, others on a re-entry, gone when the position is closed."""

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
    re_entry_signal,
    start_node,
    strategy_document,
    when,
)


def document(*exit_signals: Json) -> Json:
    """Enter at once; each exit signal leads to an exit node of its own; after it the position is opened again."""
    exits = [exit_node(f"exit-{each['id']}", "pos") for each in exit_signals]
    return strategy_document(
        start_node(),
        entry_signal("signal", always()),
        entry("entry", position("pos", max_entries=9)),
        *exit_signals,
        *exits,
        re_entry_signal("again", "entry", always()),
        edges=[
            "start > signal > entry",
            *(f"entry > {each['id']} > exit-{each['id']} > again > entry" for each in exit_signals),
        ],
    )


def test_a_signal_that_is_true_in_the_tick_of_the_entry_waits_for_the_next() -> None:
    done = run(document(exit_signal("leave", always())), market_data({"NIFTY": 100}, {"NIFTY": 101}))

    assert done.completed == [
        (1, "start"), (1, "signal"), (1, "entry"), (2, "leave"), (2, "exit-leave"), (2, "again"),
    ]  # fmt: skip
    assert done.notes == [(1, "leave", "a position is never closed in the tick that opened it")]


def test_the_remaining_exit_signals_are_deactivated_when_the_position_closes() -> None:
    found = document(exit_signal("target", when(ltp(), ">", 105)), exit_signal("stop", when(ltp(), "<", 95)))

    done = run(found, market_data({"NIFTY": 100}, {"NIFTY": 94}))

    assert done.active == [("target", "stop"), ("entry",)]


def test_after_a_re_entry_the_exit_signals_watch_again() -> None:
    found = document(exit_signal("target", when(ltp(), ">", 105)), exit_signal("stop", when(ltp(), "<", 95)))

    done = run(found, market_data({"NIFTY": 100}, {"NIFTY": 94}, {"NIFTY": 100}, {"NIFTY": 106}))

    assert done.trades == [
        ("pos-r0", "09:15:00", "09:15:01", "-6.00", "exit-stop"),
        ("pos-r1", "09:15:02", "09:15:03", "6.00", "exit-target"),
    ]


def test_re_entry_conditions_replace_the_first_ones_once_the_position_is_a_re_entry() -> None:
    found = document(exit_signal("leave", when(ltp(), ">", 105), on_re_entry=[when(ltp(), ">", 110)]))
    prices = (100, 106, 100, 106, 111, 100, 106, 111)

    done = run(found, market_data(*({"NIFTY": price} for price in prices)))

    assert [tick for tick, node_id in done.completed if node_id == "leave"] == [2, 5, 8]
    previews = {done.completion("leave", number).conditions_preview for number in (1, 2)}
    assert done.completion("leave", 0).conditions_preview == "TI.underlying_ltp > 105"
    assert previews == {"TI.underlying_ltp > 110"}


def test_without_re_entry_conditions_the_first_ones_stay() -> None:
    done = run(
        document(exit_signal("leave", when(ltp(), ">", 105))),
        market_data(*({"NIFTY": price} for price in (100, 106, 100, 106))),
    )

    assert [tick for tick, node_id in done.completed if node_id == "leave"] == [2, 4]


def test_without_an_open_position_it_ends_with_a_note() -> None:
    found = strategy_document(
        start_node(),
        entry_signal("never-true", never()),
        entry("entry", position("pos")),
        exit_signal("leave", always()),
        exit_node("exit", "pos"),
        edges=["start > never-true > entry", "start > leave > exit"],
    )

    done = run(found, market_data({"NIFTY": 100}, {"NIFTY": 101}))

    assert done.notes == [(1, "leave", "no position is open that this signal could close")]
    assert done.active == [("never-true",), ("never-true",)]


def test_one_signal_may_close_two_positions() -> None:
    found = strategy_document(
        start_node(),
        entry_signal("signal", always()),
        entry("entry", position("a"), position("b", "sell")),
        exit_signal("leave", when(ltp(), ">", 100)),
        exit_node("exit-a", "a"),
        exit_node("exit-b", "b"),
        edges=["start > signal > entry > leave > exit-a", "leave > exit-b"],
    )

    done = run(found, market_data({"NIFTY": 100.0}, {"NIFTY": 101.5}))

    assert done.trades == [
        ("a-r0", "09:15:00", "09:15:01", "1.50", "exit-a"),
        ("b-r0", "09:15:00", "09:15:01", "-1.50", "exit-b"),
    ]
