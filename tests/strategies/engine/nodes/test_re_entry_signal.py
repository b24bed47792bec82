"""The re-entry signal: sends its entry node in again, one tick later, up to its limit."""

from tests.builders.market_data import market_data, minutes
from tests.builders.runs import Run, run
from tests.builders.strategy_documents import (
    Json,
    always,
    candle,
    entry,
    entry_signal,
    exit_node,
    exit_signal,
    ltp,
    position,
    re_entry_signal,
    start_node,
    strategy_document,
    variable,
    when,
)


def document(again: Json, *, edges: str = "start > signal > entry > leave > exit > again > entry") -> Json:
    return strategy_document(
        start_node(),
        entry_signal("signal", always(), variables={"Seen": ltp()}),
        entry("entry", position("pos", max_entries=9)),
        exit_signal("leave", when(ltp(), ">", 105)),
        exit_node("exit", "pos"),
        again,
        edges=edges,
    )


def over(found: Json, *prices: float) -> Run:
    return run(found, market_data(*({"NIFTY": price} for price in prices)))


def test_the_entry_follows_it_one_tick_later() -> None:
    done = over(document(re_entry_signal("again", "entry", when(ltp(), "<", 102))), 100, 106, 101, 101, 101)

    assert done.completed[3:] == [(2, "leave"), (2, "exit"), (3, "again"), (4, "entry")]
    assert done.completion("entry", 1).execution.parent_execution_id == done.completion("again").execution.execution_id
    assert done.outcomes[3].positions[0].re_entry_num == 1


def test_it_needs_no_edge_back_to_its_entry_node() -> None:
    again = re_entry_signal("again", "entry", when(ltp(), "<", 102))

    done = over(document(again, edges="start > signal > entry > leave > exit > again"), 100, 106, 101, 101)

    assert (4, "entry") in done.completed
    assert done.completion("again").activated == ("entry",)


def test_it_records_its_variables_anew_each_time() -> None:
    again = re_entry_signal("again", "entry", when(ltp(), "<", 102), variables={"Low": candle("Low"), "Now": ltp()})
    warmup = minutes(98.0, start="09:14:00", spread=0.5)

    done = run(
        document(again),
        market_data(*({"NIFTY": price} for price in (100, 106, 101, 101, 106, 99.5, 99.5)), warmup_candles=warmup),
    )

    assert [done.completion("again", number).variables for number in (0, 1)] == [
        {"Low": 97.5, "Now": 101},
        {"Low": 97.5, "Now": 99.5},
    ]


def test_its_conditions_may_read_what_other_nodes_recorded() -> None:
    done = over(
        document(re_entry_signal("again", "entry", when(ltp(), "<", variable("signal", "Seen")))), 100, 106, 100, 99
    )

    assert done.completed[-1] == (4, "again")


def test_it_sends_in_no_more_than_max_re_entries_times_and_says_so() -> None:
    again = re_entry_signal("again", "entry", when(ltp(), ">", 0), max_re_entries=2)

    done = over(document(again), 100, 106, 100, 106, 100, 106, 100, 100)

    assert [trade[0] for trade in done.trades] == ["pos-r0", "pos-r1", "pos-r2"]
    assert done.notes == [(6, "again", "limit reached: maxReEntries 2")]
    assert done.active[-1] == ()


def test_with_no_re_entries_allowed_it_ends_when_it_is_asked_first() -> None:
    done = over(document(re_entry_signal("again", "entry", when(ltp(), ">", 0), max_re_entries=0)), 100, 106, 100)

    assert [trade[0] for trade in done.trades] == ["pos-r0"]
    assert done.notes == [(2, "again", "limit reached: maxReEntries 0")]


def test_the_limit_is_told_even_while_the_conditions_are_false() -> None:
    done = over(document(re_entry_signal("again", "entry", when(ltp(), "<", 0), max_re_entries=0)), 100, 106, 100)

    assert done.notes == [(2, "again", "limit reached: maxReEntries 0")]


def test_while_a_position_of_its_entry_node_is_open_it_waits_with_a_note() -> None:
    found = strategy_document(
        start_node(),
        entry_signal("signal", always()),
        entry("entry", position("a", max_entries=9), position("b", max_entries=9)),
        exit_node("exit-a", "a"),
        exit_signal("later", when(ltp(), ">", 105)),
        exit_node("exit-b", "b"),
        re_entry_signal("again", "entry", always()),
        edges=["start > signal > entry > exit-a > again > entry", "entry > later > exit-b"],
    )

    done = over(found, 100, 100, 100, 106, 100)

    assert [note for note in done.notes if note[1] == "again"] == [
        (2, "again", "a position of entry is still open"),
        (3, "again", "a position of entry is still open"),
    ]
    assert (4, "again") in done.completed
    assert done.open == [["a", "b"], ["b"], ["b"], [], ["a", "b"]]


def test_other_children_of_it_are_activated_too() -> None:
    found = document(re_entry_signal("again", "entry", when(ltp(), "<", 102)))
    found["nodes"].append(entry_signal("besides", when(ltp(), "<", 0)))
    found["edges"].append({"source": "again", "target": "besides"})

    done = over(found, 100, 106, 101)

    assert done.completion("again").activated == ("entry", "besides")
    assert done.active[-1] == ("entry", "besides")
