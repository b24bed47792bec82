"""The question "why not?": what a person writes becomes nodes and exchange times, or a sentence says what is wrong."""

from datetime import date
from typing import Any

import pytest

from strategies import samples, why_not
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.explain import explain_by_rerun
from strategies.engine.graph import parse_strategy
from strategies.why_not import Days, NodeName, Question, QuestionInvalid
from tests.builders import market_data as days
from tests.builders.strategy_documents import entry, entry_signal, position, start_node, strategy_document

KNOWN = {"start": NodeName("Start", "StartNode"), "signal": NodeName("Signal", "EntrySignalNode")}
ONE_DAY = Days(date(2024, 10, 29), date(2024, 10, 29))
TWO_DAYS = Days(date(2024, 10, 29), date(2024, 10, 30))


def ask(*nodes: str, from_: str = "", to: str = "", day: str = "", days: Days | None = ONE_DAY) -> Question:
    """Read a question about the two known nodes."""
    return why_not.read_question(nodes=nodes, known=KNOWN, from_=from_, to=to, day=day, days=days)


def bounds(question: Question) -> tuple[str, str]:
    """Return the range as events write times."""
    return str(question.first), str(question.last)


def test_without_anything_all_nodes_and_all_times_are_meant() -> None:
    assert ask() == Question(node_ids=("start", "signal"), first=None, last=None)


def test_nodes_come_in_the_order_asked_each_once() -> None:
    assert ask("signal", "start", "signal").node_ids == ("signal", "start")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("09:15", "2024-10-29 09:15:00+05:30"),
        ("9:15", "2024-10-29 09:15:00+05:30"),
        ("09:15:07", "2024-10-29 09:15:07+05:30"),
        ("2024-10-29 09:15", "2024-10-29 09:15:00+05:30"),
        ("2024-10-29T09:15:07", "2024-10-29 09:15:07+05:30"),
        ("2024-10-29 09:15:07+05:30", "2024-10-29 09:15:07+05:30"),
        # What an address makes of a plus sign that was not quoted.
        ("2024-10-29 09:15:07 05:30", "2024-10-29 09:15:07+05:30"),
        ("2024-10-29T03:45:07Z", "2024-10-29 09:15:07+05:30"),
        ("2024-10-28t22:45:07-0500", "2024-10-29 09:15:07+05:30"),
    ],
)
def test_a_time_is_exchange_time_unless_it_has_an_offset(text: str, moment: str) -> None:
    assert bounds(ask(from_=text)) == (moment, "None")
    assert bounds(ask(to=text)) == ("None", moment)


def test_a_day_is_the_whole_range_where_no_time_is_given() -> None:
    assert bounds(ask(day="2024-10-30", days=TWO_DAYS)) == ("2024-10-30 00:00:00+05:30", "2024-10-30 23:59:59+05:30")
    assert bounds(ask(day="2024-10-30", from_="10:00", days=TWO_DAYS)) == (
        "2024-10-30 10:00:00+05:30",
        "2024-10-30 23:59:59+05:30",
    )


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"from_": "09:15", "days": TWO_DAYS}, "from: 09:15 could be of any day: the run covers 2024-10-29 to"),
        ({"to": "09:15", "days": None}, "to: 09:15 could be of any day: its days are not known yet; give the day too"),
        ({"from_": "24:00"}, "from: '24:00' is no time; write a time of day as 09:15 or 09:15:30, or a timestamp"),
        ({"from_": "nine"}, "from: 'nine' is no time"),
        ({"from_": "9:15 "}, "from: '9:15 ' is no time"),
        ({"from_": "\u0660\u0669:15"}, "is no time"),
        ({"to": "2024-02-30 09:15"}, "to: '2024-02-30 09:15' is no time"),
        ({"to": "0001-01-01T00:00:00+14:00"}, "is no time"),
        ({"to": "x" * 1000}, f"to: '{'x' * 60}...' is no time"),
        ({"from_": "10:00", "to": "09:59:59"}, "from: 2024-10-29 10:00:00 lies after 2024-10-29 09:59:59; swap"),
        ({"day": "29.10.2024"}, "day: '29.10.2024' is no date; write it as 2024-10-29"),
        ({"day": "2024-10-28"}, "day: 2024-10-28 is no day of the run, which covers 2024-10-29"),
        ({"day": "2024-10-29", "from_": "2024-10-29 09:15"}, "from: 2024-10-29 09:15 has a date of its own"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_named(question: dict[str, Any], said: str) -> None:
    with pytest.raises(QuestionInvalid) as refused:
        ask(**question)

    assert said in str(refused.value)
    assert f"{refused.value.field}: {refused.value.message}" == str(refused.value)


def test_an_unknown_node_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(QuestionInvalid, match="node: 'sginal' is no node of the strategy; it has start, signal"):
        ask("sginal")
    many = {f"n{number}": NodeName("", "") for number in range(25)}
    with pytest.raises(QuestionInvalid, match=r"n19 and 5 more$"):
        why_not.read_question(nodes=["x"], known=many, from_="", to="", day="", days=None)


def test_the_names_of_a_stored_document_are_those_of_the_engine() -> None:
    document = samples.sample_strategy()

    assert why_not.names_in(document) == why_not.names_of(parse_strategy(document))


def test_the_names_of_a_document_that_no_engine_would_run_are_read_as_far_as_they_go() -> None:
    assert why_not.names_in({"nodes": [{"id": "a"}, {"id": 3}, None, {"id": "b", "type": "x", "data": 1}]}) == {
        "a": NodeName("a", ""),
        "b": NodeName("b", "X"),
    }
    assert why_not.names_in({"nodes": 3}) == {}


def test_the_answer_names_nodes_that_never_had_a_turn() -> None:
    document = strategy_document(
        start_node(), entry_signal("signal"), entry("entry", position("pos")), edges="start > signal > entry"
    )
    document["nodes"][1]["data"]["conditions"] = "TI.underlying_ltp > 1000"
    strategy = parse_strategy(document)
    names = why_not.names_of(strategy)
    question = why_not.read_question(nodes=["entry", "signal"], known=names, from_="", to="", day="", days=None)
    config = BacktestConfig(strategy=strategy, market_data=days.market_data({"NIFTY": 100}, {"NIFTY": 101}))

    answer = why_not.completed(explain_by_rerun(config, question.explainer()), names)

    assert [(node["node_name"], node["node_type"], node["evaluated"]) for node in answer["nodes"]] == [
        ("Entry", "EntryNode", 0),
        ("Signal", "EntrySignalNode", 2),
    ]
    assert answer["reasons"] == [
        {"node_id": "entry", "node_name": "Entry", "reason": "node inactive", "ticks": 2},
        {
            "node_id": "signal",
            "node_name": "Signal",
            "reason": "condition false: TI.underlying_ltp > 1000",
            "ticks": 2,
        },
    ]


def test_an_answer_without_a_tick_has_null_for_its_times() -> None:
    question = Question(node_ids=("signal",), first=None, last=None)

    answer = why_not.completed(question.explainer().as_document(), KNOWN)

    (node,) = answer["nodes"]
    assert (answer["from"], node["from"], node["to"], node["node_name"]) == (None, None, None, "Signal")
