"""What the examples' tests share: the examples, running."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.examples.example_server import Server


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Return a function that starts an application; it ends with the test."""
    started: list[Server] = []

    def start(application: str = "tests.examples.small_app:app") -> Server:
        started.append(Server(application, tmp_path / f"said-{len(started)}.txt"))
        return started[-1]

    yield start
    for server in started:
        server.stop()
