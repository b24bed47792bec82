"""Why did a node act, or not, at a tick: its conditions with operands, since when, and what stood in its way."""

import json
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from streaming import history_cache, why
from streaming.newest_moment import Moment
from streaming.protocol import fold
from tests import sessions

Json = dict[str, Any]


def ask(session: BacktestSession, node: str, tick: int | None = None) -> Json:
    """Ask the endpoint."""
    query = {"node": node} if tick is None else {"node": node, "tick": str(tick)}
    response = Client().get(f"/api/sessions/{session.session_id}/why/", query)
    assert response.status_code == 200, response.content
    answer: Json = json.loads(response.content)
    return answer


def explained(session: BacktestSession, node: str, tick: int) -> Json:
    """Ask for an account of the node from the first tick to this one, 09:15:00 being tick 1."""
    minutes, seconds = divmod(tick - 1, 60)
    query = {"node": node, "to": f"09:{15 + minutes}:{seconds:02}"}
    response = Client().get(f"/api/sessions/{session.session_id}/explain/", query)
    account: Json = response.json()["nodes"][0]
    return account


NODES = ["start", "enter-1", "sell-1", "leave-1", "buy-1", "enter-2", "sell-2", "leave-2", "buy-2"]


def test_every_condition_has_the_account_of_why_not_at_any_tick(session: BacktestSession) -> None:
    sessions.publish(session, sessions.events_of(session))

    for tick in (1, 20, 21, 22, 23, 40, 61, 62, 63, 101, 141, 300):
        for node in NODES:
            account = {row["path"]: row for row in explained(session, node, tick)["conditions"]}
            for row in ask(session, node, tick)["conditions"]:
                expected = account.get(row["path"])
                if expected is None:
                    assert (row["result"], row["since_time"], row["last_true_time"]) == (None, None, None)
                    continue
                assert (row["id"], row["raw"]) == (expected["id"], expected["raw"])
                assert (row["result"], row["evaluated"]) == (expected["last_result"], expected["last_evaluated"])
                assert (row["since_time"], row["last_true_time"]) == (expected["since"], expected["last_held"])


def test_a_near_miss_is_told_with_its_operands_and_what_stood_in_the_way(session: BacktestSession) -> None:
    sessions.publish(session, sessions.events_of(session))

    answer = ask(session, "enter-1", 21)

    (row,) = answer["conditions"]
    assert (row["lhs"], row["operator"], row["rhs"], row["result"]) == (24310.0, ">", 24310.0, False)
    assert (row["since_tick"], row["since_time"]) == (1, "2024-10-29 09:15:00+05:30")
    assert (row["last_true_tick"], row["first_failing"]) == (None, True)
    assert answer["blocker"] == {
        "reason": "condition false", "raw": row["raw"], "evaluated": row["evaluated"], "path": "0"
    }  # fmt: skip
    assert (answer["state"], answer["activations"], answer["last_tick"]) == ("active", 1, 21)
    assert answer["parents"] == [{"node_id": "start", "name": "Start", "state": "done", "completions": 1}]
    assert answer["time"] == "2024-10-29 09:15:20+05:30"


def test_the_tick_at_which_a_node_fires_and_those_after_it(session: BacktestSession) -> None:
    sessions.publish(session, sessions.events_of(session))

    fired, after = ask(session, "enter-1", 22), ask(session, "enter-1", 23)

    assert (fired["state"], fired["state_words"], fired["blocker"]) == ("fired", "fired ×1", None)
    assert fired["conditions"][0]["last_true_time"] == "2024-10-29 09:15:21+05:30"
    assert (after["state"], after["state_words"]) == ("done", "done ×1")
    assert after["blocker"]["reason"] == "node inactive"
    # The last thing that is known of its conditions is still told, with the tick it is of.
    assert (after["conditions"][0]["result"], after["last_tick"], after["last_completed_tick"]) == (True, 22, 22)


def test_a_node_without_a_turn_yet_is_told_in_words(session: BacktestSession) -> None:
    sessions.publish(session, sessions.events_of(session))

    answer = ask(session, "leave-2", 5)

    assert (answer["state"], answer["activations"], answer["last_tick"]) == ("idle", 0, None)
    assert answer["logic"] == "AND"
    (row,) = answer["conditions"]
    assert (row["raw"], row["result"], row["evaluated"]) == ("TI.underlying_ltp > 24370", None, None)
    assert answer["node"]["config"]["conditionsPreview"] == "TI.underlying_ltp > 24370"
    assert ask(session, "sell-1", 5)["node"]["facts"] == ["sell 25 NIFTY CE, ATM, expiry W0"]


def test_states_and_completions_are_those_of_the_events(session: BacktestSession) -> None:
    events = sessions.events_of(session)
    sessions.publish(session, events)
    state, by_tick = fold.nothing_seen(), {}
    for event in events[:-1]:
        state = fold.fold(state, event["event"], event["data"])
        if state.diagnostics["current_state"]:
            by_tick[state.diagnostics["current_state"]["tick"]] = state

    for tick in (1, 22, 62, 102, 142, 300):
        active = by_tick[tick].diagnostics["current_state"]["active_nodes"]
        history = by_tick[tick].diagnostics["events_history"].values()
        for node in NODES:
            answer = ask(session, node, tick)
            assert answer["completions"] == sum(event["node_id"] == node for event in history)
            assert (answer["state"] == "active") == (node in active and answer["last_completed_tick"] != tick)


def test_a_live_session_is_answered_for_its_newest_tick(session: BacktestSession) -> None:
    events = sessions.events_of(session)
    assert ask(session, "start")["state"] == "idle"
    sessions.publish(session, events[:10])
    early = ask(session, "enter-1")
    sessions.publish(session, events[10:18])

    late = ask(session, "enter-1")

    assert early["tick"] < late["tick"]
    assert late["conditions"][0]["lhs"] == early["conditions"][0]["lhs"] + (late["tick"] - early["tick"]) / 2


@pytest.mark.parametrize("events", [0, 1, 30, 80, 153, 1000])
def test_a_page_says_the_same_at_once_but_for_what_only_the_history_knows(
    session: BacktestSession, monkeypatch: pytest.MonkeyPatch, events: int
) -> None:
    sessions.publish(session, sessions.events_of(session)[:events])
    known, states = why.of_page(session)
    monkeypatch.setattr(history_cache, "CHEAP_EVENTS", -1)
    history_cache.history_cache._kept.clear()

    at_once, states_at_once = why.of_page(session)

    assert states_at_once == states
    assert known is not None
    assert at_once is not None
    of_history = ("activations", "last_completed_tick", "last_completed_time")
    of_condition = ("since_tick", "since_time", "last_true_tick", "last_true_time")
    for answer in (known, at_once):
        for row in answer["conditions"]:
            row.update(dict.fromkeys(of_condition))
        answer.update(dict.fromkeys(of_history))
    assert at_once == known


def test_nested_groups_are_flattened_with_their_headings(session: BacktestSession) -> None:
    leaf = {"id": "a", "raw": "a > 1", "operator": ">", "lhs_value": 0, "rhs_value": 1, "evaluated": "0 > 1"}
    held = {**leaf, "id": "b", "raw": "b > 1", "result": True}
    missing = {**leaf, "id": "c", "raw": "c > 1", "lhs_value": None, "result": False, "reason": "no price yet"}
    group = {
        "logic": "AND",
        "result": False,
        "conditions": [
            {"logic": "OR", "result": True, "conditions": [{**leaf, "result": False}, held]},
            {"logic": "AND", "result": False, "conditions": [held, missing]},
        ],
    }
    moment = Moment(tick=1, seconds={}, states={})

    rows = why._rows(group, moment)

    assert [(row["path"], row["depth"], row["group"]) for row in rows] == [
        ("0", 0, True), ("0.0", 1, False), ("0.1", 1, False), ("1", 0, True), ("1.0", 1, False), ("1.1", 1, False)
    ]  # fmt: skip
    # A condition that failed inside a group that held stood in nobody's way.
    assert [row["path"] for row in rows if row.get("first_failing")] == ["1.1"]
    assert rows[5]["reason"] == "no price yet"


@pytest.mark.parametrize(
    ("query", "field", "said"),
    [
        ("", "node", "Give node"),
        ("node=nope", "node", "'nope' is no node of the strategy; it has start, enter-1,"),
        ("node=start&tick=301", "tick", "has 300 ticks so far"),
        ("node=start&tick=-1", "tick", "is no tick"),
        ("node=start&at=5", "at", "is not understood; give node, tick"),
    ],
)
def test_a_bad_question_is_refused_by_name(session: BacktestSession, query: str, field: str, said: str) -> None:
    sessions.publish(session, sessions.events_of(session))

    response = Client().get(f"/api/sessions/{session.session_id}/why/?{query}")

    assert response.status_code == 400
    assert said in str(response.json()[field])


def test_what_somebody_may_not_see_is_not_explained(session: BacktestSession, settings: Settings) -> None:
    settings.PUBLIC_VIEWING = False

    assert Client().get(f"/api/sessions/{session.session_id}/why/?node=start").status_code == 404
