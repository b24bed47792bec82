"""A strategy's text form and its builder form become equal records, and each can be written as the other."""

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strategies.engine.errors import GraphInvalid
from strategies.engine.expressions import Condition, ConditionGroup
from strategies.engine.graph import StrategyGraph, parse_strategy
from strategies.engine.strategy import EntrySignalNode, ExitSignalNode, Node, ReEntrySignalNode
from strategies.engine.text_documents import as_builder_document, as_text_document
from strategies.samples import sample_strategy

Json = dict[str, Any]

FIELDS = ("conditions", "reEntryExitConditions")


@pytest.fixture
def document() -> Json:
    """Return the sample strategy's document, to be changed."""
    return copy.deepcopy(sample_strategy())


def data_of(document: Json, node_id: str) -> Json:
    """Return the data of one node of a document."""
    found: Json = next(node["data"] for node in document["nodes"] if node["id"] == node_id)
    return found


def nodes_without_ids(strategy: StrategyGraph) -> Mapping[str, Node]:
    """Return the nodes of a strategy, their conditions without ids."""
    return {node_id: _without_ids(node) for node_id, node in strategy.nodes.items()}


def _without_ids(node: Node) -> Node:
    if isinstance(node, ExitSignalNode):
        again = node.re_entry_conditions
        return replace(node, conditions=_bare(node.conditions), re_entry_conditions=again and _bare(again))
    if isinstance(node, EntrySignalNode | ReEntrySignalNode):
        return replace(node, conditions=_bare(node.conditions))
    return node


def _bare(group: ConditionGroup) -> ConditionGroup:
    members: list[Condition | ConditionGroup] = [
        _bare(member) if isinstance(member, ConditionGroup) else replace(member, id="") for member in group.members
    ]
    return replace(group, members=tuple(members))


def check_both_ways(original: Json) -> None:
    """Check that the text form of a document says the same, and the builder's form of that too."""
    strategy = parse_strategy(original)

    for has_line_each in (False, True):
        text_form = as_text_document(original, has_line_each=has_line_each)
        builder_form = as_builder_document(text_form)

        as_text, as_objects = parse_strategy(text_form), parse_strategy(builder_form)
        assert nodes_without_ids(as_text) == nodes_without_ids(strategy)
        assert (as_text.edges, as_text.order, as_text.name) == (strategy.edges, strategy.order, strategy.name)
        # The builder's form keeps even the ids that the text form gives.
        assert as_objects.nodes == as_text.nodes
        assert as_text_document(builder_form, has_line_each=has_line_each) == text_form


def test_the_sample_strategy_is_the_same_as_text() -> None:
    check_both_ways(sample_strategy())


def test_the_reference_strategy_is_the_same_as_text(reference_day: Path) -> None:
    check_both_ways(json.loads((reference_day / "strategy.json").read_text(encoding="utf-8")))


def test_the_texts_are_the_builders_previews(document: Json) -> None:
    text_form = as_text_document(document)

    for node in document["nodes"]:
        for field in FIELDS:
            if preview := node["data"].get(f"{field}Preview"):
                assert data_of(text_form, node["id"])[field] == preview
                assert f"{field}Preview" not in data_of(text_form, node["id"])


def test_the_builders_form_has_the_previews_again(document: Json) -> None:
    builder_form = as_builder_document(as_text_document(document))

    previews = [
        {field: node["data"].get(f"{field}Preview") for node in form["nodes"] for field in FIELDS}
        for form in (document, builder_form)
    ]
    assert previews[0] == previews[1]


def test_each_condition_may_have_a_line_of_its_own(document: Json) -> None:
    text_form = as_text_document(document, has_line_each=True)

    assert data_of(text_form, "put-signal")["conditions"] == (
        "Current Time >= 09:17\nAND Previous[TI.1m.rsi(14,close)] < 30\nAND TI.underlying_ltp > Previous[TI.1m.High]"
    )


def test_neither_form_changes_the_document_that_it_is_made_of(document: Json) -> None:
    before = copy.deepcopy(document)

    as_builder_document(as_text_document(document))

    assert document == before


def test_what_text_cannot_say_stays_an_object(document: Json) -> None:
    (root,) = data_of(document, "put-target")["conditions"]
    root["groupLogic"] = "OR"

    text_form = as_text_document(document)

    assert data_of(text_form, "put-target")["conditions"] == [root]
    check_both_ways(document)


def test_re_entry_conditions_that_are_not_used_are_not_switched_on(document: Json) -> None:
    unused = data_of(document, "put-stop")
    del unused["hasReEntryExitConditions"]
    broken = data_of(document, "put-target")
    broken["reEntryExitConditions"] = [{"conditions": "nonsense"}]

    text_form = as_text_document(document)

    assert isinstance(data_of(text_form, "put-stop")["reEntryExitConditions"], list)
    assert data_of(text_form, "put-target")["reEntryExitConditions"] == [{"conditions": "nonsense"}]
    check_both_ways(document)


def test_re_entry_conditions_written_as_text_are_switched_on_for_the_builder(document: Json) -> None:
    data_of(document, "put-target").pop("hasReEntryExitConditions")
    data_of(document, "put-target")["reEntryExitConditions"] = "TI.ltp > 1"

    builder_form = as_builder_document(document)

    assert data_of(builder_form, "put-target")["hasReEntryExitConditions"] is True
    assert nodes_without_ids(parse_strategy(builder_form)) == nodes_without_ids(parse_strategy(document))


def test_every_kind_of_expression_goes_both_ways(document: Json) -> None:
    data_of(document, "put-signal")["conditions"] = (
        "Current Time between 09:17 and 15:00:30 AND (TI.ltp crosses_above (Current[TI.1m.Close] +% 0.5) "
        'OR Previous(3)[TI.1m.rsi(14,close).value] != put_signal.SignalLow OR "a\\"b" == true) '
        "AND Position[put-entry-pos1].unrealized_pnl >= (PnL.total_pnl - -1e-07)"
    )

    check_both_ways(document)


def test_children_become_the_builders_edges(document: Json) -> None:
    for node in document["nodes"]:
        node["children"] = [edge["target"] for edge in document["edges"] if edge["source"] == node["id"]]
    edges = {(edge["source"], edge["target"]) for edge in document.pop("edges")}

    builder_form = as_builder_document(document)

    assert {(edge["source"], edge["target"]) for edge in builder_form["edges"]} == edges
    assert parse_strategy(builder_form).nodes == parse_strategy(document).nodes


def test_an_invalid_document_is_refused(document: Json) -> None:
    data_of(document, "put-signal")["conditions"] = "TI.ltp >"

    for convert in (as_text_document, as_builder_document):
        with pytest.raises(GraphInvalid, match="column 9"):
            convert(document)
