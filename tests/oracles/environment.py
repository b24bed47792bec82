"""
Environments for the packages that tests compare with, apart from the project's own.

    python = environment.python_of("backtesting==0.6.6")
    answer = environment.ask(python, Path("tests/oracles/goog_sma_cross.py"))

An environment is made on first use from PyPI and kept under ``var/oracles`` (ORACLES_DIR moves it), one for each
set of requirements and each Python. A script is run there as a program of its own, outside the project's path; what
it prints is JSON. So nothing of an oracle, whatever its licence, becomes part of the product or of its dependencies.
"""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_READY = "ready"
_INSTALL_SECONDS = 900


class OracleUnavailable(Exception):
    """An environment could not be made, or a script in it failed; the message holds the end of its output."""


def python_of(*requirements: str) -> Path:
    """
    Return the Python of an environment that has these packages, making it where there is none.

    Args:
        requirements: What pip installs, every version exact: "backtesting==0.6.6". Their order does not matter.

    Raises:
        OracleUnavailable: If pip cannot install them.
    """
    if loose := [requirement for requirement in requirements if "==" not in requirement]:
        raise ValueError(f"an oracle's versions are exact, or it answers differently one day: {', '.join(loose)}")
    home = _folder() / _name(requirements)
    with _only_one(home):
        if not (home / _READY).exists():
            shutil.rmtree(home, ignore_errors=True)
            _make(home, requirements)
            (home / _READY).write_text("\n".join(sorted(requirements)) + "\n")
    return home / "bin" / "python"


def ask(python: Path, script: Path, *arguments: str, given: object = None, timeout_seconds: float = 300) -> Any:  # noqa: ANN401 - JSON
    """
    Run a script in an environment and return what it printed, read as JSON.

    Args:
        python: What ``python_of`` returned.
        script: A program that imports nothing of the project.
        arguments: Its command line.
        given: Handed to its standard input as JSON.
        timeout_seconds: After this it is ended.

    Raises:
        OracleUnavailable: If it fails, prints no JSON or takes too long.
    """
    output = _run(
        [str(python), "-I", "-B", str(script), *arguments], given=json.dumps(given), timeout_seconds=timeout_seconds
    )
    try:
        return json.loads(output)
    except ValueError as error:
        raise OracleUnavailable(f"{script.name} printed no JSON: {output[-500:]!r}") from error


def _folder() -> Path:
    return Path(os.environ.get("ORACLES_DIR") or ROOT / "var" / "oracles")


def _name(requirements: tuple[str, ...]) -> str:
    """Name an environment so that a person sees what it is for and two never share a folder."""
    first = min(requirements).partition("==")[0]
    identity = "\n".join([platform.python_version(), platform.machine(), *sorted(requirements)])
    return f"{first}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Let one process at a time make an environment: tests may run side by side."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(home: Path, requirements: tuple[str, ...]) -> None:
    _run([sys.executable, "-m", "venv", str(home)], timeout_seconds=_INSTALL_SECONDS)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    _run([str(home / "bin" / "python"), *install], timeout_seconds=_INSTALL_SECONDS)


def _run(command: list[str], *, timeout_seconds: float, given: str = "") -> str:
    try:
        finished = subprocess.run(
            command,
            input=given,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OracleUnavailable(f"{' '.join(command)} took longer than {timeout_seconds:g} s") from error
    if finished.returncode:
        raise OracleUnavailable(
            f"{' '.join(command)} failed with {finished.returncode}; an oracle needs PyPI on its first use.\n"
            f"{finished.stderr[-4000:]}"
        )
    return finished.stdout
