"""A strategy's conditions as text: the graph reader makes the records of the objects, and tells faults by column."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from strategies.engine.errors import GraphFault, GraphInvalid
from strategies.engine.expressions import Condition, ConditionGroup, Constant, IndicatorData, LiveData
from strategies.engine.graph import parse_strategy
from strategies.engine.strategy import EntrySignalNode, ExitSignalNode
from strategies.samples import sample_strategy

Json = dict[str, Any]


@pytest.fixture
def document() -> Json:
    """Return the sample strategy's document, to be changed."""
    return copy.deepcopy(sample_strategy())


def data_of(document: Json, node_id: str) -> Json:
    """Return the data of one node of a document."""
    found: Json = next(node["data"] for node in document["nodes"] if node["id"] == node_id)
    return found


def faults_of(document: Json) -> tuple[GraphFault, ...]:
    """Return everything that is wrong with a document."""
    with pytest.raises(GraphInvalid) as refused:
        parse_strategy(document)
    return refused.value.faults


def test_text_becomes_a_nodes_conditions_numbered_within_the_node(document: Json) -> None:
    data_of(document, "put-signal")["conditions"] = "TI.ltp > 1 OR TI.oi < 2"

    node = parse_strategy(document).nodes["put-signal"]

    assert isinstance(node, EntrySignalNode)
    assert node.conditions == ConditionGroup(
        "OR",
        (
            Condition("data.conditions[0]", LiveData("ltp", "TI"), ">", Constant(1)),
            Condition("data.conditions[1]", LiveData("oi", "TI"), "<", Constant(2)),
        ),
    )


def test_re_entry_conditions_written_as_text_need_no_switch(document: Json) -> None:
    target = data_of(document, "put-target")
    del target["hasReEntryExitConditions"]
    target["reEntryExitConditions"] = "TI.ltp > 1"

    node = parse_strategy(document).nodes["put-target"]

    assert isinstance(node, ExitSignalNode)
    assert node.re_entry_conditions == ConditionGroup(
        "AND", (Condition("data.reEntryExitConditions[0]", LiveData("ltp", "TI"), ">", Constant(1)),)
    )


def test_re_entry_conditions_that_are_switched_off_stay_off(document: Json) -> None:
    data_of(document, "put-target").update(hasReEntryExitConditions=False, reEntryExitConditions="TI.ltp > 1")

    node = parse_strategy(document).nodes["put-target"]

    assert isinstance(node, ExitSignalNode)
    assert node.re_entry_conditions is None


def test_a_variables_expression_may_be_text(document: Json) -> None:
    as_objects = parse_strategy(document).nodes["put-signal"]
    data_of(document, "put-signal")["variables"] = [{"name": "SignalLow", "expression": "Previous[TI.1m.Low]"}]

    as_text = parse_strategy(document).nodes["put-signal"]

    assert isinstance(as_objects, EntrySignalNode)
    assert isinstance(as_text, EntrySignalNode)
    assert as_text.variables == as_objects.variables


def test_faults_in_texts_carry_node_field_line_and_column_and_come_all_at_once(document: Json) -> None:
    data_of(document, "put-signal")["conditions"] = "TI.ltp > Previous[TI.5m.Low] AND TI.price > 1"
    data_of(document, "put-signal")["variables"] = [{"name": "SignalLow", "expression": "Previous[TI.1m.Low"}]
    data_of(document, "put-stop")["reEntryExitConditions"] = "TI.ltp > 1\nAND gone.SignalLow > 1"

    faults = faults_of(document)

    assert [(fault.node_id, fault.field, fault.text_line, fault.column) for fault in faults] == [
        ("put-signal", "data.conditions", None, 19),
        ("put-signal", "data.conditions", None, 34),
        ("put-signal", "data.variables[0].expression", None, 19),
        ("put-stop", "data.reEntryExitConditions", 2, 5),
    ]
    assert str(faults[0]) == (
        "node 'put-signal', data.conditions, column 19: found TI.5m.Low; "
        "expected a timeframe that the start node declares: 1m"
    )
    assert str(faults[3]).startswith("node 'put-stop', data.reEntryExitConditions, line 2, column 5: found gone.")


def test_an_empty_text_is_no_condition(document: Json) -> None:
    data_of(document, "put-signal")["conditions"] = ""

    assert [(fault.field, fault.column) for fault in faults_of(document)] == [("data.conditions", 1)]


def test_children_stand_for_edges_where_a_document_has_none(document: Json) -> None:
    with_edges = parse_strategy(document)
    for node in document["nodes"]:
        node["children"] = [edge["target"] for edge in document["edges"] if edge["source"] == node["id"]]
    del document["edges"]

    with_children = parse_strategy(document)

    assert with_children.nodes == with_edges.nodes
    assert with_children.order == with_edges.order
    assert set(with_children.edges) == set(with_edges.edges)


def test_edges_go_before_children(document: Json) -> None:
    document["nodes"][0]["children"] = ["nobody"]

    assert len(parse_strategy(document).edges) == len(document["edges"])


def test_children_that_lead_nowhere_are_faults(document: Json) -> None:
    del document["edges"]
    document["nodes"][0]["children"] = ["put-signal", "nobody", 5]
    document["nodes"][1]["children"] = "put-entry"

    assert [(fault.node_id, fault.field, fault.message) for fault in faults_of(document)][:3] == [
        ("start", "children[1]", "leads to no node: there is no node 'nobody'"),
        ("start", "children[2]", "leads to no node: there is no node 5"),
        ("put-signal", "children", "expected a list of node ids"),
    ]


def test_a_document_with_neither_edges_nor_children_misses_its_edges(document: Json) -> None:
    del document["edges"]

    assert faults_of(document)[0] == GraphFault(node_id="", field="edges", message="is missing; expected a list")


def indicator_value(parameter: object) -> Json:
    """Return the sample's RSI with an output named."""
    return {"type": "indicator", "name": "rsi_14", "offset": -1, "parameter": parameter, "timeframeId": "1m"}


def test_an_output_that_an_indicator_does_not_have_is_a_fault(document: Json) -> None:
    data_of(document, "put-signal")["variables"][0]["expression"] = indicator_value("signal")

    assert faults_of(document) == (
        GraphFault(
            node_id="put-signal",
            field="data.variables[0].expression.parameter",
            message="'signal' is no output of 'rsi_14'; it has: value",
        ),
    )


@pytest.mark.parametrize(("said", "read"), [(None, None), ("", None), ("value", "value")])
def test_an_output_that_an_indicator_has_is_read(document: Json, said: object, read: str | None) -> None:
    data_of(document, "put-signal")["variables"][0]["expression"] = indicator_value(said)

    node = parse_strategy(document).nodes["put-signal"]

    assert isinstance(node, EntrySignalNode)
    assert node.variables[0].expression == IndicatorData("rsi_14", read, -1, "1m", "TI")


def test_the_outputs_of_an_indicator_that_is_unknown_are_not_told_beside_it(document: Json) -> None:
    data_of(document, "put-signal")["variables"][0]["expression"] = indicator_value("signal")
    timeframe = data_of(document, "start")["tradingInstrumentConfig"]["timeframes"][0]
    timeframe["indicators"]["rsi_14"]["indicator_name"] = "magic"

    assert [fault.node_id for fault in faults_of(document)] == ["start"]


def test_a_quote_of_an_instrument_that_is_switched_off_is_a_fault(document: Json) -> None:
    data_of(document, "put-signal")["conditions"] = "SI.ltp > 1"

    assert [fault.message for fault in faults_of(document)] == [
        "found SI.ltp; expected TI; the start node has no instrument 'SI'; enable the supporting instrument"
    ]


def test_two_indicators_of_one_name_are_both_printed_by_their_keys(document: Json) -> None:
    timeframe = data_of(document, "start")["tradingInstrumentConfig"]["timeframes"][0]
    timeframe["indicators"]["rsi_7"] = {**timeframe["indicators"]["rsi_14"], "length": 7}

    assert dict(parse_strategy(document).printer().indicator_names) == {
        ("TI", "1m", "rsi_14"): "rsi_14",
        ("TI", "1m", "rsi_7"): "rsi_7",
    }


def test_every_value_of_the_reference_page_is_read(document: Json) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs/reference/condition-text.md").read_text(encoding="utf-8")
    table = page.partition("## Values\n")[2].partition("## ")[0]
    rows = [row.split(" | ")[0] for row in table.splitlines() if row.startswith("| `")]
    values = [value for row in rows for value in re.findall(r"`([^`]+)`", row)]
    assert len(values) > 20
    timeframe = data_of(document, "start")["tradingInstrumentConfig"]["timeframes"][0]
    timeframe["indicators"]["macd"] = {"indicator_name": "macd"}
    data_of(document, "put-entry")["positions"][0]["vpi"] = "call"
    for node_id in ("put-target-exit", "put-stop-exit"):
        data_of(document, node_id)["exitNodeData"]["orderConfig"]["targetPositionVpi"] = "call"
    text = json.dumps(document).replace("put-signal", "entry-condition-1").replace("put_signal", "entry_condition_1")
    document = json.loads(text)
    signal = data_of(document, "entry-condition-1")
    signal["conditions"] = " OR ".join(f"{value} > 0" for value in values)

    node = parse_strategy(document).nodes["entry-condition-1"]

    assert isinstance(node, EntrySignalNode)
    assert len(node.conditions.members) == len(values)
