"""What the tests of streaming share."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from streaming.sse_event_emitter import SSEEvent
from tests import pushpin, sessions
from tests.streaming import proxied_site
from tests.streaming.proxied_site import Site


@pytest.fixture
def events(session: BacktestSession) -> list[SSEEvent]:
    """Return all 313 events of the session; its log is empty yet."""
    return sessions.events_of(session)


@pytest.fixture
def running(session: BacktestSession, events: list[SSEEvent]) -> BacktestSession:
    """Return the session, running, its head at `sessions.HEAD`."""
    sessions.publish(session, events[: sessions.HEAD + 1])
    return session


@pytest.fixture(scope="module")
def _site_of_module() -> Iterator[list[Site | ExitStack]]:
    """Keep what the first test of a module starts until its last one."""
    with ExitStack() as running:
        yield [running]


@pytest.fixture
def site(
    transactional_db: None,
    pushpin_programs: None,
    database_address: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    _site_of_module: list[Site | ExitStack],
) -> Site:
    """Return a web process with Pushpin before it; this process publishes to it, and so do those that a test starts."""
    running, *started = _site_of_module
    assert isinstance(running, ExitStack)
    if not started:
        started = [running.enter_context(proxied_site.started(database_address=database_address))]
        _site_of_module += started
    (site,) = started
    assert isinstance(site, Site)
    settings.GRIP_URL = site.control_url
    monkeypatch.setenv("GRIP_URL", site.control_url)
    monkeypatch.setenv("GRIP_VERIFY_KEY", pushpin.VERIFY_KEY)
    return site
