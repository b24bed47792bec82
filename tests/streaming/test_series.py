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


def test_contracts_are_told_with_the_steps_of_their_stops_and_targets(session: BacktestSession) -> None:
    """S2: a stop and a target that stay, a trailing stop that follows; the last tick told one by one says the same."""
    events = sessions.events_of(session)
    ticks = [event["data"] for event in events if event["event"] == "tick_update"]
    symbol = next(position["symbol"] for tick in ticks for position in tick["open_positions"])
    for tick in ticks:
        for position in tick["open_positions"]:
            trail = f"{9 - tick['tick'] // 10}.00"
            position |= {"stop_loss_price": "19.00", "take_profit_price": None, "trailing_stop_price": trail}
    sessions.publish(session, events)

    series = _get(session, f"?symbols={symbol}")

    told: dict[str, list[list[Any]]] = {"stop_loss_price": [], "trailing_stop_price": []}
    for tick in ticks:
        mark: dict[str, Any] = next((each for each in tick["open_positions"] if each["symbol"] == symbol), {})
        for name, steps in told.items():
            if (steps[-1][1] if steps else None) != mark.get(name):
                steps.append([tick["tick"], mark.get(name)])
    first = next(position for tick in ticks for position in tick["open_positions"])
    about = {name: first[name] for name in ("position_id", "entry_time", "symbol")}
    assert series["guards"] == [about | told]
    assert len(told["trailing_stop_price"]) > 3
    assert _get(session, f"?symbols={symbol}&after=299")["guards"] == []
    assert "guards" not in _get(session)
