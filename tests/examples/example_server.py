"""An example as a process: served by uvicorn on loopback, asked over HTTP."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests import viewers

ROOT = Path(__file__).resolve().parents[2]
SESSION = "watched"
_READY_SECONDS = 30.0


class Server:
    """The example as a process."""

    def __init__(self, application: str, said: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._said = said
        command = [sys.executable, "-m", "uvicorn", application, "--host", "127.0.0.1", "--port", str(port)]
        command += ["--timeout-graceful-shutdown", "3", "--no-access-log"]
        with said.open("w") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            wait_until(self._answers, what="the example")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait(timeout=10)

    def start(self, session_id: str = SESSION, *, pace: float | None = None) -> int:
        """Start a session; return the status of the answer."""
        query = {} if pace is None else {"pace": pace}
        answer = httpx.put(f"{self.url}/api/backtest/{session_id}", params=query, timeout=20, trust_env=False)
        return answer.status_code

    def show(self, session_id: str = SESSION) -> dict[str, Any]:
        """Return how far a session is."""
        answer = httpx.get(f"{self.url}/api/backtest/{session_id}", timeout=20, trust_env=False)
        found: dict[str, Any] = answer.json()
        return found

    def read(self, **how: Any) -> viewers.Seen:  # noqa: ANN401 - as viewers.read takes them
        """Watch the session."""
        return viewers.read(self.url, SESSION, **{"within_seconds": 60, **how})

    def said(self) -> str:
        """Return what the process wrote."""
        return self._said.read_text()

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.said()
        try:
            return httpx.get(f"{self.url}/openapi.json", timeout=2, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


def wait_until(is_true: Callable[[], bool], *, what: str) -> None:
    """Wait for something that takes no longer than a busy machine's start."""
    deadline = time.monotonic() + _READY_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, f"{what} did not come within {_READY_SECONDS:g} s"
        time.sleep(0.02)
