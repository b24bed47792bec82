"""The site as a process of its own, on a port that stays the same when it is killed and started again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
_READY_SECONDS = 30.0


class WebServer:
    """A uvicorn process that can be ended and started again."""

    def __init__(self, *, database_address: str) -> None:
        self._environment = {**os.environ, "DATABASE_URL": database_address, "PUBLIC_VIEWING": "1"}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._port)

    def start(self, **variables: str) -> None:
        """Start it and wait until it answers; with further environment variables, from now on."""
        self._environment |= variables
        command = [sys.executable, "-m", "uvicorn", "backtest_site.asgi:application", "--log-level", "warning"]
        command += ["--host", "127.0.0.1", "--port", str(self._port), "--timeout-graceful-shutdown", "1"]
        self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + _READY_SECONDS
        while not self._answers():
            assert self._process.poll() is None, f"the web server ended with {self._process.returncode}"
            assert time.monotonic() < deadline, f"the web server did not answer within {_READY_SECONDS:g} s"
            time.sleep(0.05)

    @property
    def pid(self) -> int:
        """The process; it must run."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False
