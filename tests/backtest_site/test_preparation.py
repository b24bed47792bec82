"""What stands in the way of the site's setup is told in one sentence; what is done is not done twice."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management.base import CommandError
from django.db import OperationalError

from backtest_site import preparation
from strategies import actions
from strategies.models import BacktestSession
from strategies.session_states import SessionState


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (CommandError("The sample is not stored yet."), "The sample is not stored yet."),
        (
            OperationalError("connection failed:\n  refused\n"),
            "The database cannot be used: connection failed: refused.",
        ),
        (OSError(28, "No space left on device"), "The disk of /data is full: free some space and start again."),
        (
            OperationalError('could not extend file "base/1": No space left on device\nHINT: Check free disk space.'),
            "The disk of /data is full: free some space and start again.",
        ),
    ],
)
def test_a_fault_is_one_sentence(error: Exception, sentence: str, settings: LazySettings) -> None:
    settings.DATA_DIR = Path("/data")

    assert preparation.explain(error) == sentence


@pytest.fixture
def sample(db: None) -> None:
    """Store the sample."""
    from django.core.management import call_command

    call_command("load_sample", verbosity=0)


def test_a_sample_run_is_queued_where_none_goes_on(sample: None) -> None:
    session_id = preparation.sample_session("250")

    session = BacktestSession.objects.get()
    assert (session.session_id, session.state, session.pace) == (session_id, SessionState.QUEUED, 250.0)


def test_a_sample_run_that_waits_or_runs_is_taken_again(sample: None) -> None:
    first = preparation.sample_session("max")

    assert preparation.sample_session("max") == first
    BacktestSession.objects.update(state=SessionState.RUNNING)
    assert preparation.sample_session("max") == first


def test_a_finished_sample_run_is_followed_by_another(sample: None) -> None:
    first = preparation.sample_session("max")
    actions.cancel_session(BacktestSession.objects.get())

    assert preparation.sample_session("max") != first
    assert BacktestSession.objects.count() == 2


def test_tables_that_are_up_to_date_are_left_alone(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    preparation.migrate()

    assert capsys.readouterr().out == ""


def test_files_are_collected_once(settings: LazySettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings.STATIC_ROOT = tmp_path / "static"

    preparation.collect_files()
    first = capsys.readouterr().out
    preparation.collect_files()

    assert "Collecting" in first
    assert capsys.readouterr().out == ""
    assert (tmp_path / "static" / "staticfiles.json").exists()
