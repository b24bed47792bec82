"""The commands of the first start: the sample, the user, the sample run."""

import stat
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from strategies.market_data.simulator import sample_day
from strategies.models import BacktestSession, DataSet, Strategy, StrategyVersion
from strategies.samples import sample_strategy
from tests import sessions


def _call(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


@pytest.mark.django_db
def test_the_sample_is_stored_once() -> None:
    _call("load_sample")
    _call("load_sample")

    data_set = DataSet.objects.get()
    assert (data_set.slug, data_set.total_ticks) == ("sample-2024-10-29", 22_351)
    # The day that the documents describe and the simulator's tests vouch for, not just any seed's.
    assert data_set.fingerprint == sample_day().fingerprint
    assert StrategyVersion.objects.get().graph == sample_strategy()


@pytest.mark.django_db
def test_a_sample_that_somebody_changed_stays_as_it_is() -> None:
    sessions.create_version(slug="rsi-breakout")

    _call("load_sample")

    assert StrategyVersion.objects.get().graph == sessions.graph()
    assert Strategy.objects.get().slug == "rsi-breakout"


@pytest.mark.django_db
def test_sample_runs_are_numbered_and_printed() -> None:
    _call("load_sample")

    first, second = _call("queue_sample_run", "--pace", "250"), _call("queue_sample_run", "--pace", "max")

    assert (first, second) == ("sample-2024-10-29-1\n", "sample-2024-10-29-2\n")
    paces = BacktestSession.objects.order_by("session_id").values_list("pace", flat=True)
    assert list(paces) == [250.0, None]


@pytest.mark.django_db
def test_a_sample_run_without_the_sample_says_what_to_do() -> None:
    with pytest.raises(CommandError, match="load_sample"):
        _call("queue_sample_run")


@pytest.mark.parametrize("pace", ["0", "-1", "fast", "nan", "inf", "2000000"])
def test_a_bad_pace_is_refused(pace: str) -> None:
    with pytest.raises(CommandError, match="neither max nor a number"):
        _call("queue_sample_run", f"--pace={pace}")


@pytest.mark.django_db
def test_the_admin_is_created_once_and_can_sign_in_with_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "password"

    said = _call("ensure_admin", "--password-file", str(path))
    again = _call("ensure_admin", "--password-file", str(tmp_path / "other"))

    password = path.read_text().strip()
    user = User.objects.get()
    assert user.check_password(password)
    assert user.is_superuser
    assert len(password) >= 16
    assert said.strip().endswith(password)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "already" in again
    assert not (tmp_path / "other").exists()


@pytest.mark.django_db
def test_a_password_that_cannot_be_kept_creates_nobody(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        _call("ensure_admin", "--password-file", str(tmp_path / "missing" / "password"))

    assert User.objects.count() == 0


@pytest.mark.parametrize(
    "arguments",
    [("--concurrency", "0"), ("--concurrency", "x"), ("--stalled-after", "0"), ("--stalled-after", "nan")],
)
def test_a_worker_with_bad_options_does_not_start(arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match=arguments[0]):
        _call("run_worker", *arguments)
