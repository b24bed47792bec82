"""The admin: graphs and files are checked at the door, sessions can be started, repeated and cancelled."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from strategies.models import BacktestSession, DataSet, Strategy
from strategies.session_states import SessionState
from tests import sessions


@pytest.fixture
def admin(staff: User) -> Client:
    """Return a browser in which staff is signed in."""
    client = Client()
    client.force_login(staff)
    return client


def _errors(client: Client, path: str, fields: Mapping[str, object]) -> str:
    response = client.post(path, fields)
    assert response.status_code == 200, "it was accepted"
    form = response.context["adminform"].form
    return " ".join(str(fault) for faults in form.errors.values() for fault in faults)


def test_a_strategy_is_added_with_its_graph(admin: Client) -> None:
    response = admin.post(
        "/admin/strategies/strategy/add/",
        {"name": "Mine", "slug": "mine", "owner": "", "graph": json.dumps(sessions.graph())},
    )

    assert response.status_code == 302
    version = Strategy.objects.get(slug="mine").latest_version
    assert version is not None
    assert (version.number, version.graph) == (1, sessions.graph())


def test_a_changed_graph_makes_the_next_version(admin: Client) -> None:
    strategy = sessions.create_version().strategy
    path = f"/admin/strategies/strategy/{strategy.pk}/change/"
    shown = admin.get(path).context["adminform"].form["graph"].initial
    fields = {"name": strategy.name, "slug": strategy.slug, "owner": ""}

    admin.post(path, {**fields, "graph": shown})
    unchanged = strategy.versions.count()
    admin.post(path, {**fields, "graph": shown.replace("Two calls", "Two calls, again")})

    assert (unchanged, strategy.versions.count()) == (1, 2)


def test_a_bad_graph_is_refused_with_every_fault(admin: Client) -> None:
    document = sessions.graph()
    document["nodes"][2]["type"] = "teleportNode"
    document["edges"][0]["target"] = "nowhere"
    fields = {"name": "X", "slug": "x", "owner": "", "graph": json.dumps(document)}

    told = _errors(admin, "/admin/strategies/strategy/add/", fields)

    assert "teleportNode" in told
    assert "nowhere" in told
    assert Strategy.objects.count() == 0


@pytest.mark.parametrize(
    ("graph", "told"),
    [("{", "line 1"), ("[]", "give an object"), ("[" * 100_000, "nested too deeply"), ("NaN", "give an object")],
)
def test_what_is_no_graph_at_all_is_refused(admin: Client, graph: str, told: str) -> None:
    fields = {"name": "X", "slug": "x", "owner": "", "graph": graph}

    assert told in _errors(admin, "/admin/strategies/strategy/add/", fields).lower()


def _upload(path: Path) -> SimpleUploadedFile:
    return SimpleUploadedFile(path.name, path.read_bytes())


_DATA_SET = {"name": "Mine", "slug": "mine", "kind": "files", "seed": ""}


def test_uploaded_ticks_are_read_and_kept(admin: Client, data_folder: Path, tmp_path: Path) -> None:
    ticks = sessions.write_ticks(tmp_path / "ticks.csv")

    response = admin.post("/admin/strategies/dataset/add/", {**_DATA_SET, "ticks_file": _upload(ticks)})

    assert response.status_code == 302
    data_set = DataSet.objects.get()
    assert (data_set.total_ticks, str(data_set.first_date)) == (300, "2024-10-29")
    assert Path(data_set.ticks_file.path).is_relative_to(data_folder / "uploads")


def test_ticks_that_cannot_be_read_are_refused_by_file_and_line(
    admin: Client, data_folder: Path, tmp_path: Path
) -> None:
    ticks = tmp_path / "ticks.csv"
    ticks.write_text("timestamp,symbol,ltp\n2024-10-29 09:15:01,NIFTY,10\n2024-10-29 09:15:00,NIFTY,10\n")

    told = _errors(admin, "/admin/strategies/dataset/add/", {**_DATA_SET, "ticks_file": _upload(ticks)})

    assert told.startswith("ticks.csv")
    assert "line 3" in told
    assert DataSet.objects.count() == 0


def test_a_data_set_has_one_source(admin: Client, data_folder: Path) -> None:
    path = "/admin/strategies/dataset/add/"

    assert "Choose a file" in _errors(admin, path, _DATA_SET)
    assert "needs a seed" in _errors(admin, path, {**_DATA_SET, "kind": "sample"})


def test_staff_runs_a_backtest_of_strategies_and_versions(admin: Client, session: BacktestSession) -> None:
    strategy = session.strategy_version.strategy

    for model, chosen in (("strategy", strategy.pk), ("strategyversion", session.strategy_version.pk)):
        admin.post(f"/admin/strategies/{model}/", {"action": "run_backtest", "_selected_action": [chosen]})

    queued = BacktestSession.objects.filter(state=SessionState.QUEUED).exclude(pk=session.pk)
    assert {(one.strategy_version, one.owner and one.owner.username) for one in queued} == {
        (session.strategy_version, "staff")
    }
    assert queued.count() == 2


def test_a_backtest_without_a_data_set_is_refused(admin: Client) -> None:
    strategy = sessions.create_version().strategy

    response = admin.post(
        "/admin/strategies/strategy/", {"action": "run_backtest", "_selected_action": [strategy.pk]}, follow=True
    )

    assert "no data set yet" in response.content.decode()
    assert BacktestSession.objects.count() == 0


def test_staff_cancels_and_repeats_sessions(admin: Client, session: BacktestSession) -> None:
    path, chosen = "/admin/strategies/backtestsession/", {"_selected_action": [session.pk]}

    admin.post(path, {"action": "cancel", **chosen})
    session.refresh_from_db()
    again = admin.post(path, {"action": "cancel", **chosen}, follow=True)
    admin.post(path, {"action": "run_again", **chosen})

    assert session.state == SessionState.CANCELLED
    assert "cancelled already" in again.content.decode()
    assert BacktestSession.objects.filter(state=SessionState.QUEUED).count() == 1


def _to_queue(session: BacktestSession, **changes: str) -> dict[str, str]:
    """Fill in the form for another run of the same."""
    return {
        "strategy_version": str(session.strategy_version_id),
        "data_set": str(session.data_set_id),
        "fills": "{}",
        "costs": '{"model": "none"}',
        **changes,
    }


def test_staff_queues_a_session_with_its_settings(admin: Client, session: BacktestSession) -> None:
    fields = _to_queue(session, costs='{"model": "indian_fno"}', fills='{"timing": "next_tick"}', capital="500000")

    response = admin.post("/admin/strategies/backtestsession/add/", fields, follow=True)

    queued = BacktestSession.objects.exclude(pk=session.pk).get()
    assert queued.session_id in response.content.decode()
    assert (queued.state, queued.capital) == (SessionState.QUEUED, Decimal(500_000))
    assert queued.costs == {
        "model": "indian_fno", "exchange": "NSE", "brokerage_per_order": "20", "gst_on_ipft": True,
    }  # fmt: skip
    assert queued.fills["timing"] == "next_tick"
    assert admin.get(f"/admin/strategies/backtestsession/{queued.pk}/change/").status_code == 200


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"costs": '{"model": "free"}'}, "&#x27;free&#x27; is not a cost model; allowed: indian_fno, percent, none"),
        ({"costs": '{"model": "percent", "fixd": 2}'}, "costs.fixd: is not a field of this cost model"),
        ({"fills": '{"slippage": 1}'}, "&#x27;slippage&#x27; is unknown; allowed: price"),
        ({"fills": '{"slippage_percent": null}'}, "slippage_percent is None"),
        ({"fills": "[1]"}, "fills must be a JSON object"),
        ({"capital": "0"}, "capital is 0"),
        ({"start_date": "2030-01-01"}, "lie outside"),
    ],
)
def test_settings_that_are_not_valid_are_refused_by_field(
    admin: Client, session: BacktestSession, changes: dict[str, str], told: str
) -> None:
    response = admin.post("/admin/strategies/backtestsession/add/", _to_queue(session, **changes))

    assert response.status_code == 200
    assert told in response.content.decode()
    assert BacktestSession.objects.count() == 1


@pytest.mark.parametrize("model", ["strategyversion", "trade", "nodeevent"])
def test_what_the_program_writes_is_read_only(admin: Client, session: BacktestSession, model: str) -> None:
    assert admin.get(f"/admin/strategies/{model}/").status_code == 200
    assert admin.get(f"/admin/strategies/{model}/add/").status_code == 403


def test_a_session_can_be_looked_at(admin: Client, session: BacktestSession) -> None:
    assert admin.get(f"/admin/strategies/backtestsession/{session.pk}/change/").status_code == 200
    assert admin.get("/admin/procrastinate/procrastinatejob/").status_code == 200
