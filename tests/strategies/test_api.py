"""The REST interface: what it gives, to whom, in which pages."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from strategies import actions
from strategies.models import BacktestSession
from tests import sessions


@pytest.fixture
def finished(transactional_db: None, session: BacktestSession) -> BacktestSession:
    """Return the owner's session, completed."""
    sessions.run_here(session)
    return session


@pytest.fixture
def client_of_owner(owner: User) -> Client:
    """Return a browser in which the owner is signed in."""
    client = Client()
    client.force_login(owner)
    return client


def _get(client: Client, path: str, status: int = 200) -> Any:  # noqa: ANN401 - JSON
    response = client.get(path)
    assert response.status_code == status, response.content
    return response.json()


def test_a_session_is_told_with_its_progress_and_result(finished: BacktestSession, client_of_owner: Client) -> None:
    told = _get(client_of_owner, f"/api/sessions/{finished.session_id}/")

    assert told["session_id"] == finished.session_id
    assert (told["state"], told["ticks_done"], told["total_ticks"]) == ("completed", 300, 300)
    assert (told["strategy"], told["version"], told["data_set"]) == ("two-calls", 1, "rising")
    assert told["result"]["total_pnl"] == "-500.00"


def test_results_are_told_as_they_are_stored(finished: BacktestSession, client_of_owner: Client) -> None:
    response = client_of_owner.get(f"/api/sessions/{finished.session_id}/results/")

    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    assert response.content.decode() == finished.results.document_json
    assert response.json()["metrics"]["net_pnl"] == "-500.00"


def test_results_of_what_somebody_may_not_see_do_not_exist(
    finished: BacktestSession, settings: Settings, stranger: User
) -> None:
    settings.PUBLIC_VIEWING = False
    client = Client()
    client.force_login(stranger)

    assert client.get(f"/api/sessions/{finished.session_id}/results/").status_code == 404
    assert Client().get(f"/api/sessions/{finished.session_id}/results/").status_code == 404


def test_a_session_that_did_not_end_yet_has_no_results(session: BacktestSession, client_of_owner: Client) -> None:
    told = _get(client_of_owner, f"/api/sessions/{session.session_id}/results/", status=404)

    assert told == {"detail": "Session two-calls-2024-10-29-1 has no results: it is queued."}


def test_a_session_tells_its_settings(session: BacktestSession, client_of_owner: Client) -> None:
    told = _get(client_of_owner, f"/api/sessions/{session.session_id}/")

    assert (told["costs"], told["capital"], told["fills"]["timing"]) == ({"model": "none"}, None, "this_tick")


def test_trades_are_told_in_pages_and_by_filter(finished: BacktestSession, client_of_owner: Client) -> None:
    path = f"/api/sessions/{finished.session_id}/trades/"

    everything = _get(client_of_owner, path)
    page = _get(client_of_owner, f"{path}?limit=1&offset=1")
    filtered = _get(client_of_owner, f"{path}?position_id=call-1")
    later = _get(client_of_owner, f"{path}?after_event=68")

    assert [trade["trade_id"] for trade in everything["results"]] == ["call-1-r0", "call-2-r0"]
    assert everything["results"][0] == {
        "event_id": 68,
        "trade_id": "call-1-r0",
        "position_id": "call-1",
        "re_entry_num": 0,
        "symbol": "NIFTY:2024-10-31:OPT:24300:CE",
        "side": "sell",
        "quantity": 25,
        "entry_price": "155.25",
        "entry_time": "2024-10-29T09:15:21+05:30",
        "exit_price": "165.25",
        "exit_time": "2024-10-29T09:16:01+05:30",
        "pnl": "-250.00",
        "costs": "0.00",
        "net_pnl": "-250.00",
        "mae": "-250.00",
        "mfe": "0.00",
        "exit_type": "signal",
        "trigger_price": "165.25",
        "status": "CLOSED",
        "entry_trigger": "enter-1",
        "exit_reason": "buy-1",
        "closed_by": everything["results"][0]["closed_by"],
    }
    assert (page["count"], [trade["trade_id"] for trade in page["results"]]) == (2, ["call-2-r0"])
    assert [trade["trade_id"] for trade in filtered["results"]] == ["call-1-r0"]
    assert [trade["trade_id"] for trade in later["results"]] == ["call-2-r0"]


def test_node_events_are_told_with_their_record_and_by_filter(
    finished: BacktestSession, client_of_owner: Client
) -> None:
    path = f"/api/sessions/{finished.session_id}/node-events/"

    everything = _get(client_of_owner, path)
    entries = _get(client_of_owner, f"{path}?node_type=EntryNode")
    one = _get(client_of_owner, f"{path}?node_id=enter-2&signal_emitted=true")

    stored = finished.node_events.order_by("event_id")
    assert [event["execution_id"] for event in everything["results"]] == [row.execution_id for row in stored]
    assert [event["record"] for event in everything["results"]] == [row.record for row in stored]
    assert [event["node_id"] for event in entries["results"]] == ["sell-1", "sell-2"]
    assert one["count"] == 1


def test_a_filter_that_makes_no_sense_is_refused_by_name(finished: BacktestSession, client_of_owner: Client) -> None:
    told = _get(client_of_owner, f"/api/sessions/{finished.session_id}/trades/?after_event=soon", status=400)

    assert "after_event" in told


def test_sessions_are_listed_newest_first_and_by_state(finished: BacktestSession, client_of_owner: Client) -> None:
    again = actions.run_again(finished, owner=finished.owner)

    assert [one["session_id"] for one in _get(client_of_owner, "/api/sessions/")["results"]] == [
        again.session_id,
        finished.session_id,
    ]
    assert _get(client_of_owner, "/api/sessions/?state=queued")["count"] == 1
    assert _get(client_of_owner, "/api/sessions/?strategy=two-calls&data_set=rising")["count"] == 2
    assert _get(client_of_owner, "/api/sessions/?strategy=another")["count"] == 0


def test_a_list_costs_the_same_number_of_queries_for_one_session_as_for_many(
    session: BacktestSession, client_of_owner: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(4) as one:
        _get(client_of_owner, "/api/sessions/")
    for _ in range(4):
        actions.run_again(session, owner=session.owner)

    with django_assert_num_queries(len(one)):
        assert _get(client_of_owner, "/api/sessions/")["count"] == 5


def test_a_strategy_is_told_with_its_latest_graph(session: BacktestSession, client_of_owner: Client) -> None:
    actions.save_graph(session.strategy_version.strategy, sessions.graph(name="Newer"))

    told = _get(client_of_owner, "/api/strategies/two-calls/")

    assert (told["version"], told["graph"]) == (2, sessions.graph(name="Newer"))


_PATHS = ["", "trades/", "node-events/", "series/"]


@pytest.mark.parametrize("path", _PATHS)
def test_what_somebody_may_not_see_does_not_exist(
    session: BacktestSession, settings: Settings, stranger: User, staff: User, path: str
) -> None:
    settings.PUBLIC_VIEWING = False
    address = f"/api/sessions/{session.session_id}/{path}"
    statuses = []
    for user in (None, stranger, staff, session.owner):
        client = Client()
        if user is not None:
            client.force_login(user)
        statuses.append(client.get(address).status_code)
    settings.PUBLIC_VIEWING = True

    assert statuses == [404, 404, 200, 200]
    assert Client().get(address).status_code == 200
    assert Client().get(f"/api/sessions/no-such/{path}").status_code == 404


def test_lists_hold_only_what_somebody_may_see(session: BacktestSession, settings: Settings, stranger: User) -> None:
    settings.PUBLIC_VIEWING = False
    client = Client()

    assert _get(client, "/api/sessions/")["count"] == 0
    assert _get(client, "/api/strategies/")["count"] == 0
    client.force_login(stranger)
    assert _get(client, "/api/sessions/")["count"] == 0


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["/api/sessions/", "/api/sessions/two-calls-2024-10-29-1/", "/api/strategies/"])
def test_nothing_can_be_changed(session: BacktestSession, staff: User, method: str, path: str) -> None:
    client = Client()
    client.force_login(staff)

    assert getattr(client, method)(path).status_code == 405


def test_the_description_names_every_address_and_its_page_needs_no_other_origin(db: None) -> None:
    client = Client()

    schema = client.get("/api/schema/").content.decode()
    page = client.get("/api/docs/").content.decode()

    paths = [*_PATHS[1:], "results/"]
    for path in ("sessions/{session_id}/", *(f"sessions/{{session_id}}/{path}" for path in paths), "strategies/"):
        assert f"/api/{path}:" in schema
    assert "https://" not in page
    assert "<script>" not in page


def test_a_session_says_who_started_and_who_cancelled_it(
    session: BacktestSession, owner: User, staff: User, settings: Settings
) -> None:
    settings.PUBLIC_VIEWING = True
    second = actions.run_again(session, owner=staff)
    places = [Client().get(f"/api/sessions/{each}/").json()["queue_position"] for each in (session, second)]
    client = Client()
    client.force_login(owner)

    client.post(f"/sessions/{session.session_id}/cancel")

    told = Client().get(f"/api/sessions/{session.session_id}/").json()
    assert places == [1, 2]
    assert (told["started_by"], told["cancel_requested_by"], told["state"]) == ("owner", "owner", "cancelled")
    assert told["cancel_requested_at"] is not None
    assert told["queue_position"] is None
    waiting = Client().get(f"/api/sessions/{second.session_id}/").json()
    assert (waiting["queue_position"], waiting["started_by"], waiting["cancel_requested_by"]) == (1, "staff", None)
