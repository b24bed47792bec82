"""The admin of the logs: what they hold and take, and nothing to change."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from strategies.models import BacktestSession
from streaming.models import EventBlock
from tests import sessions


@pytest.fixture
def admin(session: BacktestSession) -> Client:
    """Return a browser in which staff is signed in."""
    client = Client()
    client.force_login(User.objects.create_superuser("admin"))
    return client


def test_the_sizes_of_logs_are_shown(admin: Client, session: BacktestSession) -> None:
    sessions.run_here(session)
    blocks = EventBlock.objects.all()
    stored = sum(len(block.body) + len(block.series) for block in blocks)

    page = admin.get("/admin/streaming/sessionlog/").content.decode()
    detail = admin.get(f"/admin/streaming/sessionlog/{session.pk}/change/").content.decode()

    for shown in (page, detail):
        assert ">313<" in shown
        assert ">5<" in shown
        assert f"{stored / 1024:.1f}\xa0KB" in shown
        assert "MB" in shown or "KB" in shown


def test_three_logs_cost_as_many_queries_as_one(
    admin: Client, session: BacktestSession, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    sessions.run_here(session)
    with CaptureQueriesContext(connection) as one:
        admin.get("/admin/streaming/sessionlog/")
    for _ in range(2):
        sessions.run_here(sessions.create_session())
    with django_assert_num_queries(len(one)):
        admin.get("/admin/streaming/sessionlog/")


@pytest.mark.parametrize("page", ["add/", "{pk}/delete/"])
def test_logs_are_not_changed_by_hand(admin: Client, session: BacktestSession, page: str) -> None:
    sessions.run_here(session)

    assert admin.get(f"/admin/streaming/sessionlog/{page.format(pk=session.pk)}").status_code == 403
