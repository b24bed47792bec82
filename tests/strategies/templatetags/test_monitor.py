"""How the pages write numbers, times, contracts and conditions: the forms that the pages' scripts write as well."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from strategies.models import NodeEvent
from strategies.templatetags import monitor
from strategies.templatetags.monitor import ConditionRow, NodeCard


@pytest.mark.parametrize(
    ("value", "plain", "signed", "tone"),
    [
        ("0.00", "0.00", "0.00", ""),
        ("-0.00", "0.00", "0.00", ""),
        (Decimal("382.50"), "382.50", "+382.50", "profit"),
        ("-12630.00", "−12,630.00", "−12,630.00", "loss"),
        ("123456789012345678.91", "123,456,789,012,345,678.91", "+123,456,789,012,345,678.91", "profit"),
        (24328.8, "24,328.80", "+24,328.80", "profit"),
        (None, "—", "—", ""),
        ("", "—", "—", ""),
        ("n/a", "—", "—", ""),
    ],
)
def test_money_is_grouped_and_never_rounded_through_a_float(value: object, plain: str, signed: str, tone: str) -> None:
    assert (monitor.money(value), monitor.signed_money(value), monitor.tone(value)) == (plain, signed, tone)


@pytest.mark.parametrize(
    ("position", "words"),
    [
        ({}, "—"),
        ({"stop_loss_price": None, "trailing_stop_price": None}, "—"),
        ({"stop_loss_price": "1182.50", "trailing_stop_price": None}, "1,182.50"),
        ({"stop_loss_price": "182.50", "trailing_stop_price": "190.10"}, "182.50 · 190.10 trailing"),
    ],
)
def test_a_stop_is_told_with_what_trails_behind_the_price(position: dict[str, str | None], words: str) -> None:
    assert monitor.stop(position) == words


def test_an_exit_is_named_by_what_decided_it() -> None:
    assert [monitor.exit_kind(each) for each in ("stop_loss", "take_profit", "newer")] == ["stop", "target", "newer"]


@pytest.mark.parametrize(("path", "words"), [("0", "1"), ("1.0", "2.1"), ("10.2.9", "11.3.10")])
def test_the_place_of_a_condition_is_counted_from_one(path: str, words: str) -> None:
    assert monitor.place(path) == words


def test_counts_are_grouped_and_a_missing_one_is_a_dash() -> None:
    assert [monitor.count(value) for value in (0, 22351, None)] == ["0", "22,351", "—"]


@pytest.mark.parametrize(
    ("symbol", "words"),
    [
        ("NIFTY:2024-11-07:OPT:24250:PE", "NIFTY 7 Nov 24250 PE"),
        ("BANKNIFTY:2025-01-30:OPT:51500.5:CE", "BANKNIFTY 30 Jan 51500.5 CE"),
        ("NIFTY", "NIFTY"),
    ],
)
def test_contracts_are_written_as_people_say_them(symbol: str, words: str) -> None:
    assert monitor.contract(symbol) == words


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("2024-10-29 09:19:00+05:30", "09:19:00"),
        ("2024-10-29T09:19:00", "09:19:00"),
        (datetime(2024, 10, 29, 3, 49, tzinfo=UTC), "09:19:00"),
        ("soon", "—"),
        ("", "—"),
        (None, "—"),
    ],
)
def test_times_are_the_exchanges(moment: datetime | str | None, shown: str) -> None:
    assert monitor.clock(moment) == shown


def test_kinds_of_nodes_are_words_in_both_spellings() -> None:
    assert [monitor.node_kind(kind) for kind in ("entrySignalNode", "EntrySignalNode", "newNode")] == [
        "Entry signal",
        "Entry signal",
        "newNode",
    ]


def test_the_underlying_is_what_the_start_node_names() -> None:
    assert monitor.underlying(_GRAPH) == "NIFTY"
    assert monitor.underlying({"nodes": []}) == ""


def test_rows_mark_the_first_false_condition_of_an_and_but_none_of_an_or() -> None:
    either = {
        "logic": "OR",
        "result": False,
        "conditions": [_condition("b", False), _condition("c", False, "no candle")],
    }
    group = {"logic": "AND", "result": False, "conditions": [_condition("a", True), either, _condition("d", False)]}

    assert [
        (row.depth, row.text, row.operands, row.verdict, row.is_blocking) for row in monitor.condition_rows(group)
    ] == [
        (0, "a", "a!", "true", False),
        (0, "any of", "", "false", True),
        (1, "b", "b!", "false", False),
        (1, "c", "no candle", "missing", False),
        (0, "d", "d!", "false", False),
    ]


def test_a_node_shows_its_newest_evaluation_and_how_often_it_completed() -> None:
    completed = _event(
        "signal", minute=19, evaluated={"logic": "AND", "result": True, "conditions": [_condition("a", True)]}
    )
    found = {"logic": "AND", "result": False, "conditions": [_condition("a", False)]}
    tick = {
        "timestamp": "2024-10-29 10:00:00+05:30",
        "node_executions": {"e": {"node_id": "signal", "evaluated_conditions": found}},
        "active_nodes": ["signal"],
    }

    cards = monitor.node_cards(_GRAPH, tick, [completed])

    assert cards == [
        NodeCard(
            node_id="start",
            name="start",
            kind="Start",
            status="idle",
            completed="not completed yet",
            preview="",
            verdict="",
            conditions=(),
        ),
        NodeCard(
            node_id="signal",
            name="Breakout",
            kind="Entry signal",
            status="active",
            completed="completed 1×, last 09:19:00",
            preview="a",
            verdict="all of · 0 of 1 true · 10:00:00",
            conditions=(ConditionRow(depth=0, text="a", operands="a!", verdict="false", is_blocking=True),),
        ),
    ]


def test_a_node_that_is_no_longer_active_keeps_the_evaluation_that_completed_it() -> None:
    evaluated = {"logic": "AND", "result": True, "conditions": [_condition("a", True)]}

    card = monitor.node_cards(_GRAPH, None, [_event("signal", minute=19, evaluated=evaluated)])[1]

    assert (card.status, card.verdict) == ("done", "all of · 1 of 1 true · 09:19:00")


_GRAPH: dict[str, Any] = {
    "nodes": [
        {"id": "start", "type": "startNode", "data": {"tradingInstrumentConfig": {"symbol": "NIFTY"}}},
        {"id": "signal", "type": "entrySignalNode", "data": {"label": "Breakout", "conditionsPreview": "a"}},
        {"id": "overview", "type": "strategyOverview", "data": {}},
    ]
}


def _condition(raw: str, result: bool, reason: str | None = None) -> dict[str, Any]:
    return {"raw": raw, "evaluated": f"{raw}!", "result": result, "reason": reason}


def _event(node_id: str, *, minute: int, evaluated: dict[str, Any]) -> NodeEvent:
    record = json.dumps({"node_id": node_id, "evaluated_conditions": evaluated})
    return NodeEvent(node_id=node_id, timestamp=datetime(2024, 10, 29, 3, minute + 30, tzinfo=UTC), record_json=record)
