"""More web processes on the same Postgres, with nothing else between: the way to scale that the manual names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from strategies.models import BacktestSession
from streaming.protocol.frames import FrameParser
from tests import sessions, viewers
from tests.clients.web_server import WebServer
from tests.streaming.proxied_site import Watching

pytestmark = pytest.mark.slow

LAST = 312


@pytest.fixture
def webs(session: BacktestSession, database_address: str) -> Iterator[list[WebServer]]:
    """Run two web processes on one database."""
    webs = [WebServer(database_address=database_address) for _ in range(2)]
    try:
        for web in webs:
            web.start()
        yield webs
    finally:
        for web in webs:
            web.kill()


def test_viewers_of_two_web_processes_see_the_same_run_and_may_change_over(
    webs: list[WebServer], session: BacktestSession, start_worker_process: Callable[..., object]
) -> None:
    """S8, S9: from before the first event, and with a cursor from the other process."""
    events = sessions.events_of(session)
    with ThreadPoolExecutor(8) as pool:
        stock = [pool.submit(_listen, web.url, session.session_id) for web in webs]
        watching = [Watching(pool, web.url, session).opened() for web in webs for _ in range(2)]
        changing = Watching(pool, webs[0].url, session, until=lambda seen: len(seen.frames) >= 40).opened()

        start_worker_process()

        before = changing.seen.result(60)
        after = viewers.read(webs[1].url, session.session_id, cursor=before.ids[-1])
        seen = [one.seen.result(60) for one in watching]
        heard = [one.result(60) for one in stock]

    assert seen[0].ids == list(range(LAST + 1))
    assert all(one.frames == seen[0].frames and one.was_ended for one in seen)
    assert viewers.state_of([*before.frames, *after.frames]) == viewers.state_after(events)
    assert heard == [list(range(LAST + 1))] * 2


def _listen(base: str, session_id: str) -> list[int]:
    """Listen at django-eventstream's endpoint from the first event to the last; return the events' ids."""
    headers = {"Last-Event-ID": f"{session_id}:-1"}
    ids: list[int] = []
    with (
        httpx.Client(timeout=60) as client,
        client.stream("GET", f"{base}/events/{session_id}/", headers=headers) as response,
    ):
        parser = FrameParser()
        for chunk in response.iter_raw():
            for frame in parser.feed(chunk):
                if frame.last_event_id:
                    ids.append(int(frame.last_event_id.rpartition(":")[2]))
                if frame.event == "backtest_complete":
                    return ids
    return ids
