"""Conditions as text: the words of the visual builder's preview, to the letter."""

import json
from pathlib import Path
from typing import Any

import pytest

from strategies.engine.condition_text import ConditionPrinter
from strategies.engine.expressions import (
    Arithmetic,
    CandleData,
    Condition,
    ConditionGroup,
    Constant,
    CurrentTime,
    Expression,
    IndicatorData,
    LiveData,
    NodeVariable,
    PnlData,
    PositionData,
    TimeOfDay,
)
from strategies.engine.graph import parse_strategy
from strategies.engine.strategy import EntrySignalNode, ExitSignalNode, ReEntrySignalNode
from strategies.samples import sample_strategy

PRINTER = ConditionPrinter({("TI", "1m", "rsi_1"): "rsi(14,close)"})


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (Constant(30), "30"),
        (Constant(30.0), "30"),
        (Constant(30.5), "30.5"),
        (Constant(-0.05), "-0.05"),
        (Constant(True), "true"),
        (Constant(False), "false"),
        (Constant("NSE"), '"NSE"'),
        (CurrentTime(), "Current Time"),
        (TimeOfDay(33_420, "09:17"), "09:17"),
        (LiveData("underlying_ltp", "TI"), "TI.underlying_ltp"),
        (LiveData("oi", "SI"), "SI.oi"),
        (CandleData("High", 0, "5m", "TI"), "Current[TI.5m.High]"),
        (CandleData("High", -1, "5m", "TI"), "Previous[TI.5m.High]"),
        (CandleData("Volume", -12, "5m", "SI"), "Previous(12)[SI.5m.Volume]"),
        (IndicatorData("rsi_1", None, -1, "1m", "TI"), "Previous[TI.1m.rsi(14,close)]"),
        (IndicatorData("rsi_1", None, 0, "1m", "TI"), "Current[TI.1m.rsi(14,close)]"),
        # Without a name for people the builder's key stands there; one of several outputs is named after it.
        (IndicatorData("other", "signal", -2, "1m", "TI"), "Previous(2)[TI.1m.other.signal]"),
        (NodeVariable("re-entry-signal-4", "SignalHigh"), "re_entry_signal_4.SignalHigh"),
        (PositionData("entry-2-pos1", "entry_price"), "Position[entry-2-pos1].entry_price"),
        (PnlData("total_pnl"), "PnL.total_pnl"),
        (
            Arithmetic(LiveData("ltp", "TI"), "+%", Arithmetic(Constant(1), "*", Constant(0.5))),
            "(TI.ltp +% (1 * 0.5))",
        ),
    ],
)
def test_each_expression_is_printed_in_the_builders_words(expression: Expression, text: str) -> None:
    assert PRINTER.expression(expression) == text


def test_a_group_inside_a_group_stands_in_parentheses() -> None:
    late = Condition("a", CurrentTime(), ">=", TimeOfDay(33_420, "09:17"))
    low, high = (Condition(name, LiveData("ltp", "TI"), "<", Constant(name)) for name in ("b", "c"))

    text = PRINTER.group(ConditionGroup("AND", (late, ConditionGroup("OR", (low, high)))))

    assert text == 'Current Time >= 09:17 AND (TI.ltp < "b" OR TI.ltp < "c")'


def test_the_sample_strategys_previews_are_its_conditions_as_text() -> None:
    assert printed_previews(sample_strategy()) == builder_previews(sample_strategy())


def test_the_reference_strategys_previews_are_its_conditions_as_text(reference_day: Path) -> None:
    document = json.loads((reference_day / "strategy.json").read_text(encoding="utf-8"))

    previews = builder_previews(document)

    assert len(previews) == 14
    assert printed_previews(document) == previews


def builder_previews(document: dict[str, Any]) -> dict[str, str]:
    """Return what the builder wrote, by node id and field."""
    return {
        f"{node['id']}.{field}": node["data"][field]
        for node in document["nodes"]
        for field in ("conditionsPreview", "reEntryExitConditionsPreview")
        if node["data"].get(field)
    }


def printed_previews(document: dict[str, Any]) -> dict[str, str]:
    """Return what the printer writes, by node id and field."""
    strategy, found = parse_strategy(document), {}
    printer = strategy.printer()
    for node in strategy.nodes.values():
        if isinstance(node, EntrySignalNode | ExitSignalNode | ReEntrySignalNode):
            found[f"{node.id}.conditionsPreview"] = printer.group(node.conditions)
        if isinstance(node, ExitSignalNode) and node.re_entry_conditions is not None:
            found[f"{node.id}.reEntryExitConditionsPreview"] = printer.group(node.re_entry_conditions)
    return found
