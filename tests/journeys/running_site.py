"""
One whole site for many browser tests: its own database, a web server and a worker, as ./run would have them.

It is made once a test run, with one finished session of the sample day; whoever needs a live one queues it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from playwright.sync_api import BrowserContext, Page, expect

ROOT = Path(__file__).resolve().parents[2]
#: The second of them waits for a level that is 5 higher with its second leg.
_TWO_THAT_PART = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "backtest_site.settings"
django.setup()
from strategies import actions
from tests import sessions
data_set = sessions.create_data_set()
later = sessions.graph(name="Two calls, later")
for node in later["nodes"]:
    if node["id"] == "enter-2":
        node["data"]["conditions"][0]["conditions"][0]["rhs"]["value"] = 24355.0
        node["data"]["conditionsPreview"] = "TI.underlying_ltp > 24355"
for slug, graph in (("two-calls", sessions.graph()), ("two-calls-later", later)):
    version = actions.create_strategy(slug=slug, name=graph["name"], document=graph, owner=None)
    print(actions.queue_session(version=version, data_set=data_set, owner=None, pace=None).session_id)
"""
#: The sample strategy with guards: over the sample day two stops, three targets and a trailing stop close a position.
_GUARDED = """
import os, sys, django
os.environ["DJANGO_SETTINGS_MODULE"] = "backtest_site.settings"
django.setup()
from strategies import actions
from strategies.models import DataSet, StrategyVersion
from strategies.samples import sample_strategy
from tests.builders.strategy_documents import stop_loss, take_profit, trailing_stop
guards = {
    "put-stop-exit": stop_loss(15),
    "put-target-exit": take_profit(25) | trailing_stop(10, activation=6, step=1),
    "call-stop-exit": stop_loss(3),
    "call-target-exit": take_profit(15) | trailing_stop(7, activation=3),
}
document = sample_strategy()
document["name"] = "RSI breakout, guarded"
for node in document["nodes"]:
    if node["id"] in guards:
        node["data"]["exitNodeData"]["postExecutionConfig"] = guards[node["id"]]
version = StrategyVersion.objects.filter(strategy__slug="guarded").first()
if version is None:
    version = actions.create_strategy(slug="guarded", name=document["name"], document=document, owner=None)
pace = None if sys.argv[1] == "max" else float(sys.argv[1])
data_set = DataSet.objects.get(slug="sample-2024-10-29")
print(actions.queue_session(version=version, data_set=data_set, owner=None, pace=pace).session_id)
"""
#: A strategy that does little, on the sample day and on three days like it.
_ONE_DAY_AND_THREE = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "backtest_site.settings"
django.setup()
from pathlib import Path
from django.conf import settings
from benchmarks import monitor_sessions
from strategies import actions
from strategies.market_data import simulator, tick_file
from strategies.models import DataSet
from tests import sessions
path = Path(settings.DATA_DIR) / "uploads" / "data_sets" / "three-days.parquet"
path.parent.mkdir(parents=True, exist_ok=True)
tick_file.write_ticks(monitor_sessions.three_days(simulator.sample_day()), path)
three = DataSet(slug="three-days", name="Three days", ticks_file=f"data_sets/{path.name}")
actions.describe_data_set(three, actions.load_data_set(three))
three.save()
graph = sessions.graph(name="Two calls, for days")
version = actions.create_strategy(slug="two-calls-for-days", name=graph["name"], document=graph, owner=None)
for data_set in (DataSet.objects.get(kind=DataSet.Kind.SAMPLE), three):
    print(actions.queue_session(version=version, data_set=data_set, owner=None, pace=None).session_id)
"""
_CANCEL = """
import os, sys, django
os.environ["DJANGO_SETTINGS_MODULE"] = "backtest_site.settings"
django.setup()
from strategies import actions
from strategies.models import BacktestSession
session = BacktestSession.objects.get(session_id=sys.argv[1])
try:
    actions.cancel_session(session)
except actions.StepRefused:
    pass
"""
_WEB = ["-m", "uvicorn", "backtest_site.asgi:application", "--loop", "uvloop", "--http", "httptools"]
_WEB += ["--lifespan", "off", "--timeout-graceful-shutdown", "1", "--log-level", "warning"]
#: Within which the sample day is over on a slow and busy machine.
_DAY_SECONDS = 180


class WebServer:
    """A web server on a port of its own that it comes back to."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, whether it serves or not."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Serve, and return once it answers."""
        command = [*_WEB, "--port", str(self._port)]
        self._process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _DAY_SECONDS
        while True:
            with suppress(httpx.TransportError):
                httpx.get(f"{self.url}/healthz", timeout=30)
                return
            assert self._process.poll() is None, "the web server has ended"
            assert time.monotonic() < deadline, "the web server does not answer"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a crash would: nobody is told."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSite:
    """A site that serves and works."""

    url: str
    #: A session of the whole sample day that has completed.
    finished_id: str
    password: str
    environment: dict[str, str]

    @property
    def finished(self) -> str:
        """Path of the finished session's page."""
        return f"/sessions/{self.finished_id}/"

    def read(self, path: str) -> Any:  # noqa: ANN401 - whatever the document holds
        """Read a JSON document."""
        answer = httpx.get(f"{self.url}{path}", timeout=60)
        answer.raise_for_status()
        return answer.json()

    def read_of_finished(self, path: str) -> Any:  # noqa: ANN401 - whatever the document holds
        """Read a JSON document of the finished session: "state/?tick=7"."""
        return self.read(f"/api/sessions/{self.finished_id}/{path}")

    def run_two_that_part(self) -> tuple[str, str]:
        """Run two strategies of a small market that decide alike up to its 102nd tick, and return their sessions."""
        found = _run(self.environment, "-c", _TWO_THAT_PART).split()
        for session_id in found:
            self.await_state(session_id, "completed")
        return found[0], found[1]

    def queue_guarded(self, pace: str) -> str:
        """Queue a run of the sample strategy with stops, targets and trailing stops, and return its id."""
        return _run(self.environment, "-c", _GUARDED, pace).split()[-1]

    def stage(self) -> dict[str, str]:
        """Have a `live` session, a `failed` one and another that has completed (`other`); return their ids."""
        found: dict[str, str] = json.loads(_run(self.environment, "-m", "tests.journeys.staging").splitlines()[-1])
        self.await_state(found["failed"], "failed")
        self.await_state(found["other"], "completed")
        return found

    def await_state(self, session_id: str, state: str) -> None:
        """Wait until a session is in a state."""
        _await_state(self.url, session_id, state)

    def run_one_day_and_three(self) -> tuple[str, str]:
        """Queue a session of the sample day and one of three such days, of a strategy that does little."""
        one, three = _run(self.environment, "-c", _ONE_DAY_AND_THREE).split()
        return one, three

    def cancel(self, session_id: str) -> None:
        """Cancel a session, if it still runs."""
        _run(self.environment, "-c", _CANCEL, session_id)

    def sign_in(self, context: BrowserContext) -> Page:
        """Sign somebody of the staff in, and return the page."""
        page = context.new_page()
        page.goto(f"{self.url}/accounts/login/")
        page.get_by_label("User name").fill("admin")
        page.get_by_label("Password").fill(self.password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("link", name="Admin")).to_be_visible(timeout=30_000)
        return page

    @contextmanager
    def another_server(self) -> Iterator[WebServer]:
        """Start a second web server of the site, which a test may kill, and end it."""
        server = WebServer(self.environment)
        server.start()
        try:
            yield server
        finally:
            server.kill()

    def queue(self, pace: str) -> str:
        """Queue a run of the sample day and return its id."""
        answer = _manage(self.environment, "queue_sample_run", "--pace", pace)
        return answer.split()[-1]


def comparison_of(*session_ids: str) -> str:
    """Return the path of the page that lays sessions beside each other."""
    return f"/sessions/compare/?{'&'.join(f's={session_id}' for session_id in session_ids)}"


@contextmanager
def started(home: Path, postgres_url: str) -> Iterator[RunningSite]:
    """Start a site in a folder of its own and a database of its own, and end both."""
    name = f"site_{os.getpid()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    listener = socket.create_server(("127.0.0.1", 0))
    environment = {
        **os.environ,
        "DATA_DIR": str(home),
        "DATABASE_URL": _address_of(postgres_url, name),
        "PUBLIC_VIEWING": "1",
        "SECRET_KEY": "a key for the tests alone, which sign nothing of worth",
        "PYTHONUNBUFFERED": "1",
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        prepared = _run(environment, "-m", "backtest_site.preparation", "--pace", "max")
        session_id = json.loads(prepared.splitlines()[-1])["page"].split("/")[2]
        web = [*_WEB, "--fd", str(listener.fileno())]
        for command in (web, ["manage.py", "run_worker"]):
            processes.append(  # noqa: PERF401 - what was started before a failure is ended as well
                subprocess.Popen(
                    [sys.executable, *command],
                    cwd=ROOT,
                    env=environment,
                    pass_fds=[listener.fileno()],
                    stdin=subprocess.DEVNULL,
                )
            )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        _await_state(url, session_id, "completed")
        password = (home / "admin-password.txt").read_text().strip()
        yield RunningSite(url=url, finished_id=session_id, password=password, environment=environment)
    finally:
        for process in processes:
            # Nothing of it is used again, so nobody waits for an orderly end.
            process.kill()
            process.wait(timeout=15)
        listener.close()
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _address_of(postgres_url: str, database: str) -> str:
    head, _, query = postgres_url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{database}" + (f"?{query}" if query else "")


def _await_state(url: str, session_id: str, wanted: str) -> None:
    deadline = time.monotonic() + _DAY_SECONDS
    state = "not served yet"
    while state != wanted:
        assert time.monotonic() < deadline, f"session {session_id} is {state}, not {wanted}"
        try:
            state = httpx.get(f"{url}/api/sessions/{session_id}/", timeout=30).json()["state"]
        except httpx.TransportError:
            state = "not served yet"
        time.sleep(0.1)


def _manage(environment: dict[str, str], *arguments: str) -> str:
    return _run(environment, "manage.py", *arguments)


def _run(environment: dict[str, str], *arguments: str) -> str:
    outcome = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout
