"""What settings decide, each in a fresh process with an environment of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backtest_site import embedded_postgres

ROOT = Path(__file__).resolve().parents[2]
OURS = ("DATA_DIR", "DATABASE_URL", "SECRET_KEY", "DEBUG", "ALLOWED_HOSTS", "PUBLIC_VIEWING", "SECURE_COOKIES")


def settings_with(**variables: str) -> "subprocess.CompletedProcess[str]":
    """Import the settings in a process of their own and print some of them."""
    clean = {key: value for key, value in os.environ.items() if key not in OURS}
    script = (
        "import json; from backtest_site import settings as s; "
        "print(json.dumps([s.DATABASES['default']['HOST'], s.PUBLIC_VIEWING, s.DEBUG, s.SESSION_COOKIE_SECURE]))"
    )
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=clean | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_importing_settings_names_the_embedded_database_and_starts_nothing(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"

    answer = settings_with(DATA_DIR=str(data_dir))

    host, public_viewing, debug, _ = json.loads(answer.stdout)
    assert embedded_postgres.url(data_dir / "postgres").endswith(host)
    assert (public_viewing, debug) == (False, False)
    assert not data_dir.exists()


def test_a_database_of_ones_own_takes_the_embedded_ones_place() -> None:
    answer = settings_with(
        DATABASE_URL="postgresql://u:p@db.example.org/trades", SECURE_COOKIES="1", PUBLIC_VIEWING="1"
    )

    assert json.loads(answer.stdout) == ["db.example.org", True, False, True]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("DATABASE_URL", "mysql://u@h/db", "only Postgres is supported"),
        ("DEBUG", "maybe", "DEBUG is 'maybe': write 1 or 0."),
        ("PUBLIC_VIEWING", "all", "PUBLIC_VIEWING is 'all': write 1 or 0."),
        ("GRIP_URL", "http://127.0.0.1:5561", "GRIP_URL is set but GRIP_VERIFY_KEY is not"),
    ],
)
def test_a_faulty_variable_is_named_with_its_remedy(variable: str, value: str, words: str) -> None:
    answer = settings_with(**{variable: value})

    assert answer.returncode != 0
    assert words in answer.stderr.splitlines()[-1]


def test_a_workers_metrics_are_not_shown_to_others_without_a_token() -> None:
    everywhere = {"WORKER_METRICS_PORT": "9101", "WORKER_METRICS_HOST": "0.0.0.0"}

    open_to_all = settings_with(**everywhere)
    with_token = settings_with(**everywhere, METRICS_TOKEN="0123456789abcdef")

    assert "WORKER_METRICS_HOST is '0.0.0.0', where others reach it: set METRICS_TOKEN" in open_to_all.stderr
    assert (open_to_all.returncode, with_token.returncode) == (1, 0)


def test_commands_that_need_no_database_start_none(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    environment = {key: value for key, value in os.environ.items() if key not in OURS} | {"DATA_DIR": str(data_dir)}

    subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=environment, check=True, capture_output=True, timeout=60
    )

    assert not data_dir.exists()
    assert not embedded_postgres.is_running(data_dir / "postgres")
