"""The tables keep the promises by themselves, whatever the code above them does."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from strategies.models import BacktestSession, DataSet, NodeEvent, Strategy, StrategyVersion, Trade
from tests import sessions


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"session_id": "has space"}, "session_id_is_plain"),
        ({"session_id": "a/b"}, "session_id_is_plain"),
        ({"session_id": "ends\n"}, "session_id_is_plain"),
        ({"session_id": ""}, "session_id_is_plain"),
        ({"state": "asleep"}, "session_state_known"),
        ({"pace": 0}, "session_pace_positive"),
        ({"pace": -1}, "session_pace_positive"),
        ({"pace": float("nan")}, "session_pace_positive"),
        ({"pace": float("inf")}, "session_pace_positive"),
        ({"ticks_done": 5, "total_ticks": 4}, "session_progress_within_total"),
        ({"start_date": "2024-10-30", "end_date": "2024-10-29"}, "session_dates_in_order"),
        ({"state": "completed"}, "session_finished_at_says_final"),
        ({"state": "running", "finished_at": timezone.now()}, "session_finished_at_says_final"),
        ({"state": "failed", "finished_at": timezone.now()}, "session_error_says_failed"),
        ({"error": "but it is only queued"}, "session_error_says_failed"),
    ],
)
def test_a_session_that_cannot_be_is_refused(
    session: BacktestSession, changes: Mapping[str, Any], constraint: str
) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        BacktestSession.objects.filter(pk=session.pk).update(**changes)


def test_progress_below_zero_is_refused(session: BacktestSession) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        BacktestSession.objects.filter(pk=session.pk).update(ticks_done=-1)


def test_a_session_id_exists_once(session: BacktestSession) -> None:
    session.pk = None

    with pytest.raises(IntegrityError, match="session_id"), transaction.atomic():
        session.save(force_insert=True)


def test_a_version_is_never_changed(session: BacktestSession) -> None:
    version = session.strategy_version
    version.graph_json = "{}"

    with pytest.raises(ValidationError, match="new version"):
        version.save()


def test_a_version_number_exists_once(session: BacktestSession) -> None:
    with pytest.raises(IntegrityError, match="strategy_version_number_once"), transaction.atomic():
        StrategyVersion.objects.create(
            strategy=session.strategy_version.strategy, number=1, graph_json="{}", fingerprint="x"
        )


def test_a_graph_keeps_the_order_of_its_keys(session: BacktestSession) -> None:
    stored = StrategyVersion.objects.get().graph

    assert stored == sessions.graph()
    assert [list(node["data"]) for node in stored["nodes"]] == [
        list(node["data"]) for node in sessions.graph()["nodes"]
    ]


def test_what_a_session_ran_on_cannot_be_deleted_under_it(session: BacktestSession) -> None:
    with pytest.raises(IntegrityError):
        session.data_set.delete()
    with pytest.raises(IntegrityError):
        Strategy.objects.get().delete()


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "sample", "seed": None},
        {"kind": "sample", "seed": 1, "ticks_file": "x.csv"},
        {"kind": "files", "ticks_file": ""},
        {"kind": "files", "ticks_file": "x.csv", "seed": 1},
    ],
)
def test_a_data_set_has_exactly_one_source(db: None, changes: Mapping[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="data_set_has_one_source"), transaction.atomic():
        DataSet.objects.create(slug="x", name="X", **changes)


def test_a_trade_and_a_node_event_exist_once_a_session(session: BacktestSession) -> None:
    now = timezone.now()
    trade = {
        "session": session,
        "trade_id": "a-r0",
        "position_id": "a",
        "re_entry_num": 0,
        "symbol": "NIFTY",
        "side": "buy",
        "quantity": 1,
        "entry_price": "1.00",
        "entry_time": now,
        "exit_price": "2.00",
        "exit_time": now,
        "pnl": "1.00",
        "status": "CLOSED",
        "record_json": "{}",
    }
    Trade.objects.create(event_id=5, **trade)
    node_event = {"session": session, "node_id": "n", "node_type": "N", "timestamp": now, "signal_emitted": True}
    NodeEvent.objects.create(event_id=6, execution_id="e", record_json="{}", **node_event)

    for again in ({**trade, "event_id": 5, "trade_id": "b-r0"}, {**trade, "event_id": 9}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Trade.objects.create(**again)
    for event_id, execution_id in ((6, "f"), (9, "e")):
        with pytest.raises(IntegrityError), transaction.atomic():
            NodeEvent.objects.create(event_id=event_id, execution_id=execution_id, record_json="{}", **node_event)
    with pytest.raises(IntegrityError, match="trade_side_known"), transaction.atomic():
        Trade.objects.create(**{**trade, "event_id": 10, "trade_id": "c-r0", "side": "sideways"})
