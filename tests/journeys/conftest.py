"""What the browser tests share: a watch on what a page asks for and complains of, and sessions to look at."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from tests.journeys import running_site
from tests.journeys.cuttable_line import CuttableLine
from tests.journeys.running_site import RunningSite


@dataclass
class Complaints:
    """Everything that a page did which no page of ours may do."""

    #: Errors and warnings of the console; a breach of the Content-Security-Policy is one of them.
    console: list[str] = field(default_factory=list)
    #: Errors that nobody caught.
    uncaught: list[str] = field(default_factory=list)
    #: Requests to any server but the test's.
    outside: list[str] = field(default_factory=list)

    def watch(self, page: Page, *, server: str) -> None:
        """Note what the page does from now on."""
        own_host = urlsplit(server).netloc

        def note_console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                self.console.append(message.text)

        def note_request(request: Request) -> None:
            address = urlsplit(request.url)
            if address.scheme != "data" and address.netloc != own_host:
                self.outside.append(request.url)

        page.on("console", note_console)
        page.on("pageerror", lambda error: self.uncaught.append(str(error)))
        page.on("request", note_request)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[RunningSite]:
    """Yield a site with a finished session of the sample day, the same one for all tests that only look."""
    script = django_settings.FRONTEND_DIST / "monitor" / "session.js"
    assert script.is_file(), f"{script} is missing: run ./test, or `npm ci && npm run build` in frontend/"
    with running_site.started(tmp_path_factory.mktemp("site"), postgres_url) as site:
        yield site


@pytest.fixture(scope="session")
def pair(site: RunningSite) -> tuple[str, str]:
    """Return two finished sessions of the shared site, of a small market, that decide alike up to its 102nd tick."""
    return site.run_two_that_part()


@pytest.fixture(scope="module")
def running_id(site: RunningSite) -> Iterator[str]:
    """Yield a session that runs while a file's tests look at it, and cancel it in the end."""
    session_id = site.queue("20")
    yield session_id
    site.cancel(session_id)


@pytest.fixture
def live_id(site: RunningSite) -> Iterator[str]:
    """Yield a session that runs for as long as a test may last, and cancel it in the end."""
    session_id = site.queue("20")
    yield session_id
    site.cancel(session_id)


@pytest.fixture
def site_line(site: RunningSite) -> Iterator[CuttableLine]:
    """Yield a line to the shared site that the test can cut or stall."""
    line = CuttableLine(site.url)
    yield line
    line.close()


@pytest.fixture
def desk(context: BrowserContext, site: RunningSite) -> Iterator[Page]:
    """Yield a page on the shared site that has done nothing no page may do, also when the test is over."""
    found = Complaints()
    context.on("page", lambda page: found.watch(page, server=site.url))
    yield context.new_page()
    assert found == Complaints()


@pytest.fixture(scope="session", autouse=True)
def database_beside_playwright() -> None:
    """Let the database be used beside Playwright, whose sync API keeps an event loop in the tests' own thread."""
    # Until the end: the loop outlives the last browser test.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture
def complaints(context: BrowserContext, asgi_server: str) -> Complaints:
    """Return the complaints of every page that the test opens in its context."""
    found = Complaints()
    context.on("page", lambda page: found.watch(page, server=asgi_server))
    return found


@pytest.fixture
def watched_page(complaints: Complaints, context: BrowserContext) -> Iterator[Page]:
    """Yield a page whose complaints are noted. The frontend must be built: `npm run build` in frontend/."""
    script = django_settings.FRONTEND_DIST / "monitor" / "session.js"
    assert script.is_file(), f"{script} is missing: run ./test, or `npm ci && npm run build` in frontend/"
    yield context.new_page()
    # Before the server in this process stops: a stream that is cut by its end keeps its place here.
    for page in context.pages:
        page.close()


@pytest.fixture
def queue_sample_run(transactional_db: None, settings: Settings) -> Callable[..., BacktestSession]:
    """Return a function that queues a run of the sample, for anyone to look at."""
    settings.PUBLIC_VIEWING = True
    call_command("load_sample", verbosity=0)

    def queue(*, pace: str) -> BacktestSession:
        call_command("queue_sample_run", "--pace", pace)
        return BacktestSession.objects.latest("pk")

    return queue


@pytest.fixture
def read_api(asgi_server: str) -> Callable[[str], Any]:
    """Return a function that reads a JSON document of the test's server."""

    def read(path: str) -> Any:  # noqa: ANN401 - whatever the document holds
        answer = httpx.get(f"{asgi_server}{path}", timeout=30)
        answer.raise_for_status()
        return answer.json()

    return read


@pytest.fixture
def line(asgi_server: str) -> Iterator[CuttableLine]:
    """Yield a line to the server that the test can cut."""
    line = CuttableLine(asgi_server)
    yield line
    line.close()
