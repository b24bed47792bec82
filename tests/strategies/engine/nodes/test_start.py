"""The start node: once, on the first tick."""

from tests.builders.market_data import market_data
from tests.builders.runs import run
from tests.builders.strategy_documents import entry_signal, never, square_off, start_node, strategy_document

DOCUMENT = strategy_document(
    start_node(),
    entry_signal("a", never()),
    entry_signal("b", never()),
    entry_signal("unreached", never()),
    square_off(exit_time="15:20"),
    edges=["start > a", "start > b", "start > square-off"],
)


def test_it_completes_on_the_first_tick_and_never_again() -> None:
    done = run(DOCUMENT, market_data(*[{"NIFTY": 100}] * 3))

    assert done.completed == [(1, "start")]


def test_it_activates_its_children_which_have_their_turn_in_the_same_tick() -> None:
    done = run(DOCUMENT, market_data(*[{"NIFTY": 100}] * 2))

    assert done.visited == [["start", "square-off", "a", "b"], ["square-off", "a", "b"]]
    assert done.completion("start").activated == ("a", "b", "square-off")


def test_its_execution_has_no_parent_and_its_childrens_have_it() -> None:
    done = run(DOCUMENT, market_data({"NIFTY": 100}))

    start, *children = done.outcomes[0].executions
    assert start.parent_execution_id is None
    assert {child.parent_execution_id for child in children} == {start.execution_id}
