"""
A React page follows a live session in real Chromium, with a real worker and a real web server.

The published hook comes from the package as it would be published, and meets a server that is killed (S8, S9). The hook
of the stream's design runs as it was written, on the browser's own EventSource.
"""

import mimetypes
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Response, Route

from strategies.models import BacktestSession
from streaming import event_log
from streaming.protocol import fold
from streaming.protocol.frames import FrameParser
from tests import sessions, viewers
from tests.clients.node_tools import NodeTools
from tests.clients.web_server import WebServer

pytestmark = pytest.mark.browser

_SOURCES = Path(__file__).parent / "react_page"
_PLACE = "/react-page/"
#: Market seconds a second: the 300 of the session last long enough for a server to come back.
_PACE = 40.0
_END_MS = 40_000


@pytest.fixture(scope="session")
def react_page(node_tools: NodeTools, published_client: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the built page, which imports the client from its package."""
    program = published_client / "react_page"
    shutil.copytree(_SOURCES, program)
    node_tools.program("tsc", "-p", ".", cwd=program)
    built = tmp_path_factory.mktemp("react-page")
    node_tools.program("vite", "build", ".", f"--base={_PLACE}", f"--outDir={built}", "--emptyOutDir", cwd=program)
    return built


@pytest.fixture
def session(transactional_db: None, data_folder: Path) -> BacktestSession:
    """Return a queued session of five minutes and two trades, slow enough to be watched."""
    return sessions.create_session(pace=_PACE)


@pytest.fixture
def web_server(database_address: str, session: BacktestSession) -> Iterator[WebServer]:
    """Yield the running site."""
    server = WebServer(database_address=database_address)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def open_page(page: Page, react_page: Path, web_server: WebServer) -> Callable[..., Page]:
    """Return a function that opens the page at the site's own address, with the hook that is named."""

    def serve(route: Route) -> None:
        name = route.request.url.partition(_PLACE)[2].partition("?")[0] or "index.html"
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        route.fulfill(body=(react_page / name).read_bytes(), content_type=kind)

    def open_at(session: BacktestSession, *, hook: str) -> Page:
        page.route(f"{web_server.url}{_PLACE}**", serve)
        page.goto(f"{web_server.url}{_PLACE}?hook={hook}&session={session.session_id}")
        return page

    return open_at


def test_the_hook_follows_a_session_through_a_restart_of_the_server(
    session: BacktestSession,
    web_server: WebServer,
    open_page: Callable[..., Page],
    run_worker_process: "subprocess.Popen[str]",
) -> None:
    """S8 and S9, in a page whose server is killed in the middle of the session. Requirement 32 of the monitor."""
    answers: list[Response] = []
    page = open_page(session, hook="published")
    page.on("response", lambda answer: answers.append(answer) if answer.url.endswith("/stream") else None)
    page.wait_for_function("watched.newest.trades?.trades.length === 1", timeout=_END_MS)

    web_server.kill()
    page.wait_for_function("watched.newest.status === 'waiting'", timeout=_END_MS)
    cut_at = page.evaluate("watched.newest.lastEventId")
    web_server.start()
    page.wait_for_function("watched.newest.status === 'ended'", timeout=_END_MS)

    seen = page.evaluate("watched")
    view, final = seen["newest"], _final_state(session)
    assert view["diagnostics"] == final.diagnostics
    assert view["trades"] == final.trades
    assert view["lastEventId"] == final.event_id
    assert view["currentTick"] == final.diagnostics["current_state"]
    assert view["completion"] == {"status": "completed", "total_ticks": sessions.SECONDS, "error": None}
    assert len(view["trades"]["trades"]) == len(sessions.LEGS)
    # It went on in the middle, told so, and never went back.
    assert 0 < cut_at < final.event_id
    assert "waiting" in seen["statuses"]
    assert seen["lastEventIds"] == sorted(seen["lastEventIds"])
    assert answers[-1].request.headers["last-event-id"] == str(cut_at)


def test_the_hook_of_the_design_runs_as_it_was_written(
    session: BacktestSession,
    open_page: Callable[..., Page],
    run_worker_process: "subprocess.Popen[str]",
) -> None:
    """Its first cursor is 0: with a session a hundred events further it is given a snapshot (S6)."""
    statuses: list[int] = []
    _wait_for_event(session, 110)
    page = open_page(session, hook="design")
    page.on("response", lambda answer: statuses.append(answer.status) if "/stream?" in answer.url else None)

    final = _wait_for_end(session)
    page.wait_for_function(f"watched.newest.lastEventId === {final.event_id - 1}", timeout=_END_MS)
    # It does not listen for backtest_complete; its EventSource comes back and is told that there is nothing more (S11).
    _wait_until(page, lambda: statuses[-1:] == [204])

    seen = page.evaluate("watched")
    view = seen["newest"]
    assert view["trades"] == final.trades
    assert view["currentTick"] == final.diagnostics["current_state"]
    history = view["diagnostics"]["events_history"]
    assert {key: _without_envelope(event) for key, event in history.items()} == final.diagnostics["events_history"]
    assert seen["lastEventIds"] == sorted(seen["lastEventIds"])


def _final_state(session: BacktestSession) -> fold.ViewerState:
    """Fold the session's last event, which holds the state of S4, from the log."""
    head = event_log.read_state(session.pk).head
    assert head is not None
    frames = FrameParser().feed(
        b"".join(frame for _, frame in event_log.read_frames(session.pk, after=head - 1, limit=1))
    )
    assert [frame.event for frame in frames] == ["backtest_complete"]
    return viewers.state_of(frames)


def _wait_for_event(session: BacktestSession, event_id: int) -> None:
    deadline = time.monotonic() + _END_MS / 1000
    while (event_log.read_state(session.pk).head or 0) < event_id:
        assert time.monotonic() < deadline, f"event {event_id} did not come"
        time.sleep(0.05)


def _wait_for_end(session: BacktestSession) -> fold.ViewerState:
    deadline = time.monotonic() + _END_MS / 1000
    while not event_log.read_state(session.pk).is_finished:
        assert time.monotonic() < deadline, "the session did not end"
        time.sleep(0.05)
    return _final_state(session)


def _wait_until(page: Page, is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _END_MS / 1000
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen"
        page.wait_for_timeout(20)


def _without_envelope(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in ("event_id", "session_id")}
