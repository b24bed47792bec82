"""What the tests of faults share: web processes, and a Postgres that may be harmed."""

import contextlib
from collections.abc import Callable, Iterator

import pytest
from django.core.management import call_command
from django.db import connections
from pytest_django.plugin import DjangoDbBlocker

from backtest_site import database_url
from tests.clients.web_server import WebServer
from tests.streaming.faults import own_postgres
from tests.streaming.faults.own_postgres import OwnPostgres


@pytest.fixture
def start_web() -> Iterator[Callable[[str], WebServer]]:
    """Yield a function that starts a web process on a database; all it started end with the test."""
    started: list[WebServer] = []

    def start(address: str) -> WebServer:
        started.append(WebServer(database_address=address))
        started[-1].start()
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture(scope="module")
def _server_of_module(django_db_blocker: DjangoDbBlocker) -> Iterator[OwnPostgres]:
    with own_postgres.running() as server:
        with django_db_blocker.unblock(), _connected_to(server):
            call_command("migrate", verbosity=0)
        yield server


@pytest.fixture
def postgres(_server_of_module: OwnPostgres, django_db_blocker: DjangoDbBlocker) -> Iterator[OwnPostgres]:
    """Yield a server that is this module's alone; Django in this process uses it while the test runs."""
    with django_db_blocker.unblock(), _connected_to(_server_of_module):
        yield _server_of_module
        _server_of_module.start()
        call_command("flush", interactive=False, verbosity=0)


@contextlib.contextmanager
def _connected_to(server: OwnPostgres) -> Iterator[None]:
    ours = connections["default"].settings_dict
    before = dict(ours)
    connections["default"].close()
    ours.update({**database_url.parse(server.address).as_django(), "TEST": before["TEST"]})
    try:
        yield
    finally:
        connections["default"].close()
        ours.clear()
        ours.update(before)
