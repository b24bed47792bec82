"""The graph as records: the order of visiting, cycles, and what exit signals wait for."""

from hypothesis import given
from hypothesis import strategies as st

from strategies.engine.expressions import ConditionGroup
from strategies.engine.graph import parse_strategy
from strategies.engine.strategy import (
    EntrySignalNode,
    Node,
    Protection,
    ReEntrySignalNode,
    SquareOffNode,
    visiting_order,
)
from tests.builders.strategy_documents import (
    always,
    entry,
    entry_signal,
    exit_node,
    exit_signal,
    position,
    re_entry_signal,
    square_off,
    start_node,
    stop_loss,
    strategy_document,
    take_profit,
)

NO_CONDITIONS = ConditionGroup("AND", ())


def signal(node_id: str) -> Node:
    return EntrySignalNode(id=node_id, label=node_id, children=(), conditions=NO_CONDITIONS, variables=())


def again(node_id: str) -> Node:
    return ReEntrySignalNode(
        id=node_id, label=node_id, children=(), conditions=NO_CONDITIONS, variables=(), target_entry_node_id="a",
        max_re_entries=1,
    )  # fmt: skip


def square(node_id: str) -> Node:
    return SquareOffNode(id=node_id, label=node_id, children=(), is_immediate=True)


def order_of(nodes: list[Node], *edges: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    pairs = tuple((edge[0], edge[1]) for edge in edges)
    return visiting_order({node.id: node for node in nodes}, pairs)


def test_a_node_comes_after_its_parents_and_otherwise_in_the_order_of_the_document() -> None:
    assert order_of([signal("c"), signal("b"), signal("a")], "ab", "ac") == (("a", "c", "b"), ())


def test_a_square_off_comes_first_among_the_nodes_that_are_free() -> None:
    nodes = [signal("a"), signal("b"), signal("c"), square("q")]

    assert order_of(nodes, "ab", "ac", "aq") == (("a", "q", "b", "c"), ())


def test_edges_out_of_a_re_entry_signal_point_back_and_do_not_count() -> None:
    assert order_of([signal("a"), signal("b"), again("r")], "ab", "br", "ra") == (("a", "b", "r"), ())


def test_a_cycle_is_named_without_the_nodes_before_and_after_it() -> None:
    nodes = [signal(name) for name in "zyabcx"]

    order, cycle = order_of(nodes, "xa", "ab", "bc", "ca", "cy", "yz")

    assert (order, cycle) == (("x",), ("a", "b", "c"))


def test_a_node_that_leads_to_itself_is_a_cycle() -> None:
    assert order_of([signal("a"), signal("b")], "aa", "ab") == ((), ("a",))


@given(count=st.integers(1, 12), links=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=40))
def test_an_order_without_a_cycle_holds_every_node_once_after_its_parents(
    count: int, links: list[tuple[int, int]]
) -> None:
    names = [f"n{index}" for index in range(count)]
    edges = tuple(dict.fromkeys((names[a], names[b]) for a, b in links if a < b < count))

    order, cycle = visiting_order({name: signal(name) for name in reversed(names)}, edges)

    assert (sorted(order), cycle) == (sorted(names), ())
    assert all(order.index(source) < order.index(target) for source, target in edges)


@given(links=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_a_graph_has_either_a_whole_order_or_a_cycle_each_of_whose_nodes_leads_on_inside_it(
    links: list[tuple[int, int]],
) -> None:
    names = [f"n{index}" for index in range(8)]
    edges = tuple(dict.fromkeys((names[a], names[b]) for a, b in links))

    order, cycle = visiting_order({name: signal(name) for name in names}, edges)

    assert (len(order) == 8) is (cycle == ())
    assert all(any((node, other) in edges for other in cycle) for node in cycle)


def test_a_strategy_knows_its_underlying_and_what_its_exit_signals_wait_for() -> None:
    strategy = parse_strategy(
        strategy_document(
            start_node(symbol="BANKNIFTY"),
            entry_signal("signal", always()),
            entry("entry", position("p1"), position("p2")),
            exit_signal("both", always()),
            exit_signal("none", always()),
            exit_node("exit-1", "p1"),
            exit_node("exit-2", "p2"),
            re_entry_signal("again", "entry", always()),
            square_off(is_immediate=True),
            edges=["start > signal > entry > both > exit-1 > again > entry", "both > exit-2", "entry > none"],
        )
    )

    assert (strategy.start.id, strategy.underlying, strategy.exit_targets) == (
        "start",
        "BANKNIFTY",
        {"both": ("p1", "p2"), "none": ()},
    )


def test_a_strategy_knows_which_guards_each_position_has_and_whose_they_are() -> None:
    loss, profit = stop_loss(5, "points"), take_profit(10)
    strategy = parse_strategy(
        strategy_document(
            start_node(),
            entry("entry", position("p1"), position("p2")),
            exit_node("exit-1", "p1", guards=loss),
            exit_node("exit-2", "p1", guards=profit),
            exit_node("exit-3", "p2"),
        )
    )

    assert strategy.protections == {
        "p1": (
            ("exit-1", Protection(kind="stop_loss", unit="points", distance=5.0)),
            ("exit-2", Protection(kind="take_profit", unit="percentage", distance=10.0)),
        ),
        "p2": (),
    }
