"""
The site as ./run starts it, seen in a browser.

The test is named after the requirement of the monitor that it proves.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backtest_site import frontend_build, run_record
from tests.journeys.conftest import Complaints
from tests.journeys.looking import PATIENCE
from tests.journeys.running_site import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_NODE = frozenset({"node", "npm", "npx", "corepack", "nodejs"})
#: Where nobody listens.
_NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def data_folder_of_run() -> Iterator[Path]:
    """Yield a folder for a run's data; whatever still runs on it is stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="run-", dir="/tmp"))
    # So that root's database, which runs as another account, can live in it.
    folder.chmod(0o755)
    yield folder / "var"
    if (folder / "var").is_dir():
        run_record.stop_everything(folder / "var")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def programs_without_node(tmp_path: Path) -> Path:
    """Return a folder with every program of this machine but Node's."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        for program in Path(place).iterdir() if Path(place).is_dir() else ():
            link = folder / program.name
            if program.name not in _NODE and not link.is_symlink():
                link.symlink_to(program)
    return folder


def test_requirement_01_one_command_shows_a_run_without_node_and_network(
    page: Page, data_folder_of_run: Path, programs_without_node: Path
) -> None:
    # What the first start fetches and builds is there, as after a first start; from here on nothing can be fetched.
    frontend_build.ensure_built(ROOT)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "DATA_DIR")}
    environment |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NOWHERE)
    environment |= {"PIP_INDEX_URL": _NOWHERE, "npm_config_registry": _NOWHERE, "PATH": str(programs_without_node)}
    assert shutil.which("node", path=environment["PATH"]) is None

    process = subprocess.Popen(
        [str(ROOT / "run"), "--port", port, "--data", str(data_folder_of_run), "--pace", "100"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        printed = ""
        while "Ctrl-C" not in printed:
            line = process.stdout.readline()
            assert line, f"./run ended: {printed}"
            printed += line
        address = re.search(r"http://\S+/sessions/\S+", printed)
        assert address is not None, printed
        found = Complaints()
        found.watch(page, server=address[0])

        page.goto(address[0])

        expect(page.locator("#status-word")).to_have_text("Live", timeout=PATIENCE)
        page.wait_for_function("() => backtest.tick() > 100", timeout=PATIENCE)
        assert found == Complaints()
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=40)
    assert process.returncode == 0
