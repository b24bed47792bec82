"""
The project's own site for benchmarks: a Postgres and a web server of its own, started as ``./run`` starts them.

Everything lies in a temporary folder and ends with the context, whatever happens inside.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backtest_site import embedded_postgres
from backtest_site.site_processes import web_command
from benchmarks.harness import ROOT, ContestantFailed

_READY_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What is needed to use it."""

    #: Environment variables for programs that use the same database.
    variables: dict[str, str]
    folder: Path


@contextmanager
def database() -> Iterator[Site]:
    """Start a Postgres with the project's tables and samples."""
    # Not the usual folder for temporary files: a socket's path may have 103 bytes. And not one inside the other: where
    # root runs this the server runs as somebody else, who may not enter the first.
    folder, home = (Path(tempfile.mkdtemp(prefix=f"{name}-", dir="/tmp")) for name in ("bench", "pg"))
    try:
        variables = {"DATA_DIR": str(folder), "DATABASE_URL": embedded_postgres.ensure(home), "PUBLIC_VIEWING": "1"}
        # A line of the log for each viewer would bury what the benchmark says.
        variables |= {"SECRET_KEY": "benchmark" * 6, "DEBUG": "0", "LOG_LEVEL": "WARNING"}
        site = Site(variables=variables, folder=folder)
        for command in (["migrate", "--verbosity", "0"], ["load_sample"]):
            subprocess.run(
                [sys.executable, "manage.py", *command],
                cwd=ROOT,
                env={**os.environ, **variables},
                check=True,
                stdout=subprocess.DEVNULL,
            )
        yield site
    finally:
        embedded_postgres.stop(home)
        for left in (folder, home):
            shutil.rmtree(left, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Web:
    """A running web server."""

    pid: int
    port: int


@contextmanager
def web(site: Site) -> Iterator[Web]:
    """Start the web server with its settings of production."""
    port = free_port()
    process = subprocess.Popen(
        web_command(Path(sys.executable), host="127.0.0.1", port=port),
        cwd=ROOT,
        env={**os.environ, **site.variables},
        stdin=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while not listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ContestantFailed("the web server did not start; what it said is above")
            time.sleep(0.05)
        yield Web(process.pid, port)
    finally:
        _end(process)


@contextmanager
def worker(site: Site) -> Iterator[int]:
    """Start a worker; yields the id of its process."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_worker"],
        cwd=ROOT,
        env={**os.environ, **site.variables},
        stdin=subprocess.DEVNULL,
    )
    try:
        yield process.pid
    finally:
        _end(process)


def free_port() -> int:
    """Find a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Tell whether somebody answers at a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
