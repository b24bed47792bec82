"""Liveness and readiness: what is missing is named, and nothing else is told."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client

from backtest_site import embedded_postgres
from tests.clients.web_server import ROOT, WebServer
from tests.scrapes import TOKEN, Metrics


@pytest.mark.django_db
def test_a_process_that_answers_lives(client: Client) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/healthz", "/readyz", "/metrics"])
def test_health_cannot_be_posted(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405


@pytest.fixture
def home() -> Iterator[Path]:
    """Yield the folder of a Postgres of the test's own; it does not run yet, and does not any more afterwards."""
    # Not pytest's own folder: a socket's path may have 103 bytes.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        yield folder
    finally:
        embedded_postgres.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


def migrate(address: str, *words: str) -> None:
    environment = {**os.environ, "DATABASE_URL": address}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0", *words]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=120)


def ready(server: WebServer) -> tuple[int, dict[str, Any]]:
    answer = httpx.get(f"{server.url}/readyz", timeout=20, trust_env=False)
    document = answer.json()
    assert document.keys() == {"status", "checks"}
    assert document["status"] == ("ready" if answer.status_code == 200 else "unavailable")
    assert all(check["ok"] is (check["state"] in GOOD) for check in document["checks"].values())
    return answer.status_code, {name: check["state"] for name, check in document["checks"].items()}


GOOD = {"reachable", "applied", "idle", "listening", "polling"}
READY = (200, {"database": "reachable", "migrations": "applied", "relay": "idle"})
WITHOUT_DATABASE = (503, {"database": "unreachable", "migrations": "unknown", "relay": "idle"})


def test_a_server_says_what_it_misses_and_when_it_has_it_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_TOKEN", TOKEN)
    # A server that may not be reached from the start on.
    address = embedded_postgres.ensure(home, is_durable=False)
    server = WebServer(database_address=address)
    with contextlib.ExitStack() as stack:
        stack.callback(server.kill)
        server.start()
        answers = [ready(server)]

        migrate(address)
        answers.append(ready(server))

        embedded_postgres.stop(home)
        answers.append(ready(server))
        lives = httpx.get(f"{server.url}/healthz", timeout=20, trust_env=False)
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        told = httpx.get(f"{server.url}/metrics", headers=bearer, timeout=20, trust_env=False)

        embedded_postgres.ensure(home, is_durable=False)
        deadline = time.monotonic() + 20
        while (again := ready(server)) != READY:
            assert time.monotonic() < deadline, again
            time.sleep(0.1)

    without_tables = (503, {"database": "reachable", "migrations": "missing", "relay": "idle"})
    assert answers == [without_tables, READY, WITHOUT_DATABASE]
    assert lives.status_code == 200
    metrics = Metrics(told.text)
    assert (metrics.value("database_up"), metrics.value("sessions", state="running")) == (0, None)
    assert metrics.value("streams_open", encoding="gzip") == 0
