"""A web process with Pushpin before it, and viewers in threads of their own."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings

from strategies.models import BacktestSession
from tests import pushpin, viewers
from tests.clients.web_server import WebServer
from tests.viewers import Seen


@dataclass(frozen=True, slots=True)
class Site:
    """A web process with Pushpin before it."""

    #: Through the proxy.
    url: str
    #: Past it.
    direct_url: str
    #: Where is published, as GRIP_URL has it.
    control_url: str
    web: WebServer
    proxy: pushpin.Pushpin

    def wait_until_asked(self, session: BacktestSession) -> None:
        """
        Wait until the proxy has followed the link of the first viewer that it holds for a session.

        It does so after a second, for what may have been published before it was ready to hear it.
        """
        deadline = time.monotonic() + 20
        while not self._has_answered(session):
            assert time.monotonic() < deadline, "the proxy did not follow the link"
            time.sleep(0.02)

    def _has_answered(self, session: BacktestSession) -> bool:
        log = self.proxy.log.read_text()
        asked = re.search(rf" IN id=(\S+), GET \S+/{session.session_id}/stream\?link=", log)
        return asked is not None and f"OUT id={asked[1]} code=200" in log


@contextmanager
def started(*, database_address: str, **variables: str) -> Iterator[Site]:
    """Run the site; with further environment variables for its web process."""
    web = WebServer(database_address=database_address)
    with pushpin.started(origin_port=web.port) as proxy:
        web.start(
            GRIP_URL=proxy.control_url,
            GRIP_VERIFY_KEY=pushpin.VERIFY_KEY,
            SECRET_KEY=settings.SECRET_KEY,
            **variables,
        )
        try:
            yield Site(proxy.url, web.url, proxy.control_url, web, proxy)
        finally:
            web.kill()


class Watching:
    """A viewer in a thread of its own."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        base: str,
        session: BacktestSession,
        *,
        cursor: str | int | None = None,
        query: str = "",
        cookies: Mapping[str, str] | None = None,
        until: Callable[[Seen], bool] = lambda _seen: False,
        within_seconds: float = 30,
    ) -> None:
        self._is_open = threading.Event()

        def look(seen: Seen) -> bool:
            self._is_open.set()
            return until(seen)

        def read() -> Seen:
            return viewers.read(
                base,
                session.session_id,
                cursor=cursor,
                query=query,
                cookies=cookies,
                until=look,
                within_seconds=within_seconds,
            )

        self.seen: Future[Seen] = pool.submit(read)

    def opened(self) -> Watching:
        """Wait for the first bytes."""
        assert self._is_open.wait(20), self.seen.exception() if self.seen.done() else "the stream did not open"
        return self
