"""The TypeScript client as a package: it passes its own checks, and whoever installs it can use it."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.clients.node_tools import CLIENT, NodeTools

pytestmark = pytest.mark.slow

_PROGRAM = """
import { fold, EMPTY_STATE, SessionStore, streamUrl, type SessionView } from 'backtest-stream'
import { useBacktestSSE, type BacktestSSEOptions } from 'backtest-stream/react'

const options: BacktestSSEOptions = { baseUrl: 'http://127.0.0.1' }
const view: SessionView = useBacktestSSE('mine', options)
const pnl: string | undefined = view.currentTick?.pnl_summary.total_pnl
// @ts-expect-error: a view is never changed.
view.lastEventId = 1
export { fold, EMPTY_STATE, SessionStore, streamUrl, pnl }
"""


def test_its_types_are_right(node_tools: NodeTools) -> None:
    node_tools.npm("run", "typecheck", cwd=CLIENT)


def test_the_hook_keeps_its_promises_in_both_reacts(node_tools: NodeTools, tmp_path: Path) -> None:
    """Requirement 32 of the monitor."""
    report = tmp_path / "report.json"

    node_tools.program("vitest", "run", "--project=react*", "--reporter=json", f"--outputFile={report}", cwd=CLIENT)

    outcome = json.loads(report.read_text())
    assert outcome["numPassedTests"] == outcome["numTotalTests"] >= 2 * 17


def test_it_holds_what_was_built_and_its_sources_and_nothing_else(published_client: Path) -> None:
    sources = {path.relative_to(CLIENT / "src").with_suffix("") for path in (CLIENT / "src").rglob("*.ts")}
    built = {f"dist/{source}{ending}" for source in sources for ending in (".js", ".js.map", ".d.ts")}
    expected = {"package.json", "README.md", "LICENSE", *built, *(f"src/{source}.ts" for source in sources)}

    package = published_client / "node_modules" / "backtest-stream"

    assert {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()} == expected


@pytest.mark.parametrize("module", ["nodenext", "bundler"])
def test_a_program_that_uses_it_has_its_types(node_tools: NodeTools, published_client: Path, module: str) -> None:
    folder = published_client / f"typed-{module}"
    folder.mkdir()
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "program.ts").write_text(_PROGRAM)
    options = ["--noEmit", "--strict", "--target", "es2022", "--types", "react", "--moduleResolution", module]
    options += ["--module", "nodenext" if module == "nodenext" else "esnext"]

    node_tools.program("tsc", *options, "program.ts", cwd=folder)


def test_a_program_without_react_can_follow_a_session(
    node_tools: NodeTools, published_client: Path, tmp_path: Path
) -> None:
    modules = tmp_path / "node_modules"
    modules.mkdir()
    package = published_client / "node_modules" / "backtest-stream"
    (modules / "backtest-stream").symlink_to(package)
    program = tmp_path / "program.mjs"
    program.write_text("import * as names from 'backtest-stream'\nconsole.log(Object.keys(names).sort().join(' '))\n")

    # Links are left as they are: the package is looked for where the program is, and React is not there.
    names = node_tools.script("--preserve-symlinks", str(program), cwd=tmp_path).split()

    assert {"EMPTY_STATE", "FrameParser", "SessionStore", "StreamConnection", "fold", "unpack"} <= set(names)


def test_what_is_no_public_name_cannot_be_imported(node_tools: NodeTools, published_client: Path) -> None:
    program = published_client / "deep.mjs"
    program.write_text("import 'backtest-stream/dist/connection.js'\n")

    outcome = subprocess.run(
        [node_tools.node.folder / "node", program], cwd=published_client, capture_output=True, text=True, check=False
    )

    assert outcome.returncode != 0
    assert "ERR_PACKAGE_PATH_NOT_EXPORTED" in outcome.stderr
