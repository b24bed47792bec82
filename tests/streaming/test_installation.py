"""How the installation does, for a person."""

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection
from django.test import Client
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from streaming import event_log, installation
from tests import sessions


def test_the_page_tells_what_waits_and_that_nobody_runs_it(session: BacktestSession) -> None:
    state = installation.read()
    page = Client().get("/status/").content.decode()

    assert (state.is_database_well, state.workers_alive, state.sessions["queued"]) == (True, 0, 1)
    assert state.is_waiting_in_vain
    assert "Sessions wait and no worker gives signs of life" in page


def test_a_log_is_counted(session: BacktestSession) -> None:
    sessions.run_here(session)

    state = installation.read()

    head = event_log.read_state(session.pk).head
    assert head is not None
    assert state.log_events == head + 1
    assert state.log_bytes > 1000
    assert not state.is_waiting_in_vain
    assert "All is well" in Client().get("/status/").content.decode()


def test_a_database_that_does_not_answer_is_told_as_an_error(
    session: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM no_such_table")
        raise AssertionError

    monkeypatch.setattr(installation, "_server_version", refuse)

    with pytest.raises(DatabaseError):
        refuse()
    page = Client().get("/status/")

    assert page.status_code == 503
    assert "The database does not answer" in page.content.decode()


def test_strangers_are_asked_to_sign_in(session: BacktestSession, settings: Settings) -> None:
    settings.PUBLIC_VIEWING = False
    assert Client().get("/status/").headers["Location"] == "/accounts/login/?next=/status/"
    client = Client()
    client.force_login(User.objects.create_user("somebody"))
    assert client.get("/status/").status_code == 200
