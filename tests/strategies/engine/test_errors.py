"""Errors name the place, the fault and the value."""

from strategies.engine.errors import EngineError, GraphFault, GraphInvalid, MarketDataInvalid, SymbolInvalid


def test_a_graphs_error_lists_every_fault_one_a_line() -> None:
    faults = [
        GraphFault(node_id="entry-1", field="data.positions", message="is empty"),
        GraphFault(node_id="", field="edges[0].source", message="leads to no node"),
        GraphFault(node_id="entry-2", field="", message="is odd"),
        GraphFault(node_id="", field="", message="is no strategy"),
    ]

    error = GraphInvalid(faults)

    assert error.faults == tuple(faults)
    assert str(error).splitlines() == [
        "node 'entry-1', data.positions: is empty",
        "edges[0].source: leads to no node",
        "node 'entry-2': is odd",
        "is no strategy",
    ]


def test_an_error_of_market_data_begins_with_its_place_where_it_has_one() -> None:
    assert str(MarketDataInvalid("is odd", place="line 7")) == "line 7: is odd"
    assert str(MarketDataInvalid("is odd")) == "is odd"


def test_an_error_of_a_symbol_shows_the_symbol() -> None:
    assert str(SymbolInvalid("x\n", "is odd")) == r"symbol 'x\n': is odd"


def test_whoever_catches_the_engines_error_catches_all_of_them() -> None:
    assert all(issubclass(error, EngineError) for error in (GraphInvalid, MarketDataInvalid, SymbolInvalid))
