"""
Other people's clients read our stream, and read the same: npm eventsource and eventsource-parser, httpx-sse,
sseclient-py, curl, and Chromium's own EventSource.

Each watches a session from its queue to its end, live, and resumes a finished one from the middle.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import httpx
import httpx_sse
import pytest
import sseclient
import urllib3
from playwright.sync_api import Page

from strategies.models import BacktestSession
from streaming import event_log
from streaming.protocol.frames import FrameParser
from tests import sessions
from tests.clients.node_tools import CLIENT, NodeTools

_SECONDS = 60.0


class Message(NamedTuple):
    """What every client tells of an event."""

    event: str
    data: str
    id: str


@dataclass(frozen=True, slots=True)
class Watch:
    """What a client is to read."""

    url: str
    #: None to read from the beginning.
    cursor: int | None
    #: To be set when the stream is open.
    is_open: threading.Event
    node_tools: NodeTools


Reader = Callable[[Watch], list[Message]]


def _npm_eventsource(watch: Watch) -> list[Message]:
    # It takes no headers, as a browser does not.
    query = "" if watch.cursor is None else f"?last_event_id={watch.cursor}"
    return _node_script(watch, "eventsource.mjs", f"{watch.url}{query}")


def _npm_eventsource_parser(watch: Watch) -> list[Message]:
    cursor = [] if watch.cursor is None else [str(watch.cursor)]
    return _node_script(watch, "eventsource_parser.mjs", watch.url, *cursor)


def _node_script(watch: Watch, name: str, *words: str) -> list[Message]:
    with watch.node_tools.start_script(f"tests/foreign/{name}", *words, cwd=CLIENT) as script:
        assert script.stdout is not None
        assert script.stderr is not None
        found = []
        for line in script.stdout:
            watch.is_open.set()
            if (message := json.loads(line)) is not None:
                found.append(Message(*message))
        assert script.wait(timeout=_SECONDS) == 0, script.stderr.read()
    return found


def _httpx_sse(watch: Watch) -> list[Message]:
    with (
        httpx.Client(timeout=_SECONDS, trust_env=False) as client,
        httpx_sse.connect_sse(client, "GET", watch.url, headers=_headers(watch)) as source,
    ):
        assert source.response.headers["Content-Encoding"] == "gzip"
        watch.is_open.set()
        # Beside what the standard calls an event it also tells of a block that only sets the retry time.
        return [Message(each.event, each.data, each.id) for each in source.iter_sse() if each.retry is None]


def _sseclient_py(watch: Watch) -> list[Message]:
    with urllib3.PoolManager() as pool:
        response = pool.request("GET", watch.url, headers=_headers(watch), preload_content=False, timeout=_SECONDS)
        watch.is_open.set()
        return [Message(each.event, each.data, each.id or "") for each in sseclient.SSEClient(response).events()]


def _curl(watch: Watch) -> list[Message]:
    return _of_curl(watch)


def _curl_compressed(watch: Watch) -> list[Message]:
    return _of_curl(watch, "--compressed")


def _of_curl(watch: Watch, *options: str) -> list[Message]:
    curl = shutil.which("curl")
    assert curl is not None, "There is no curl on this machine: install it, it is one of the clients that are tested."
    headers = [word for name, value in _headers(watch).items() for word in ("--header", f"{name}: {value}")]
    command = [
        curl,
        "--no-buffer",
        "--silent",
        "--show-error",
        "--fail",
        "--noproxy",
        "*",
        *options,
        *headers,
        watch.url,
    ]
    parser, found = FrameParser(), []
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while piece := process.stdout.read1(65_536):  # type: ignore[attr-defined]  # a pipe of bytes is buffered
            watch.is_open.set()
            found += [Message(*frame) for frame in parser.feed(piece)]
    assert process.returncode == 0
    return found


def _headers(watch: Watch) -> Mapping[str, str]:
    return {} if watch.cursor is None else {"Last-Event-ID": str(watch.cursor)}


READERS: Mapping[str, Reader] = {
    "npm eventsource": _npm_eventsource,
    "npm eventsource-parser": _npm_eventsource_parser,
    "httpx-sse": _httpx_sse,
    "sseclient-py": _sseclient_py,
    "curl": _curl,
    "curl --compressed": _curl_compressed,
}


@pytest.fixture
def watch(asgi_server: str, session: BacktestSession, node_tools: NodeTools) -> Callable[[int | None], Watch]:
    """Return a function that says what to read, from which cursor on."""

    def build(cursor: int | None) -> Watch:
        url = f"{asgi_server}/api/backtest/{session.session_id}/stream"
        return Watch(url, cursor, threading.Event(), node_tools)

    return build


@pytest.mark.slow
def test_every_client_sees_a_live_session_whole_and_the_same(
    session: BacktestSession, watch: Callable[[int | None], Watch]
) -> None:
    """S5, S8, S11, S18: from event 0 to the end, each event once, as gzip and as it is."""
    watches = {name: watch(None) for name in READERS}
    with ThreadPoolExecutor(len(READERS)) as pool:
        reading = {name: pool.submit(read, watches[name]) for name, read in READERS.items()}
        for name, each in watches.items():
            assert each.is_open.wait(_SECONDS), f"{name} did not open the stream"

        sessions.run_here(session)

        seen = {name: reader.result(timeout=_SECONDS) for name, reader in reading.items()}

    logged = _logged(session)
    assert logged[0].event == "initial_state"
    assert logged[-1].event == "backtest_complete"
    assert {message.event for message in logged} >= {"tick_update", "node_event", "trade_update"}
    assert [name for name, messages in seen.items() if messages != logged] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_every_client_resumes(session: BacktestSession, watch: Callable[[int | None], Watch], name: str) -> None:
    """S6: exactly what it missed."""
    sessions.run_here(session)
    logged = _logged(session)

    seen = READERS[name](watch(int(logged[-1].id) - 50))

    assert seen == logged[-50:]


@pytest.mark.browser
def test_chromiums_own_eventsource_sees_the_same(page: Page, asgi_server: str, session: BacktestSession) -> None:
    """S8, S11, S15: it comes back once by itself, is told that there is nothing more, and stays away."""
    statuses: list[int] = []
    page.goto(f"{asgi_server}/healthz")
    page.on("response", lambda answer: statuses.append(answer.status) if answer.url.endswith("/stream") else None)
    page.evaluate(
        """(url) => {
          globalThis.seen = []
          globalThis.source = new EventSource(url)
          for (const kind of ['initial_state', 'tick_update', 'node_event', 'trade_update', 'backtest_complete'])
            source.addEventListener(kind, (message) => seen.push([message.type, message.data, message.lastEventId]))
        }""",
        f"/api/backtest/{session.session_id}/stream",
    )
    _wait_for_state(page, "OPEN")

    sessions.run_here(session)

    _wait_for_state(page, "CLOSED")
    logged = _logged(session)
    assert [Message(*message) for message in page.evaluate("seen")] == logged
    assert statuses == [200, 204]


def _wait_for_state(page: Page, state: str) -> None:
    # Not with wait_for_function: it evaluates text inside the page, which our content policy forbids.
    deadline = time.monotonic() + _SECONDS
    while not page.evaluate(f"source.readyState === EventSource.{state}"):
        assert time.monotonic() < deadline, f"the EventSource was not {state} after {_SECONDS:g} s"
        page.wait_for_timeout(20)


def _logged(session: BacktestSession) -> list[Message]:
    """Read the whole log."""
    return [Message(*frame) for frame in FrameParser().feed(b"".join(_frames(session)))]


def _frames(session: BacktestSession) -> Iterator[bytes]:
    after = -1
    while read := event_log.read_frames(session.pk, after=after, limit=256):
        yield from (frame for _, frame in read)
        after = read[-1][0]
