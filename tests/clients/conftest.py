"""What the clients' tests share: Node with the TypeScript client's packages, and that client from its own package."""

import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backtest_site import frontend_build
from tests.clients.node_tools import CLIENT, NodeTools, alone

#: What a program that uses the client brings along itself.
_OF_THE_PROGRAM = ("react", "react-dom", "scheduler", "pako", "@types")


@pytest.fixture(scope="session", autouse=True)
def database_beside_playwright() -> None:
    """Let the database be used beside Playwright, whose sync API keeps an event loop in the tests' own thread."""
    # Until the end: the loop outlives the last browser test.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def node_tools() -> Iterator[NodeTools]:
    """Yield Node with everything installed that the TypeScript client is built and tested with."""
    with frontend_build.node() as found:
        tools = NodeTools(found)
        tools.install()
        yield tools


@pytest.fixture(scope="session")
def published_client(node_tools: NodeTools, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the client is installed from its package, beside what a React program has itself."""
    folder = tmp_path_factory.mktemp("program")
    with alone():
        packed = json.loads(node_tools.npm("pack", "--json", "--pack-destination", str(folder), cwd=CLIENT))
    modules = folder / "node_modules"
    with tarfile.open(folder / packed[0]["filename"]) as package:
        package.extractall(modules, filter="data")
    (modules / "package").rename(modules / "backtest-stream")
    for name in _OF_THE_PROGRAM:
        (modules / name).symlink_to(CLIENT / "node_modules" / name)
    return folder
