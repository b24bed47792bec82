"""The document that keeps a list of sessions true while they run."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from strategies import actions
from strategies.models import BacktestSession
from streaming import live_sessions
from tests import sessions


def test_a_running_session_tells_its_profit_so_far(session: BacktestSession) -> None:
    events = sessions.events_of(session)
    sessions.publish(session, events[:154])
    ticks = [event["data"] for event in events[:154] if event["event"] == "tick_update"]

    told = Client().get("/api/sessions/live/").json()

    (row,) = told["results"]
    assert (told["count"], told["newest"]) == (1, session.session_id)
    assert (row["session_id"], row["state"], row["strategy"], row["version"]) == (
        session.session_id, "running", "Two calls", 1
    )  # fmt: skip
    assert (row["ticks_done"], row["last_time"]) == (len(ticks), ticks[-1]["timestamp"])
    assert row["total_pnl"] == ticks[-1]["pnl_summary"]["total_pnl"]
    assert len(row["spark"]) <= live_sessions.SPARK_POINTS
    assert row["spark"][-1] == float(row["total_pnl"])


@pytest.mark.parametrize("events_per_block", [2, 1000])
def test_the_small_curve_spans_the_run(session: BacktestSession, events_per_block: int) -> None:
    events = sessions.events_of(session)[:-1]
    for start in range(0, len(events), events_per_block):
        sessions.publish(session, events[start : start + events_per_block])

    spark = live_sessions.spark(session.pk)

    assert 4 < len(spark) <= live_sessions.SPARK_POINTS
    assert min(spark) < 0
    assert spark[-1] == -500.0


def test_a_finished_session_is_not_live_but_still_the_newest(session: BacktestSession) -> None:
    sessions.run_here(session)

    assert Client().get("/api/sessions/live/").json() == {"results": [], "count": 0, "newest": session.session_id}


def test_only_what_one_may_see_is_told(session: BacktestSession, settings: Settings) -> None:
    settings.PUBLIC_VIEWING = False
    assert Client().get("/api/sessions/live/").json() == {"results": [], "count": 0, "newest": None}
    client = Client()
    client.force_login(User.objects.create_superuser("staff"))
    assert client.get("/api/sessions/live/").json()["count"] == 1


def test_many_sessions_cost_few_queries_and_the_oldest_are_only_counted(
    session: BacktestSession, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(live_sessions.MAX_SESSIONS):
        actions.run_again(session, owner=None)

    with django_assert_max_num_queries(6):
        told = Client().get("/api/sessions/live/").json()

    assert (len(told["results"]), told["count"]) == (live_sessions.MAX_SESSIONS, live_sessions.MAX_SESSIONS + 1)
