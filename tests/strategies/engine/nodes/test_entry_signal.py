"""The entry signal: its conditions, its variables, its children."""

from tests.builders.market_data import market_data, minutes
from tests.builders.runs import run
from tests.builders.strategy_documents import (
    arithmetic,
    candle,
    entry,
    entry_signal,
    ltp,
    position,
    square_off,
    start_node,
    strategy_document,
    variable,
    when,
)

DOCUMENT = strategy_document(
    start_node(),
    entry_signal("signal", when(ltp(), ">", 100), variables={"Low": candle("Low"), "Twice": arithmetic(ltp(), "*", 2)}),
    entry("entry", position("pos")),
    entry_signal("after", when(ltp(), "<", variable("signal", "Twice"))),
    square_off(exit_time="15:20"),
    edges=["start > signal > entry > after", "start > square-off"],
)


def test_it_waits_until_its_conditions_are_true_and_completes_once() -> None:
    done = run(DOCUMENT, market_data({"NIFTY": 100}, {"NIFTY": 101}, {"NIFTY": 102}))

    assert done.completed == [(1, "start"), (2, "signal"), (2, "entry"), (2, "after")]


def test_the_entry_follows_its_signal_in_the_same_second() -> None:
    done = run(DOCUMENT, market_data({"NIFTY": 100}, {"NIFTY": 101}))

    signal, entered = done.completion("signal"), done.completion("entry")
    assert (signal.timestamp, signal.activated) == (entered.timestamp, ("entry",))
    assert entered.execution.parent_execution_id == signal.execution.execution_id
    assert done.open == [[], ["pos"]]


def test_it_records_its_variables_as_of_the_tick_in_which_it_completes() -> None:
    warmup = minutes(98.0, 99.0, start="09:13:00", spread=0.5)

    done = run(DOCUMENT, market_data({"NIFTY": 100}, {"NIFTY": 101}, {"NIFTY": 90}, warmup_candles=warmup))

    assert done.completion("signal").variables == {"Low": 97.5, "Twice": 202.0}
    assert done.completion("after").known_variables == {"signal.Low": 97.5, "signal.Twice": 202.0}


def test_a_variable_that_has_no_value_is_recorded_as_missing() -> None:
    done = run(DOCUMENT, market_data({"NIFTY": 101}))

    assert done.completion("signal").variables == {"Low": None, "Twice": 202.0}


def test_a_tick_shows_what_the_conditions_found_whether_they_are_true_or_not() -> None:
    done = run(DOCUMENT, market_data({"NIFTY": 100}, {"NIFTY": 101}))

    found = [
        (execution.evaluated_conditions["result"], execution.signal_emitted)
        for outcome in done.outcomes
        for execution in outcome.executions
        if execution.node_id == "signal" and execution.evaluated_conditions is not None
    ]
    assert found == [(False, False), (True, True)]
