"""Reading a strategy: what a valid one becomes, and every fault of an invalid one at once, by node id and field."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.engine.candles import Timeframe
from strategies.engine.errors import GraphFault, GraphInvalid
from strategies.engine.expressions import CandleData, Condition, ConditionGroup, Constant, LiveData, Variable
from strategies.engine.graph import StrategyGraph, parse_strategy
from strategies.engine.indicators import INDICATORS, IndicatorSpec
from strategies.engine.strategy import (
    EntryNode,
    EntrySignalNode,
    ExitNode,
    ExitSignalNode,
    ExpiryPick,
    FuturePick,
    InstrumentSpec,
    OptionPick,
    PositionSpec,
    ReEntrySignalNode,
    SquareOffNode,
    StartNode,
    TimeframeSpec,
)
from strategies.samples import sample_strategy
from tests.builders.strategy_documents import (
    Json,
    candle,
    entry,
    entry_signal,
    exit_node,
    exit_signal,
    ltp,
    node,
    option,
    position,
    re_entry_signal,
    rsi,
    square_off,
    start_node,
    strategy_document,
    timeframe,
    variable,
    when,
)

W0 = ExpiryPick(cycle="W", index=0)
EDGES = ["start > signal > entry > target > exit > again > entry", "start > square-off"]


def document() -> Json:
    """Build a valid strategy with one node of each type."""
    return strategy_document(
        start_node(),
        entry_signal("signal", when(ltp(), ">", 100, "c1"), variables={"Low": candle("Low")}),
        entry(
            "entry",
            position("pos", "sell", quantity=3, multiplier=25, max_entries=9, option=option("PE", "OTM2", "W1")),
        ),
        exit_signal("target", when(ltp(), ">", 110, "c2"), on_re_entry=[when(ltp(), ">", 120, "c3")]),
        exit_node("exit", "pos"),
        re_entry_signal("again", "entry", when(ltp(), "<", variable("signal", "Low"), "c4"), max_re_entries=8),
        square_off(minutes_before_close=5),
        edges=EDGES,
    )


def data_of(found: Json, node_id: str) -> Json:
    data: Json = next(each["data"] for each in found["nodes"] if each["id"] == node_id)
    return data


def faults_of(found: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - any JSON
    """Return where the faults are: node id and field."""
    return [(fault.node_id, fault.field) for fault in all_faults(found)]


def all_faults(found: Any) -> list[GraphFault]:  # noqa: ANN401 - any JSON
    with pytest.raises(GraphInvalid) as caught:
        parse_strategy(found)
    assert list(dict.fromkeys(caught.value.faults)) == list(caught.value.faults), "a fault is told twice"
    return list(caught.value.faults)


def price_above(condition_id: str, price: float) -> ConditionGroup:
    return ConditionGroup("AND", (Condition(condition_id, LiveData("underlying_ltp", "TI"), ">", Constant(price)),))


def test_a_valid_document_becomes_records_in_its_own_order() -> None:
    strategy = parse_strategy(document())

    low = CandleData("Low", -1, "1m", "TI")
    indicator = IndicatorSpec(
        key="rsi_14", name="rsi", display_name="rsi(14,close)", arguments=(14,), price_field="close"
    )
    minute = TimeframeSpec(timeframe=Timeframe("1m", "minutes", 1), indicators=(indicator,))
    next_week = ExpiryPick(cycle="W", index=1)
    pick = OptionPick(expiry=next_week, strike_type="OTM", strike_steps=2, right="PE")
    again = strategy.nodes["again"]
    assert isinstance(again, ReEntrySignalNode)
    assert list(strategy.nodes.values()) == [
        StartNode(
            id="start", label="Start", children=("signal", "square-off"),
            instrument=InstrumentSpec(symbol="NIFTY", timeframes=(minute,)), supporting=None,
        ),
        EntrySignalNode(
            id="signal", label="Signal", children=("entry",),
            conditions=price_above("c1", 100), variables=(Variable("Low", low),),
        ),
        EntryNode(
            id="entry", label="Entry", children=("target",),
            positions=(PositionSpec(position_id="pos", side="sell", quantity=75, max_entries=9, contract=pick),),
        ),
        ExitSignalNode(
            id="target", label="Target", children=("exit",),
            conditions=price_above("c2", 110), re_entry_conditions=price_above("c3", 120), target_position_ids=("pos",),
        ),
        ExitNode(id="exit", label="Exit", children=("again",), target_position_id="pos"),
        ReEntrySignalNode(
            id="again", label="Again", children=("entry",),
            conditions=again.conditions, variables=(), target_entry_node_id="entry", max_re_entries=8,
        ),
        SquareOffNode(
            id="square-off", label="Square-Off", children=(),
            at=None, minutes_before_close=5, is_immediate=False, profit_target=None, loss_limit=None,
        ),
    ]  # fmt: skip
    assert strategy.order == ("start", "square-off", "signal", "entry", "target", "exit", "again")
    assert (strategy.strategy_id, strategy.name) == ("test-strategy", "Test strategy")


def test_what_only_the_canvas_needs_is_ignored() -> None:
    plain, drawn = document(), document()
    for each in drawn["nodes"]:
        each |= {"parents": ["x"], "children": 5, "width": 7.5}
    drawn["nodes"].append({"id": "overview", "type": "strategyOverview"})
    drawn["edges"] += [{"source": "start", "target": "overview"}, {"source": "overview", "target": "start"}]
    drawn["viewport"] = {"zoom": 1}

    nodes, edges = parse_strategy(drawn).nodes, parse_strategy(drawn).edges

    assert (nodes, edges) == (parse_strategy(plain).nodes, parse_strategy(plain).edges)


def test_an_edge_that_is_drawn_twice_counts_once() -> None:
    twice = document()
    twice["edges"] *= 2

    assert parse_strategy(twice).edges == parse_strategy(document()).edges


def test_the_fingerprint_follows_the_content_and_not_the_order_of_keys() -> None:
    turned = dict(reversed(document().items()))
    other = document()
    data_of(other, "again")["retryConfig"]["maxReEntries"] = 7

    fingerprints = [parse_strategy(each).fingerprint for each in (document(), turned, other)]

    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


def test_names_that_are_missing_or_blank_are_filled_in() -> None:
    nameless = document()
    del nameless["strategy_id"]
    nameless["name"] = " "
    data_of(nameless, "signal")["label"] = ""

    strategy = parse_strategy(nameless)

    assert (strategy.strategy_id, strategy.name, strategy.nodes["signal"].label) == ("strategy", "Strategy", "signal")


REMOVED = object()


def change(node_id: str, path: str, value: object) -> Callable[[Json], None]:
    """Return a change that sets (or removes) a field of a node's data, such as ``positions[0].vpi``."""

    def apply(found: Json) -> None:
        inside: Any = data_of(found, node_id)
        *way, last = [int(part) if part.isdecimal() else part for part in re.findall(r"[^.\[\]]+", path)]
        for part in way:
            inside = inside.setdefault(part, {}) if isinstance(inside, dict) else inside[part]
        if value is REMOVED:
            del inside[last]
        else:
            inside[last] = value

    return apply


FRAME = "tradingInstrumentConfig.timeframes[0]"
POSITION = "positions[0]"
OPTION = "positions[0].optionDetails"
ORDER = "exitNodeData.orderConfig"
AFTER = "exitNodeData.postExecutionConfig"
BY_TIME = "endConditions.timeBasedExit"
RE_ENTRY = "exitNodeData.reEntryConfig.enabled"


KNOWN = f"allowed: {', '.join(INDICATORS)}"
STRIKES = "allowed: ATM, ITM1 to ITM15, OTM1 to OTM15, premium"
INTRADAY = "is not supported; positions are for the day: intraday"


@pytest.mark.parametrize(
    ("node_id", "path", "value", "message"),
    [
        ("start", "tradingInstrumentConfig", REMOVED, "is missing; expected an object"),
        ("start", "tradingInstrumentConfig.symbol", "", "is missing; expected a text"),
        (
            "start",
            "tradingInstrumentConfig.symbol",
            "NIFTY:2024-11-28:FUT",
            "'NIFTY:2024-11-28:FUT' is a contract; expected an underlying such as NIFTY",
        ),
        (
            "start",
            "tradingInstrumentConfig.symbol",
            "nifty",
            "symbol 'nifty': expected NAME, NAME:YYYY-MM-DD:FUT or NAME:YYYY-MM-DD:OPT:STRIKE:CE|PE",
        ),
        ("start", f"{FRAME}.id", REMOVED, "is missing; expected a text"),
        ("start", f"{FRAME}.unit", "weeks", "'weeks' is unknown; allowed: seconds, minutes, hours, days"),
        ("start", f"{FRAME}.number", 0, "0 does not fit; expected a whole number from 1 to 86400"),
        ("start", f"{FRAME}.indicators", [], "expected an object, found a list"),
        ("start", f"{FRAME}.indicators.rsi_14.indicator_name", "magic", f"'magic' is unknown; {KNOWN}"),
        (
            "start",
            f"{FRAME}.indicators.rsi_14.indicator_name",
            REMOVED,
            f"is missing; {KNOWN}",
        ),
        ("start", f"{FRAME}.indicators.rsi_14.length", 1, "1 does not fit; expected a whole number from 2 to 5000"),
        (
            "start",
            f"{FRAME}.indicators.rsi_14.price_field",
            "hl2",
            "'hl2' is unknown; allowed: open, high, low, close",
        ),
        ("start", "supportingInstrumentEnabled", "yes", "expected true or false, found a text"),
        ("signal", "conditions", REMOVED, "is missing; expected a list"),
        ("signal", "conditions", [], "holds no condition; a signal needs at least one"),
        ("signal", "conditions[0].conditions", [], "holds no condition; a group needs at least one"),
        ("signal", "conditions[0].groupLogic", "XOR", "'XOR' is unknown; allowed: AND, OR"),
        ("signal", "variables[0].name", REMOVED, "is missing; expected a text"),
        ("signal", "variables[0].expression", REMOVED, "is missing; expected an object"),
        ("signal", "label", 5, "expected a text, found a number"),
        ("entry", "positions", [], "is empty; an entry node opens at least one position"),
        ("entry", f"{POSITION}.vpi", REMOVED, "is missing; expected a text"),
        ("entry", f"{POSITION}.positionType", "long", "'long' is unknown; allowed: buy, sell"),
        ("entry", f"{POSITION}.quantity", 1.5, "1.5 does not fit; expected a whole number from 1 to 1000000"),
        ("entry", f"{POSITION}.multiplier", 0, "0 does not fit; expected a whole number from 1 to 1000000"),
        ("entry", f"{POSITION}.maxEntries", 0, "0 does not fit; expected a whole number from 1 to 100000"),
        ("entry", f"{POSITION}.orderType", "stop", "'stop' is unknown; allowed: market, limit"),
        (
            "entry",
            f"{POSITION}.productType",
            "delivery",
            f"'delivery' {INTRADAY}",
        ),
        ("entry", f"{OPTION}.expiry", "M2", "'M2' is unknown; allowed: W0, W1, M0, M1"),
        (
            "entry",
            f"{OPTION}.strikeType",
            "OTM16",
            f"'OTM16' is unknown; {STRIKES}",
        ),
        (
            "entry",
            f"{OPTION}.strikeType",
            "OTM0",
            f"'OTM0' is unknown; {STRIKES}",
        ),
        ("entry", f"{OPTION}.optionType", "PUT", "'PUT' is unknown; allowed: CE, PE"),
        ("target", "hasReEntryExitConditions", 1, "expected true or false, found a number"),
        ("target", "reEntryExitConditions", REMOVED, "is missing; expected a list"),
        ("exit", "exitNodeData", REMOVED, "is missing; expected an object"),
        ("exit", f"{ORDER}.targetPositionVpi", "other", "no entry node opens a position 'other'"),
        ("exit", f"{ORDER}.orderType", "stop", "'stop' is unknown; allowed: market, limit"),
        ("exit", f"{ORDER}.quantity", "half", "'half' is unknown; allowed: all, percentage, specific"),
        ("exit", RE_ENTRY, True, "re-entry belongs to a reEntrySignalNode behind this node; switch it off here"),
        ("again", "targetEntryNodeId", "exit", "there is no entry node or entry signal 'exit'"),
        ("again", "targetEntryNodeId", REMOVED, "is missing; expected a text"),
        ("again", "retryConfig", REMOVED, "is missing; expected an object"),
        ("again", "retryConfig.maxReEntries", -1, "-1 does not fit; expected a whole number from 0 to 100000"),
        ("square-off", "endConditions", REMOVED, "is missing; expected an object"),
        ("square-off", f"{BY_TIME}.minutesBeforeClose", 376, "376 does not fit; expected a whole number from 0 to 375"),
        (
            "square-off",
            "endConditions.performanceBasedExit",
            {"enabled": True},
            "names neither profitTarget nor lossLimit; give at least one amount above zero",
        ),
        ("square-off", "endConditions.performanceBasedExit.enabled", 1, "expected true or false, found a number"),
    ],
)
def test_a_fault_inside_a_node_is_told_with_its_place(node_id: str, path: str, value: object, message: str) -> None:
    invalid = document()
    change(node_id, path, value)(invalid)

    faults = all_faults(invalid)

    assert GraphFault(node_id=node_id, field=f"data.{path}", message=message) in faults


@pytest.mark.parametrize(
    ("exit_time", "message"),
    [
        ("", "is missing; expected a text"),
        ("25:00", "'25:00' is not a time of day; expected HH:MM or HH:MM:SS"),
        ("15:60", "'15:60' is not a time of day; expected HH:MM or HH:MM:SS"),
        ("3 pm", "'3 pm' is not a time of day; expected HH:MM or HH:MM:SS"),
        (1530, "expected a text, found a number"),
    ],
)
def test_a_bad_time_of_the_square_off_is_a_fault(exit_time: object, message: str) -> None:
    invalid = document()
    change("square-off", BY_TIME, {"enabled": True, "exitTime": exit_time})(invalid)

    assert all_faults(invalid) == [GraphFault(node_id="square-off", field=f"data.{BY_TIME}.exitTime", message=message)]


@pytest.mark.parametrize("node_id", ["entry", "target"])
def test_a_condition_on_a_variable_that_its_node_would_never_record_is_a_fault(node_id: str) -> None:
    invalid = document()
    change(node_id, "variables", [{"name": "High", "expression": candle("High")}])(invalid)
    change("again", "conditions[0].conditions[0].rhs", variable(node_id, "High"))(invalid)

    assert [str(fault) for fault in all_faults(invalid)] == [
        "node 'again', data.conditions[0].conditions[0].rhs.variableName: "
        f"no node '{node_id}' records a variable 'High'"
    ]


def test_a_condition_on_a_supporting_instrument_that_is_switched_off_is_a_fault() -> None:
    invalid = document()
    config = {"symbol": "BANKNIFTY", "timeframes": [timeframe("1m")]}
    change("start", "supportingInstrumentConfig", config)(invalid)
    change("signal", "conditions[0].conditions[0].lhs", candle("Close", -1, "1m", "SI"))(invalid)
    change("again", "conditions[0].conditions[0].lhs", ltp("ltp", "SI"))(invalid)

    assert faults_of(invalid) == [
        ("signal", "data.conditions[0].conditions[0].lhs.instrumentType"),
        ("again", "data.conditions[0].conditions[0].lhs.instrumentType"),
    ]
    change("start", "supportingInstrumentEnabled", True)(invalid)
    assert isinstance(parse_strategy(invalid), StrategyGraph)


def test_a_square_off_that_nothing_sets_off_is_a_fault() -> None:
    invalid = document()
    change("square-off", f"{BY_TIME}.enabled", False)(invalid)

    assert [str(fault) for fault in all_faults(invalid)] == [
        "node 'square-off', data.endConditions: no way to end the day is switched on; enable one, such as timeBasedExit"
    ]


def drop(*node_ids: str) -> Callable[[Json], None]:
    def apply(found: Json) -> None:
        found["nodes"] = [each for each in found["nodes"] if each["id"] not in node_ids]
        found["edges"] = [edge for edge in found["edges"] if not {edge["source"], edge["target"]} & set(node_ids)]

    return apply


def add(*nodes: Json) -> Callable[[Json], None]:
    return lambda found: found["nodes"].extend(nodes)


def link(source: str, target: str) -> Callable[[Json], None]:
    return lambda found: found["edges"].append({"source": source, "target": target})


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ([drop("start")], {("", "nodes"): "there is no start node; a strategy has exactly one"}),
        (
            [add(start_node("start-2"))],
            {("", "nodes"): "there are 2 start nodes: start, start-2; a strategy has exactly one"},
        ),
        ([add(exit_node("exit", "pos"))], {("exit", "id"): "is used by more than one node"}),
        (
            [add(node("teleportNode", "t", {}))],
            {
                ("t", "type"): "'teleportNode' is unknown; allowed: startNode, entrySignalNode, entryNode, "
                "exitSignalNode, exitNode, reEntrySignalNode, squareOffNode"
            },
        ),
        (
            [add({"id": "t", "data": {}})],
            {
                ("t", "type"): "is missing; allowed: startNode, entrySignalNode, entryNode, exitSignalNode, exitNode, "
                "reEntrySignalNode, squareOffNode"
            },
        ),
        ([add({"type": "exitNode", "data": {}})], {("", "nodes[7].id"): "is missing; expected a text"}),
        (
            [add({"id": 5, "type": "squareOffNode", "data": {}})],
            {("", "nodes[7].id"): "expected a text, found a number"},
        ),
        (
            [add({"id": "t", "type": "exitNode"})],
            {
                ("t", "data"): "is missing; expected an object",
                ("t", "data.exitNodeData"): "is missing; expected an object",
                ("t", "data.exitNodeData.orderConfig"): "is missing; expected an object",
                ("t", "data.exitNodeData.orderConfig.targetPositionVpi"): "is missing; expected a text",
            },
        ),
        ([link("entry", "nowhere")], {("", "edges[7].target"): "leads to no node: there is no node 'nowhere'"}),
        ([link("nowhere", "entry")], {("", "edges[7].source"): "leads to no node: there is no node 'nowhere'"}),
        (
            [lambda found: found["edges"].append({"source": "start"})],
            {("", "edges[7].target"): "is missing; expected a text"},
        ),
        (
            [link("exit", "signal")],
            {
                ("signal", "edges"): "the nodes signal, entry, target, exit form a cycle; "
                "only a reEntrySignalNode may lead back"
            },
        ),
        (
            [add(entry("entry-2", position("pos"), position("new"), position("new")))],
            {
                ("entry-2", "data.positions[0].vpi"): "'pos' is used more than once",
                ("entry-2", "data.positions[1].vpi"): "'new' is used more than once",
                ("entry-2", "data.positions[2].vpi"): "'new' is used more than once",
            },
        ),
        (
            [
                change(
                    "start",
                    "tradingInstrumentConfig.timeframes",
                    [timeframe("1m", rsi_14=rsi(14)), timeframe("5m"), timeframe("5m"), timeframe("1m")],
                )
            ],
            {("start", "data.tradingInstrumentConfig.timeframes"): "the id '5m' is used more than once"},
        ),
        ([lambda found: found.update(strategy_id=5)], {("", "strategy_id"): "expected a text, found a number"}),
        ([lambda found: found.update(name=["a"])], {("", "name"): "expected a text, found a list"}),
    ],
)
def test_a_fault_of_the_graph_is_told_with_its_place(
    changes: list[Callable[[Json], None]], faults: dict[tuple[str, str], str]
) -> None:
    invalid = document()
    for apply in changes:
        apply(invalid)

    found = {(fault.node_id, fault.field): fault.message for fault in all_faults(invalid)}

    assert faults.items() <= found.items()
    assert len(found) <= len(faults) + 1


def test_every_fault_of_a_document_is_told_at_once() -> None:
    invalid = document()
    for apply in (
        change("signal", "conditions[0].conditions[0].operator", "~"),
        change("entry", "positions[0].quantity", 0),
        change("exit", "exitNodeData.orderConfig.targetPositionVpi", "gone"),
        change("again", "targetEntryNodeId", "gone"),
        change("square-off", "endConditions", None),
        add({"id": "odd", "type": "oddNode"}, start_node("start-2")),
        link("odd", "gone"),
    ):
        apply(invalid)

    assert faults_of(invalid) == [
        ("odd", "type"),
        ("", "edges[7].target"),
        ("signal", "data.conditions[0].conditions[0].operator"),
        ("entry", "data.positions[0].quantity"),
        ("exit", "data.exitNodeData.orderConfig.targetPositionVpi"),
        ("square-off", "data.endConditions"),
        ("square-off", "data.endConditions"),
        ("", "nodes"),
        ("again", "data.targetEntryNodeId"),
    ]


def test_the_faults_of_a_document_come_in_the_same_order_every_time() -> None:
    invalid = document()
    frames = [timeframe(name) for name in ("a", "b", "c", "d") * 2]
    change("start", "tradingInstrumentConfig.timeframes", frames)(invalid)

    messages = [fault.message for fault in all_faults(invalid)]

    assert messages[:4] == [f"the id {name!r} is used more than once" for name in "abcd"]


@pytest.mark.parametrize("not_a_document", [None, True, 5, 1.5, "text", [], [1]])
def test_a_document_that_is_no_object_is_refused(not_a_document: Any) -> None:  # noqa: ANN401 - any JSON
    assert GraphFault(node_id="", field="nodes", message="is missing; expected a list") in all_faults(not_a_document)


def test_an_empty_document_lacks_nodes_and_edges_and_a_start_node() -> None:
    assert [str(fault) for fault in all_faults({})] == [
        "nodes: is missing; expected a list",
        "edges: is missing; expected a list",
        "nodes: there is no start node; a strategy has exactly one",
    ]


@pytest.mark.parametrize("junk", [None, 5, "text", ["list"], True])
def test_a_node_or_edge_that_is_no_object_is_told_once(junk: object) -> None:
    invalid = document()
    invalid["nodes"].append(junk)
    invalid["edges"].append(junk)

    kinds = [fault for fault in all_faults(invalid) if "expected an object" in fault.message]

    assert [(fault.node_id, fault.field) for fault in kinds] == [("", "nodes[7]"), ("", "edges[7]")]


@pytest.mark.parametrize("odd", [[], {}, [1], {"a": 1}, 5, True])
def test_a_type_or_an_id_of_another_kind_is_a_fault_and_no_exception(odd: object) -> None:
    invalid = document()
    invalid["nodes"] += [{"id": "t", "type": odd, "data": {}}, {"id": odd, "type": "exitNode", "data": {}}]
    invalid["nodes"] += [{"id": odd, "type": "strategyOverview"}]

    assert set(faults_of(invalid)) == {("t", "type"), ("", "nodes[8].id")}


@pytest.mark.parametrize("levels", [101, 500, 50_000])
def test_a_document_that_is_nested_too_deep_is_refused_before_it_is_read(levels: int) -> None:
    deep: Any = "x"
    for level in range(levels):
        deep = [deep] if level % 2 else {"a": deep}
    invalid = document()
    data_of(invalid, "signal")["conditions"] = [deep]

    try:
        found = [str(fault) for fault in all_faults(invalid)]
    finally:
        # Freed level by level: the interpreter would do it by recursion.
        while isinstance(deep, list | dict):
            deep = deep.pop() if isinstance(deep, list) else deep.pop("a")

    assert found == ["lists and objects stand inside each other more than 100 levels deep"]


def test_half_of_a_surrogate_pair_is_refused_with_what_stands_before_it() -> None:
    invalid = document()
    data_of(invalid, "signal")["label"] = "Bullish \ud83d"

    [fault] = all_faults(invalid)

    assert (fault.node_id, fault.field) == ("", "")
    assert fault.message.startswith("holds half of a surrogate pair, which is no character, at the end of ")
    assert "Bullish \\ud83d" in fault.message


@pytest.mark.parametrize(
    ("square", "expected"),
    [
        (square_off(minutes_before_close=0), {"minutes_before_close": 0}),
        (square_off(minutes_before_close=375), {"minutes_before_close": 375}),
        (square_off(exit_time="15:20"), {"at": 55_200}),
        (square_off(exit_time="15:20:30"), {"at": 55_230}),
        (square_off(exit_time="00:00"), {"at": 0}),
        (square_off(is_immediate=True), {"is_immediate": True}),
        (square_off(profit_target=5000, loss_limit=0.5), {"profit_target": 5000.0, "loss_limit": 0.5}),
        (square_off(exit_time="15:20", loss_limit=100), {"at": 55_200, "loss_limit": 100.0}),
    ],
)
def test_a_square_off_ends_the_day_in_the_ways_that_are_switched_on(square: Json, expected: dict[str, Any]) -> None:
    found = document()
    found["nodes"][-1] = square

    assert parse_strategy(found).nodes["square-off"] == SquareOffNode(
        id="square-off", label="Square-Off", children=(), **expected
    )


def test_minutes_before_the_close_are_none_where_the_builder_leaves_them_out() -> None:
    found = document()
    change("square-off", BY_TIME, {"enabled": True, "exitAtMarketClose": True})(found)

    parsed = parse_strategy(found).nodes["square-off"]

    assert isinstance(parsed, SquareOffNode)
    assert parsed.minutes_before_close == 0


def test_a_re_entry_signal_may_lead_to_an_entry_signal() -> None:
    found = document()
    change("again", "targetEntryNodeId", "signal")(found)

    parsed = parse_strategy(found).nodes["again"]

    assert isinstance(parsed, ReEntrySignalNode)
    assert parsed.target_entry_node_id == "signal"


@pytest.mark.parametrize(
    ("traded", "details", "contract"),
    [
        ("options", {"optionDetails": option("CE")}, OptionPick(expiry=W0, strike_type="ATM", right="CE")),
        ("futures", {}, FuturePick(expiry=ExpiryPick(cycle="M", index=0))),
        ("futures", {"futureDetails": {"expiry": "M1"}}, FuturePick(expiry=ExpiryPick(cycle="M", index=1))),
        ("futures", {"optionDetails": option("PE")}, OptionPick(expiry=W0, strike_type="ATM", right="PE")),
        ("stock", {}, None),
        (None, {}, None),
    ],
)
def test_what_is_traded_is_an_option_a_future_or_the_underlying(
    traded: str | None, details: Json, contract: OptionPick | FuturePick | None
) -> None:
    found = document()
    change("entry", "positions", [position("pos", **details)])(found)
    change("start", "tradingInstrument", {"type": traded})(found)

    parsed = parse_strategy(found).nodes["entry"]

    assert isinstance(parsed, EntryNode)
    assert parsed.positions[0].contract == contract


def test_a_position_without_an_option_is_a_fault_where_options_are_traded() -> None:
    invalid = document()
    change("entry", "positions", [position("pos")])(invalid)
    change("start", "tradingInstrument", {"type": "options"})(invalid)

    assert [str(fault) for fault in all_faults(invalid)] == [
        "node 'entry', data.positions[0].optionDetails: is missing; the start node trades options, so the position "
        "must name one"
    ]


def test_an_indicator_takes_its_parameters_under_the_names_that_builders_use_and_defaults_for_the_rest() -> None:
    found = document()
    declared = {
        "a": {"indicator_name": "MACD", "fast": 5, "slow_period": 10},
        "b": {"indicator_name": "bollinger", "period": 10, "stdDev": 1.5, "price_field": "high"},
        "c": {"indicator_name": "vwap"},
        "d": {"indicator_name": "supertrend", "display_name": "ST"},
    }
    change("start", f"{FRAME}.indicators", {**declared, "rsi_14": rsi(14)})(found)

    specs = parse_strategy(found).start.instrument.timeframes[0].indicators

    assert [(spec.name, spec.arguments, spec.price_field, spec.display_name) for spec in specs] == [
        ("macd", (5, 10, 9), "close", "macd(5,10,9,close)"),
        ("bbands", (10, 1.5), "high", "bbands(10,1.5,high)"),
        ("vwap", (), "close", "vwap()"),
        ("supertrend", (10, 3.0), "close", "ST"),
        ("rsi", (14,), "close", "rsi(14,close)"),
    ]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
WORDS = st.sampled_from(
    [
        "nodes", "edges", "id", "type", "data", "source", "target", "startNode", "entryNode", "exitNode",
        "strategyOverview", "conditions", "lhs", "rhs", "operator", "positions", "vpi", "label", "variables", ">",
        "expression", "constant", "value", "indicators", "tradingInstrumentConfig", "timeframes",
    ]
)  # fmt: skip
LIKELY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=200)
@given(value=JSON_VALUES | LIKELY_JSON)
def test_any_json_is_either_a_strategy_or_refused_with_its_faults(value: Any) -> None:  # noqa: ANN401 - any JSON
    assert outcome_of(value) in {"a strategy", "refused"}


@settings(max_examples=300)
@given(data=st.data())
def test_the_sample_changed_anywhere_is_either_a_strategy_or_refused_with_its_faults(data: st.DataObject) -> None:
    changed = mutate(sample_strategy(), data)

    assert outcome_of(changed) in {"a strategy", "refused"}


@settings(max_examples=100)
@given(data=st.data())
def test_the_reference_strategy_changed_anywhere_is_either_a_strategy_or_refused(
    reference_day: Path, data: st.DataObject
) -> None:
    changed = mutate(json.loads((reference_day / "strategy.json").read_text(encoding="utf-8")), data)

    assert outcome_of(changed) in {"a strategy", "refused"}


def outcome_of(value: Any) -> str:  # noqa: ANN401 - any JSON
    before = copy.deepcopy(value)
    try:
        strategy = parse_strategy(value)
    except GraphInvalid as error:
        return "refused" if error.faults and all(fault.message for fault in error.faults) else "refused without a word"
    assert repr(value) == repr(before), "the document was changed"
    assert isinstance(strategy, StrategyGraph)
    assert sorted(strategy.order) == sorted(strategy.nodes)
    return "a strategy"


def mutate(found: Json, data: st.DataObject) -> Json:
    """Put some JSON at one to three random places, or take away what stands there."""
    for _ in range(data.draw(st.integers(1, 3))):
        inside: Any = found
        while True:
            keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
            key = data.draw(st.sampled_from(keys))
            below = inside[key]
            if not (isinstance(below, dict | list) and below) or data.draw(st.integers(0, 5)) == 0:
                break
            inside = below
        if data.draw(st.booleans()):
            inside[key] = data.draw(JSON_VALUES | WORDS)
        elif len(inside) > 1:
            del inside[key]
    return found
