"""Sessions beside each other: figures, settings, trades, profit on one clock, and where they part."""

import copy
import json
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from strategies import actions
from strategies.models import BacktestSession
from streaming import comparison
from tests import sessions

Json = dict[str, Any]


def changed(graph: Json, node_id: str, level: float) -> Json:
    """Give a signal another level."""
    graph = copy.deepcopy(graph)
    node = next(node for node in graph["nodes"] if node["id"] == node_id)
    node["data"]["conditions"][0]["conditions"][0]["rhs"]["value"] = level
    node["data"]["conditionsPreview"] = f"TI.underlying_ltp > {level:g}"
    return graph


@pytest.fixture
def pair(session: BacktestSession) -> tuple[BacktestSession, BacktestSession]:
    """Return two finished runs: the second one leaves its first call at 24,340 in place of 24,330."""
    version = actions.save_graph(
        session.strategy_version.strategy, changed(session.strategy_version.graph, "leave-1", 24_340)
    )
    other = actions.queue_session(
        version=version, data_set=session.data_set, owner=None, fills={"slippage_percent": 0.1}
    )
    for each in (session, other):
        sessions.run_here(each)
    return session, other


def read(*chosen: BacktestSession) -> Json:
    """Read the comparison."""
    response = Client().get("/api/sessions/compare/", {"s": [each.session_id for each in chosen]})
    assert response.status_code == 200, response.content
    document: Json = json.loads(response.content)
    return document


def test_the_first_divergence_is_the_condition_that_first_had_another_result(
    pair: tuple[BacktestSession, BacktestSession],
) -> None:
    found = read(*pair)["first_divergence"]

    # The index is above 24,330 at its 62nd tick; the other run waits for 24,340.
    assert (found["tick"], found["ticks"]) == (62, [62, 62])
    assert (found["node"], found["condition"], found["kind"], found["between"]) == ("leave-1", "0", "condition", [0, 1])
    for each, event_id in zip(pair, found["event_ids"], strict=True):
        events = Client().get(f"/api/sessions/{each}/events/", {"after": event_id - 1, "limit": 1}).json()["events"]
        assert events[0]["data"]["tick"] == 62


def test_equal_runs_have_no_divergence_and_no_best(session: BacktestSession) -> None:
    again = actions.run_again(session, owner=None)
    for each in (session, again):
        sessions.run_here(each)

    told = read(session, again)

    assert told["first_divergence"] is None
    assert told["config"] == []
    assert {tuple(row["best"]) for row in told["kpis"]} == {()}
    assert told["trades"]["counts"] == {"same": 2, "differing": 0, "missing": 0}
    assert set(told["equity"]["difference"][1]) == {0.0}


def test_figures_are_those_of_the_results_with_the_best_marked(
    pair: tuple[BacktestSession, BacktestSession],
) -> None:
    rows = {row["name"]: row for row in read(*pair)["kpis"]}

    results = [Client().get(f"/api/sessions/{each}/results/").json()["metrics"] for each in pair]
    assert rows["net_pnl"]["values"] == [result["net_pnl"] for result in results]
    assert rows["max_drawdown"]["values"] == [result["drawdown"]["max_amount"] for result in results]
    better = max((0, 1), key=lambda place: float(rows["net_pnl"]["values"][place]))
    smaller = min((0, 1), key=lambda place: float(rows["max_drawdown"]["values"][place]))
    assert (rows["net_pnl"]["best"], rows["max_drawdown"]["best"]) == ([better], [smaller])
    assert rows["trades"]["best"] == []


def test_only_settings_that_differ_are_told(pair: tuple[BacktestSession, BacktestSession]) -> None:
    rows = {row["path"]: row["values"] for row in read(*pair)["config"]}

    place = "graph.nodes[leave-1].data.conditions[leave-1-all].conditions[leave-1-level].rhs.value"
    assert rows == {"version": ["1", "2"], "fills.slippage_percent": ["0.0", "0.1"], place: ["24330.0", "24340"]}


def test_trades_say_what_decided_their_exit(pair: tuple[BacktestSession, BacktestSession]) -> None:
    """The marks of a chart have the shape of it."""
    told = [trade for row in read(*pair)["trades"]["rows"] for trade in row["trades"] if trade]

    assert {(trade["exit_type"], trade["trigger_price"] is None) for trade in told} == {("signal", False)}


def test_trades_are_matched_by_entry_contract_and_side() -> None:
    trade = {"entry_time": "09:20", "symbol": "A", "side": "sell", "quantity": 1, "entry_price": "1.00",
             "exit_time": "09:30", "exit_price": "2.00", "pnl": "-1.00"}  # fmt: skip
    later = {**trade, "entry_time": "10:00"}
    ends_later = {**later, "exit_time": "10:30"}
    only = {**trade, "symbol": "B"}

    told = comparison.match_trades([[trade, later], [trade, only, ends_later, ends_later]])

    assert [row["kind"] for row in told["rows"]] == ["same", "missing", "differing", "missing"]
    assert told["rows"][1]["trades"] == [None, only]
    assert told["counts"] == {"same": 1, "differing": 1, "missing": 2}


def test_profits_stand_on_one_clock() -> None:
    told = comparison.equity([{1: 100, 2: 200, 4: 300}, {2: 50, 3: 60}])

    assert told["time"] == [1, 2, 3, 4]
    assert told["values"] == [[1.0, 2.0, 2.0, 3.0], [None, 0.5, 0.6, None]]
    assert told["difference"][1] == [None, -1.5, -1.4, None]
    long = comparison.equity([{second: second for second in range(1, 22_352)}])
    assert len(long["time"]) == comparison.MAX_POINTS
    assert long["time"][-1] == 22_351


def test_the_page_is_whole_without_a_script(pair: tuple[BacktestSession, BacktestSession]) -> None:
    response = Client().get("/sessions/compare/", {"s": [each.session_id for each in pair]})

    page = response.content.decode()
    assert response.status_code == 200
    for words in ("tick 62, node <strong>leave-1</strong>: condition 1 had another result", "Net P&amp;L",
                  '<span class="best">best</span>', "fills.slippage_percent", "open at tick 62", "09:19:59",
                  "differing"):  # fmt: skip
        assert words in page, words


def test_choosing_too_few_is_answered_with_a_choice(session: BacktestSession) -> None:
    alone = Client().get("/sessions/compare/", {"s": session.session_id})

    assert "Choose 2 to 4 sessions to compare; 1 are chosen." in alone.content.decode()
    assert f'value="{session.session_id}" checked' in alone.content.decode()
    assert 'role="alert"' not in Client().get("/sessions/compare/").content.decode()
    refused = Client().get("/api/sessions/compare/", {"s": ["a", "b", "c", "d", "e"]})
    assert (refused.status_code, refused.json()) == (400, {"s": "Choose 2 to 4 sessions to compare; 5 are chosen."})


def test_what_somebody_may_not_see_cannot_be_compared(session: BacktestSession, settings: Settings) -> None:
    again = actions.run_again(session, owner=None)
    query = {"s": [session.session_id, again.session_id]}
    assert Client().get("/sessions/compare/", query).status_code == 200
    settings.PUBLIC_VIEWING = False

    assert Client().get("/sessions/compare/", query).status_code == 404
    assert Client().get("/api/sessions/compare/", query).status_code == 404
    settings.PUBLIC_VIEWING = True
    assert Client().get("/sessions/compare/", {"s": [session.session_id, "no-such"]}).status_code == 404
