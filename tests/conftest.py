"""
What tests share: a real Postgres, a real ASGI server, a real worker process, a real browser, the reference day.

Everything listens on loopback or on a socket in a temporary folder, and is ended by the fixture that started it.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import uvicorn
from django.apps import apps
from django.conf import settings
from django.db import connection, connections
from hypothesis import settings as hypothesis_settings
from pytest_django.fixtures import Settings

from backtest_site import database_url, embedded_postgres
from strategies.models import BacktestSession
from tests import chromium, pushpin, sessions

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    """Prepare the process of the tests."""
    # A busy machine is no fault of the code.
    hypothesis_settings.register_profile("without a deadline", deadline=None)
    hypothesis_settings.load_profile("without a deadline")
    # What an earlier ./run collected is kept away from the tests: they serve the sources.
    settings.STATIC_ROOT = Path(tempfile.gettempdir()) / "no-collected-files"
    # A CI server that has run out of patience sends SIGTERM; fixtures end what they started then, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_loop_of_the_browser(request: pytest.FixtureRequest) -> Iterator[None]:
    """
    Let a test without a browser begin as in a thread of its own.

    Playwright leaves its event loop, suspended, as the running one of the thread until the last test has ended; no
    other loop could run beside it.
    """
    running = asyncio._get_running_loop()
    if running is None or request.node.get_closest_marker("browser"):
        yield
        return
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(running)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Yield the address of the server for the tests: DATABASE_URL, else an embedded one that ends with the session."""
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    # Not pytest's own folder: a socket's path may have 103 bytes.
    home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        yield embedded_postgres.ensure(home, is_durable=False)
    finally:
        embedded_postgres.stop(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None, postgres_url: str) -> None:
    """Point Django at the tests' server. Settings are read before any fixture runs, so the address is put in place."""
    address = database_url.parse(postgres_url).as_django()
    test_name = connections["default"].settings_dict["TEST"]
    connections["default"].settings_dict.update(address)
    connections["default"].settings_dict["TEST"] = test_name


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """Have the queue's tables emptied between tests too: Django empties those of managed models only."""
    for model in apps.get_app_config("procrastinate").get_models():
        model._meta.managed = True


@pytest.fixture
def data_folder(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep uploads of the test in a folder of its own, also in processes that it starts."""
    settings.DATA_DIR = tmp_path
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def session(transactional_db: None, data_folder: Path, settings: Settings) -> BacktestSession:
    """Return a queued session that anyone may look at."""
    settings.PUBLIC_VIEWING = True
    return sessions.create_session()


@pytest.fixture
def database_address(transactional_db: None) -> str:
    """Return the test database as a DATABASE_URL, for processes that a test starts."""
    values = connection.settings_dict
    user = quote(values["USER"] or "", safe="")
    password = f":{quote(values['PASSWORD'], safe='')}" if values["PASSWORD"] else ""
    query = [f"host={quote(values['HOST'], safe='')}"] if values["HOST"] else []
    query += [f"port={values['PORT']}"] if values["PORT"] else []
    query += [
        f"{key}={quote(str(value), safe='')}" for key, value in values["OPTIONS"].items() if isinstance(value, str)
    ]
    return f"postgresql://{user}{password}@/{quote(values['NAME'], safe='')}?{'&'.join(query)}"


@pytest.fixture
def asgi_server(transactional_db: None) -> Iterator[str]:
    """
    Yield the base URL of the application, served by uvicorn as ./run serves it.

    Django's own live_server is WSGI and never streams.
    """
    from backtest_site.asgi import application

    config = uvicorn.Config(
        application, host="127.0.0.1", port=0, log_level="warning", lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="asgi-server", daemon=True)
    thread.start()
    try:
        _wait_until(lambda: server.started, within_seconds=20, what="the ASGI server")
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=15)
        assert not thread.is_alive(), "the ASGI server did not stop"


@pytest.fixture
def start_worker_process(database_address: str) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Yield a function that starts `manage.py run_worker` on the test database; all it started end with the test."""
    started: list[subprocess.Popen[str]] = []
    outputs: list[Any] = []

    def start(*arguments: str) -> "subprocess.Popen[str]":
        output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lives until the test's end
        outputs.append(output)
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_worker", *arguments],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": database_address, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # Read it with os.pread: the process writes where a seek would lead.
        process.stdout = output
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
    for process, output in zip(started, outputs, strict=True):
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)
        output.seek(0)
        sys.stdout.write(output.read())  # pytest shows it where the test failed.
        output.close()


@pytest.fixture
def run_worker_process(start_worker_process: Callable[..., "subprocess.Popen[str]"]) -> "subprocess.Popen[str]":
    """Return one running `manage.py run_worker` on the test database."""
    return start_worker_process()


@pytest.fixture(scope="session")
def reference_day() -> Path:
    """Return the folder of the reference market data; in CI it must be there."""
    folder = Path(os.environ.get("REFERENCE_DAY") or ROOT.parent / "shared" / "data" / "nifty-2024-10-29")
    if folder.is_dir():
        return folder
    missing = f"the reference day is not at {folder}: set REFERENCE_DAY to its folder"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(scope="session")
def pushpin_programs() -> None:
    """Have Pushpin on this machine; in CI it must be there, elsewhere the test is skipped without."""
    if not pushpin.is_here():
        missing = "no Pushpin on this machine: install Debian's packages pushpin and zurl (python -m tests.pushpin)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Tell pytest-playwright which Chromium to start, and how."""
    try:
        path = chromium.find()
    except chromium.ChromiumMissing as error:
        pytest.fail(str(error))
    if path is None:
        pytest.fail("No Chromium on this machine: run ./test, which installs one, or set CHROMIUM_PATH.")
    return {**browser_type_launch_args, "executable_path": str(path), "args": chromium.arguments()}


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: "pytest.FixtureDef[Any]") -> None:
    """Let the database be used beside Playwright, whose sync API keeps an event loop in the tests' own thread."""
    if fixturedef.argname == "playwright":
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def _wait_until(is_true: Callable[[], bool], *, within_seconds: float, what: str) -> None:
    deadline = time.monotonic() + within_seconds
    while not is_true():
        assert time.monotonic() < deadline, f"{what} was not ready after {within_seconds:g} s"
        time.sleep(0.01)
