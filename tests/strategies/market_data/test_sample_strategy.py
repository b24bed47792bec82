"""The sample strategy is a clean document of the visual builder."""

from collections.abc import Iterator
from typing import Any

from strategies.engine.graph import parse_strategy
from strategies.samples import sample_strategy


def walk(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from walk(item)


def test_the_document_is_accepted_by_the_engine() -> None:
    graph = parse_strategy(sample_strategy())

    assert (graph.strategy_id, graph.underlying) == ("rsi-breakout", "NIFTY")
    assert len(graph.nodes) == len(sample_strategy()["nodes"]) == 16


def test_it_shows_every_node_type() -> None:
    assert {node["type"] for node in sample_strategy()["nodes"]} == {
        "startNode",
        "entrySignalNode",
        "entryNode",
        "exitSignalNode",
        "exitNode",
        "reEntrySignalNode",
        "squareOffNode",
    }


def test_a_node_names_only_variables_of_the_leg_it_belongs_to() -> None:
    for node in sample_strategy()["nodes"]:
        leg = node["id"].split("-")[0]
        used = [part["nodeId"] for part in walk(node) if part.get("type") == "node_variable"]
        assert [name for name in used if not name.startswith(f"{leg}-")] == []
        assert {variable["nodeId"] for variable in node["data"].get("variables", [])} <= {node["id"]}


def test_ids_of_conditions_are_unique() -> None:
    ids = [part["id"] for part in walk(sample_strategy()) if "operator" in part or "groupLogic" in part]

    assert len(ids) == len(set(ids)) > 20


def test_the_document_is_the_callers_to_change() -> None:
    sample_strategy()["nodes"].clear()

    assert sample_strategy()["nodes"]
