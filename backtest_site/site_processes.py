"""
The processes of a running site: the database, the web server and the worker.

Only the standard library is used; the processes run in the project's own environment.
"""

import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from backtest_site import embedded_postgres, run_record
from backtest_site.refusals import Refusal
from backtest_site.run_options import RunOptions
from backtest_site.run_record import RunRecord

ROOT = Path(__file__).resolve().parent.parent

_READY_SECONDS = 60.0
#: uvicorn is told 3 s for open streams; the worker hands its job back within 10 s.
_STOP_SECONDS = 12.0
_WORKER_RESTARTS = 5
#: Below this Postgres cannot write one more of its 16 MB files.
_FULL_BYTES = 20_000_000


def web_command(python: Path, *, host: str, port: int) -> list[str]:
    """Return what starts the web server."""
    return [
        *(str(python), "-m", "uvicorn", "backtest_site.asgi:application", "--host", host, "--port", str(port)),
        *("--loop", "uvloop", "--http", "httptools", "--ws", "none", "--lifespan", "off"),
        # Without the limit SIGTERM never ends with streams open.
        *("--timeout-graceful-shutdown", "3", "--no-proxy-headers", "--no-server-header"),
        *("--no-access-log", "--log-level", "warning"),
    ]


class Site:
    """The web server and the worker."""

    def __init__(self, options: RunOptions, record: RunRecord, python: Path, environment: Mapping[str, str]) -> None:
        self._options = options
        self._record = record
        self._python = python
        self._environment = environment
        self._worker_command = [str(python), "manage.py", "run_worker"]
        self._web_command = web_command(python, host=options.host, port=options.port)
        self._web: subprocess.Popen[bytes] | None = None
        self._worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start both; the server loads while the worker does."""
        self._web = self._start(self._web_command)
        self._worker = self._start(self._worker_command)

    def has_web(self) -> bool:
        """Say whether the web server runs."""
        return self._web is not None and self._web.poll() is None

    def watch(self) -> None:
        """
        Watch until somebody interrupts; a worker that ends is started again.

        Raises:
            Refusal: If the web server ends, or the worker again and again.
        """
        restarts = 0
        while self.has_web():
            if self._worker is not None and self._worker.poll() is not None:
                restarts += 1
                if restarts > _WORKER_RESTARTS:
                    raise Refusal("The worker ended again and again: its last words are above.")
                print(f"The worker ended (exit code {self._worker.returncode}); starting another.", file=sys.stderr)
                self._worker = self._start(self._worker_command)
            self._keep_database()
            time.sleep(0.3)
        raise Refusal("The web server ended by itself: its last words are above.")

    def _keep_database(self) -> None:
        """Start the embedded database again where it has ended by itself, as it does on a full disk."""
        home = self._options.data_dir / "postgres"
        if self._environment.get("DATABASE_URL") or embedded_postgres.is_running(home):
            return
        if shutil.disk_usage(self._options.data_dir).free < _FULL_BYTES:
            raise Refusal(f"The disk of {self._options.data_dir} is full: free some space and start again.")
        print("The database ended; starting it again.", file=sys.stderr, flush=True)
        ensure_database(home, self._python, self._environment)

    def stop(self) -> None:
        """Ask both to end, and end them."""
        running = [process for process in (self._web, self._worker) if process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for process in running:
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C in the terminal reaches only us, and we stop them in order.
        process = subprocess.Popen(
            command, cwd=ROOT, env=dict(self._environment), stdin=subprocess.DEVNULL, start_new_session=True
        )
        self._record = self._record.with_child(process.pid)
        run_record.write(self._options.data_dir, self._record)
        return process


def wait_until_it_answers(address: str, site: Site) -> None:
    """
    Wait for a page.

    Raises:
        Refusal: If the web server ends, or the page is not there in time.
    """
    # No proxy: a proxy of the environment does not reach this machine's own address.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _READY_SECONDS
    last = "it did not answer"
    while time.monotonic() < deadline:
        if not site.has_web():
            raise Refusal("The web server did not start, for the reason above.")
        try:
            with opener.open(address, timeout=10):
                return
        except urllib.error.HTTPError as error:
            last = f"it answered {error.code}"
            error.close()
        except OSError:
            pass
        time.sleep(0.05)
    raise Refusal(f"{address} was not ready after {_READY_SECONDS:g} s: {last}.")


def ensure_database(home: Path, python: Path, environment: Mapping[str, str]) -> None:
    """Start the embedded database, where it does not run, by the project's own Python."""
    command = [str(python), "-m", "backtest_site.embedded_postgres", "ensure", str(home)]
    # A group of its own: Ctrl-C must not cut the creation of the database in half.
    outcome = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, process_group=0
    )
    if outcome.returncode != 0:
        raise Refusal(_last_line(outcome.stderr))


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason was given"
