"""A strategy's page: graph, words, versions with what changed, its sessions; and the help page."""

import copy
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from strategies import actions, document_diff, samples, strategy_words
from strategies.models import BacktestSession
from tests import sessions


def test_the_page_shows_graph_conditions_in_words_and_runs(session: BacktestSession, settings: Settings) -> None:
    settings.PUBLIC_VIEWING = True

    page = Client().get("/strategies/two-calls/").content.decode()

    assert '<svg class="graph"' in page
    assert '<span class="condition-text">TI.underlying_ltp &gt; 24310</span>' in page
    assert "Sell 25 NIFTY CE, ATM, expiry W0." in page
    assert "Close all of call-1." in page
    assert session.session_id in page


def test_every_version_has_its_page_with_what_changed_since_the_one_before(
    session: BacktestSession, settings: Settings
) -> None:
    settings.PUBLIC_VIEWING = True
    graph = copy.deepcopy(session.strategy_version.graph)
    graph["nodes"][2]["data"]["positions"][0]["quantity"] = 3
    graph["nodes"][2]["position"] = {"x": 1, "y": 2}
    actions.save_graph(session.strategy_version.strategy, graph)

    first, second = (Client().get(f"/strategies/two-calls/@{number}/").content.decode() for number in (1, 2))

    assert "This is not the latest version" in first
    assert 'id="changes"' not in first
    assert session.session_id in first
    assert session.session_id not in second
    assert "Changed since v1" in second
    assert "nodes[sell-1].data.positions[0].quantity" in second
    assert "position.x" not in second
    assert "Sell 75 NIFTY" in second
    assert Client().get("/strategies/two-calls/@3/").status_code == 404


def test_the_whole_sample_is_put_into_words() -> None:
    words = strategy_words.words_of(samples.sample_strategy())

    assert [line.text for line in words["put-signal"].conditions] == [
        "all of",
        "Current Time >= 09:17",
        "Previous[TI.1m.rsi(14,close)] < 30",
        "TI.underlying_ltp > Previous[TI.1m.High]",
    ]
    assert words["put-entry"].facts == ("sell 75 NIFTY PE, ATM, expiry W1, at most 11 times a day",)
    assert all(each.facts or each.conditions for each in words.values())


def test_a_document_that_the_engine_refuses_now_has_no_words_and_no_fault() -> None:
    assert strategy_words.words_of_json('{"nodes": [], "edges": []}') == {}


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ([{"a": 1}, {"a": 1}], []),
        ([{"a": 1}, {"a": True}], [("a", ("1", "yes"))]),
        ([{"a": {"b": [1, 2]}}, {"a": {"b": [1]}}], [("a.b[1]", ("2", None))]),
        ([{"a": None, "b": 0}, {"b": 0}], [("a", ("none", None))]),
        ([{"n": [{"id": "x", "v": 1}, {"id": "y"}]}, {"n": [{"id": "y"}, {"id": "x", "v": 2}]}],
         [("n[x].v", ("1", "2"))]),
        ([{"e": [{"source": "a", "target": "b"}]}, {"e": []}],
         [("e[a to b].source", ("a", None)), ("e[a to b].target", ("b", None)), ("e", (None, "empty"))]),
    ],
)  # fmt: skip
def test_documents_are_compared_place_by_place(documents: list[Any], expected: list[Any]) -> None:
    assert [(each.path, each.values) for each in document_diff.differences(documents)] == expected


def test_help_says_every_key(db: None) -> None:
    page = Client().get("/help/").content.decode()

    for keys, words in (
        ("Space", "Play, or hold this moment"), ("←|→", "A tick back or on"), ("Shift|←|→", "60 ticks back or on"),
        ("P|N", "Previous or next entry or exit"), ("[|]", "Slower or faster"), ("L", "To the newest tick"),
        ("W", "Why?"), ("G", "The strategy’s graph"), ("T", "The trades"), ("/", "The events’ filter"), ("E", "Export"),
        ("?", "The keys"), ("Esc", "Close what is open"), ("Tab", "From node to node"), ("Enter", "Why this node"),
    ):  # fmt: skip
        caps = "".join(f"<kbd>{key}</kbd> " for key in keys.split("|"))
        assert f"<dt>{caps}</dt><dd>{words}</dd>" in page


def test_a_strategy_of_nobody_is_shown_to_the_signed_in_alone(
    data_folder: object, db: None, settings: Settings
) -> None:
    settings.PUBLIC_VIEWING = False
    sessions.create_version()

    assert Client().get("/strategies/two-calls/").status_code == 404
    assert Client().get("/strategies/two-calls/@1/").status_code == 404
