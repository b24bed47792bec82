"""The worker's health and metrics, of a real worker process and by the command for containers."""

import io
import signal
import socket
import subprocess
import time
from collections.abc import Callable

import httpx
import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from strategies.session_states import SessionState
from streaming import health, worker_endpoint
from tests.scrapes import TOKEN, Metrics

StartWorker = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """Return a free port, set as the workers' own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = int(free.getsockname()[1])
    monkeypatch.setenv("WORKER_METRICS_PORT", str(number))
    return number


def ask(port: int, page: str, **headers: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}{page}", headers=headers, timeout=20, trust_env=False)


def wait_until_ready(port: int, worker: "subprocess.Popen[str]") -> httpx.Response:
    deadline = time.monotonic() + 30
    while True:
        assert worker.poll() is None, "the worker has ended"
        try:
            if (answer := ask(port, "/readyz")).status_code == 200:
                return answer
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "the worker was not ready in time"
        time.sleep(0.05)


def worker_health() -> str:
    """Run the command and return what it says; what it refuses with comes after its name."""
    said = io.StringIO()
    try:
        call_command("worker_health", stdout=said)
    except CommandError as error:
        return f"CommandError: {error}"
    return said.getvalue()


@pytest.fixture
def worker(
    port: int, start_worker_process: StartWorker, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> "subprocess.Popen[str]":
    """Return a worker that serves its health and metrics on the port."""
    monkeypatch.setenv("METRICS_TOKEN", TOKEN)
    settings.WORKER_METRICS_PORT = port
    worker = start_worker_process()
    wait_until_ready(port, worker)
    return worker


def test_a_worker_tells_its_health_and_what_it_wrote(
    session: BacktestSession, port: int, worker: "subprocess.Popen[str]"
) -> None:
    deadline = time.monotonic() + 30
    while session.state != SessionState.COMPLETED:
        assert time.monotonic() < deadline, session.state
        time.sleep(0.05)
        session.refresh_from_db()

    ready, lives, stranger = (ask(port, page) for page in ("/readyz", "/healthz", "/metrics"))
    strange, posted = ask(port, "/admin"), httpx.post(f"http://127.0.0.1:{port}/readyz", trust_env=False)
    found = Metrics(ask(port, "/metrics", Authorization=f"Bearer {TOKEN}").text)

    states = {name: check["state"] for name, check in ready.json()["checks"].items()}
    assert states == {"loop": "beating", "database": "reachable", "migrations": "applied", "workers": "alive"}
    assert (lives.status_code, lives.json()["checks"]) == (200, {"loop": {"ok": True, "state": "beating"}})
    assert (stranger.status_code, stranger.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert (strange.status_code, posted.status_code) == (404, 405)
    assert found.value("events_encoded_total") == found.value("events_compressed_total") == 313
    assert found.value("writer_batch_events_sum") == 313
    assert found.value("writer_batch_seconds_count") == found.value("writer_batch_events_count")
    assert (found.value("writer_sessions"), found.value("writer_events_waiting")) == (0, 0)
    assert (found.value("workers_alive"), found.value("sessions", state="completed")) == (1, 1)
    assert found.value("relay_listening") is None


def test_the_command_for_containers_tells_a_well_worker_from_one_that_hangs(
    port: int, worker: "subprocess.Popen[str]", settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.management.commands.worker_health._PATIENCE_SECONDS", 2.0)

    beside = worker_health()
    worker.send_signal(signal.SIGSTOP)
    try:
        monkeypatch.setattr("streaming.management.commands.worker_health._PATIENCE_SECONDS", 0.3)
        hanging = worker_health()
        settings.WORKER_METRICS_PORT = 0
        by_database = worker_health()
    finally:
        worker.send_signal(signal.SIGCONT)

    assert beside == "The worker is well.\n"
    assert hanging.startswith(f"CommandError: No worker answers at http://127.0.0.1:{port}/readyz: ")
    assert by_database == "1 worker(s) alive, 0 job(s) waiting; batches: none was written yet.\n"


def test_without_a_worker_the_command_refuses(transactional_db: None, settings: Settings) -> None:
    settings.WORKER_METRICS_PORT = 0

    assert worker_health() == ("CommandError: No worker gave a sign of life within 30 s: start 'manage.py run_worker'.")


def test_a_port_that_is_taken_is_refused_with_the_way_out(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings.WORKER_METRICS_PORT = port = taken.getsockname()[1]

        with pytest.raises(CommandError, match="give each worker of this machine a WORKER_METRICS_PORT") as refusal:
            call_command("run_worker")

    assert f"127.0.0.1, port {port}" in str(refusal.value)


def test_a_hanging_event_loop_is_told(settings: Settings, port: int) -> None:
    settings.WORKER_METRICS_PORT = port
    heart = worker_endpoint.Heart()
    with worker_endpoint.served(heart, stalled_after=30.0):
        before = ask(port, "/healthz")
        heart.last_beat -= health.LATE_SECONDS + 1
        after = ask(port, "/healthz")

    assert (before.status_code, after.status_code) == (200, 503)
    assert after.json()["checks"] == {"loop": {"ok": False, "state": "hanging"}}
