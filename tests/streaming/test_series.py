"""The series: price and P&L of every tick, for whoever joins late."""

from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from tests import sessions


def _get(session: BacktestSession, query: str = "") -> dict[str, Any]:
    response = Client().get(f"/api/sessions/{session.session_id}/series/{query}")
    assert response.status_code == 200
    series: dict[str, Any] = response.json()
    return series


def test_the_series_hold_every_tick_of_the_session_so_far(session: BacktestSession) -> None:
    events = sessions.events_of(session)
    sessions.publish(session, events[:154])

    series = _get(session)

    ticks = [event["data"] for event in events[:154] if event["event"] == "tick_update"]
    assert series["through_tick"] == len(ticks)
    assert series["columns"]["tick"] == [tick["tick"] for tick in ticks]
    assert series["columns"]["time"] == [1_730_173_500 + number for number in range(len(ticks))]
    assert series["columns"]["underlying"] == [tick["ltp"]["NIFTY"]["ltp"] for tick in ticks]
    assert series["columns"]["total_pnl"] == [tick["pnl_summary"]["total_pnl"] for tick in ticks]
    assert "-250.00" in series["columns"]["total_pnl"]


def test_only_later_ticks_are_sent_to_whoever_has_the_earlier_ones(session: BacktestSession) -> None:
    sessions.publish(session, sessions.events_of(session))

    assert _get(session, "?after=297")["columns"]["tick"] == [298, 299, 300]
    assert _get(session, "?after=300") == {
        "through_tick": 300,
        "columns": {"tick": [], "time": [], "underlying": [], "total_pnl": []},
    }


def test_a_session_without_an_event_has_an_empty_series(session: BacktestSession) -> None:
    assert _get(session)["through_tick"] == 0


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "99999999999", "%00"])
def test_a_bad_tick_is_refused_by_name(session: BacktestSession, after: str) -> None:
    response = Client().get(f"/api/sessions/{session.session_id}/series/?after={after}")

    assert response.status_code == 400
    assert "after" in response.json()


def test_a_series_that_somebody_may_not_see_does_not_exist(session: BacktestSession, settings: Settings) -> None:
    settings.PUBLIC_VIEWING = False

    assert Client().get(f"/api/sessions/{session.session_id}/series/").status_code == 404
    assert Client().get("/api/sessions/no-such/series/").status_code == 404
