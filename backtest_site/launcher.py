"""
What ./run does: set everything up, start it, watch over it, stop it.

Runs on any Python 3.11 with nothing installed; whatever needs the project's packages is a process of the project's own
environment. The order: options, lock of the data folder, port, packages, scripts of the pages, database, tables and
samples, then the worker and the web server. A fault ends with one sentence and leaves nothing running.
"""

import contextlib
import errno
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import FrameType

from backtest_site import embedded_postgres, frontend_build, processes, run_options, run_record, virtual_environment
from backtest_site.refusals import Refusal
from backtest_site.run_options import RunOptions
from backtest_site.run_record import RunRecord

ROOT = Path(__file__).resolve().parent.parent

_READY_SECONDS = 60.0
#: A fresh database takes 60 MB, a run about 10 MB more.
_NEEDED_BYTES = 150_000_000
#: uvicorn is told 3 s for open streams; the worker hands its job back within 10 s.
_STOP_SECONDS = 12.0
_INTERRUPTED = 130
_WORKER_RESTARTS = 5


def main(arguments: list[str]) -> int:
    """Serve the command line; a refusal is one sentence on stderr."""
    caller_dir = Path(os.environ.get("RUN_CALLED_FROM") or Path.cwd())
    try:
        options = run_options.parse(arguments, os.environ, root=ROOT, caller_dir=caller_dir)
        _obey_signals()
        if options.action == "stop":
            print("Stopped." if run_record.stop_everything(options.data_dir) else "Nothing was running.")
            return 0
        with run_record.locked(options.data_dir):
            return _run(options)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return refusal.exit_code
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        print("The disk is full: free some space and start again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted before everything was set up; the next start goes on from there.", file=sys.stderr)
        return _INTERRUPTED


def _obey_signals() -> None:
    """Let a request to end unwind the stack, as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup asks for exactly that.
        signal.signal(signal.SIGHUP, interrupt)


def _run(options: RunOptions) -> int:
    launcher = processes.mark(os.getpid())
    assert launcher is not None  # It is this process.
    record = RunRecord(
        launcher=launcher, url=options.base_url, has_started_database=_takes_over_database(options.data_dir)
    )
    try:
        run_record.write(options.data_dir, record)
        if options.action == "run":
            _require_port(options)
        _require_space(options.data_dir)
        python = virtual_environment.ensure(ROOT, "requirements.txt")
        _build_pages()
        environment = site_environment(options, os.environ)
        with _database(options, record, python, environment) as with_database:
            prepared = _prepare(options, python, environment)
            if options.action == "prepare":
                print("Everything is set up: start it with ./run.")
                return 0
            return _serve(options, with_database, python, environment, prepared)
    finally:
        with _undisturbed():
            if record.has_started_database:
                embedded_postgres.stop(options.data_dir / "postgres")
            run_record.clear(options.data_dir)


def _takes_over_database(data_dir: Path) -> bool:
    """Stop what a killed ./run left; say whether the database that it left running was started by it."""
    record = run_record.read(data_dir)
    if run_record.stop_leftovers(data_dir):
        print("Stopped what an earlier ./run had left.", flush=True)
    return record is not None and record.has_started_database


def _require_port(options: RunOptions) -> None:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((options.host, options.port))
            probe.listen(1)
    except socket.gaierror as error:
        raise Refusal(f"--host {options.host!r} is not known here: write an address of this machine.") from error
    except PermissionError as error:
        raise Refusal(f"Port {options.port} may only be used by root: choose one above 1023 with --port.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Refusal(
                f"Port {options.port} on {options.host} is taken by another program: choose another with --port "
                f"(for example ./run --port {options.port + 1 if options.port < 65535 else 8000})."
            ) from error
        raise Refusal(f"--host {options.host} is no address of this machine ({error.strerror}).") from error


def _require_space(data_dir: Path) -> None:
    free = shutil.disk_usage(data_dir).free
    if free < _NEEDED_BYTES:
        raise Refusal(
            f"The disk of {data_dir} has only {free // 1_000_000} MB left and the database needs about "
            f"{_NEEDED_BYTES // 1_000_000} MB: free some space, or choose another folder with --data."
        )


def _build_pages() -> None:
    try:
        frontend_build.ensure_built(ROOT)
    except Refusal as refusal:
        # The pages render on the server; only their live part is missing.
        print(f"{refusal} Going on: the pages work, but do not move until then.", file=sys.stderr, flush=True)


def site_environment(options: RunOptions, variables: Mapping[str, str]) -> dict[str, str]:
    """
    Return the environment of the site's processes.

    Anyone may look where only this machine can reach the site, unless PUBLIC_VIEWING=0 says otherwise. On any other
    address nobody may look without signing in, whatever the environment says.
    """
    environment = dict(variables)
    environment["DATA_DIR"] = str(options.data_dir)
    environment["DJANGO_SETTINGS_MODULE"] = "backtest_site.settings"
    environment["PYTHONUNBUFFERED"] = "1"
    if not options.is_loopback:
        environment["PUBLIC_VIEWING"] = "0"
    elif not environment.get("PUBLIC_VIEWING"):
        environment["PUBLIC_VIEWING"] = "1"
    if not environment.get("ALLOWED_HOSTS"):
        environment["ALLOWED_HOSTS"] = ",".join(_names_of_this_machine(options))
    return environment


def _names_of_this_machine(options: RunOptions) -> list[str]:
    names = ["localhost", "127.0.0.1", "[::1]", f"[{options.host}]" if ":" in options.host else options.host]
    if not options.is_loopback:
        host = socket.gethostname()
        names += [host, socket.getfqdn(), f"{host}.local"]
        with contextlib.suppress(OSError):
            names += [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, family=socket.AF_INET)]
        # No packet is sent: this only asks which of our addresses leads outside.
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            names.append(str(probe.getsockname()[0]))
    return list(dict.fromkeys(name for name in names if name not in {"0.0.0.0", "[::]"}))


@contextlib.contextmanager
def _database(
    options: RunOptions, record: RunRecord, python: Path, environment: Mapping[str, str]
) -> Iterator[RunRecord]:
    """Have a database for the time of the block; it is stopped afterwards if it did not run before."""
    if environment.get("DATABASE_URL"):
        yield record
        return
    home = options.data_dir / "postgres"
    is_ours = record.has_started_database or not embedded_postgres.is_running(home)
    record = replace(record, has_started_database=is_ours)
    run_record.write(options.data_dir, record)
    try:
        command = [str(python), "-m", "backtest_site.embedded_postgres", "ensure", str(home)]
        # A group of its own: Ctrl-C must not cut the creation of the database in half.
        outcome = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, process_group=0
        )
        if outcome.returncode != 0:
            raise Refusal(_last_line(outcome.stderr))
        yield record
    finally:
        if is_ours:
            with _undisturbed():
                embedded_postgres.stop(home)


def _prepare(options: RunOptions, python: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Create tables, samples and the first user, and queue the sample run, in one process."""
    _keep_secret_key(options.data_dir)
    words = ["--no-run"] if options.action == "prepare" else ["--pace", options.pace]
    outcome = subprocess.run(
        [str(python), "-m", "backtest_site.preparation", *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        process_group=0,
    )
    try:
        answer: dict[str, str] = json.loads(_last_line(outcome.stdout))
    except ValueError as error:
        raise Refusal("The site could not be set up, for the reason above.") from error
    if refusal := answer.get("refusal"):
        raise Refusal(refusal)
    return answer


def _keep_secret_key(data_dir: Path) -> None:
    file = data_dir / "secret-key.txt"
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(50))


def _serve(
    options: RunOptions, record: RunRecord, python: Path, environment: Mapping[str, str], prepared: Mapping[str, str]
) -> int:
    site = _Site(options, record, python, environment)
    try:
        site.start()
        _wait_until_it_answers(options, site, prepared["page"])
        _tell(options, prepared)
        site.watch()
    except KeyboardInterrupt:
        print("\nStopping ...", flush=True)
    finally:
        with _undisturbed():
            site.stop()
    return 0


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore further requests to end: the end is under way, and takes a bounded time."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    yield


class _Site:
    """The web server and the worker."""

    def __init__(self, options: RunOptions, record: RunRecord, python: Path, environment: Mapping[str, str]) -> None:
        self._options = options
        self._record = record
        self._environment = environment
        self._worker_command = [str(python), "manage.py", "run_worker"]
        self._web_command = [str(python), "-m", "uvicorn", "backtest_site.asgi:application"]
        self._web_command += ["--host", options.host, "--port", str(options.port)]
        self._web_command += ["--loop", "uvloop", "--http", "httptools", "--ws", "none", "--lifespan", "off"]
        # Without the limit SIGTERM never ends with streams open.
        self._web_command += ["--timeout-graceful-shutdown", "3", "--no-proxy-headers", "--no-server-header"]
        self._web_command += ["--no-access-log", "--log-level", "warning"]
        self._web: subprocess.Popen[bytes] | None = None
        self._worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._web = self._start(self._web_command)
        self._worker = self._start(self._worker_command)

    def has_web(self) -> bool:
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
            time.sleep(0.3)
        raise Refusal("The web server ended by itself: its last words are above.")

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


def _wait_until_it_answers(options: RunOptions, site: _Site, page: str) -> None:
    """Wait for the page itself, where it may be seen; else for the health check."""
    # No proxy: a proxy of the environment does not reach this machine's own address.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _READY_SECONDS
    address = options.base_url + (page if options.is_loopback else "/healthz")
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


def _tell(options: RunOptions, prepared: Mapping[str, str]) -> None:
    password_file = options.data_dir / "admin-password.txt"
    sign_in = f"user admin, password {password_file.read_text().strip()}" if password_file.exists() else "your own user"
    print()
    print(f"  Watch it live   {options.base_url}{prepared['page']}")
    print(f"  Sign in         {options.base_url}/accounts/login/   {sign_in}")
    if not options.is_loopback:
        print("  Nobody may look without signing in: this address can be reached from other machines.")
    print("  Stop            Ctrl-C (all data are kept)")
    print(flush=True)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason was given"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
