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
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import FrameType

from backtest_site import (
    embedded_postgres,
    frontend_build,
    processes,
    run_options,
    run_record,
    site_processes,
    virtual_environment,
)
from backtest_site.refusals import Refusal
from backtest_site.run_options import RunOptions
from backtest_site.run_record import RunRecord

ROOT = Path(__file__).resolve().parent.parent

#: A fresh database takes 60 MB, a run about 10 MB more.
_NEEDED_BYTES = 150_000_000
_INTERRUPTED = 130
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})


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
    environment = site_environment(options, os.environ)
    try:
        run_record.write(options.data_dir, record)
        if options.action == "run":
            _require_port(options)
        _require_space(options.data_dir)
        python = virtual_environment.ensure(ROOT, "requirements.txt")
        _build_pages()
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

    Raises:
        Refusal: If PUBLIC_VIEWING is neither yes nor no.
    """
    environment = dict(variables)
    environment["DATA_DIR"] = str(options.data_dir)
    environment["DJANGO_SETTINGS_MODULE"] = "backtest_site.settings"
    environment["PYTHONUNBUFFERED"] = "1"
    wish = environment.get("PUBLIC_VIEWING", "").strip().lower()
    if wish not in _YES | _NO | {""}:
        raise Refusal(f"PUBLIC_VIEWING is {wish!r}: write 1 or 0.", exit_code=2)
    environment["PUBLIC_VIEWING"] = "1" if options.is_loopback and wish not in _NO else "0"
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
        site_processes.ensure_database(home, python, environment)
        yield record
    finally:
        if is_ours:
            with _undisturbed():
                embedded_postgres.stop(home)


def _prepare(options: RunOptions, python: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Create tables, samples and the first user, and queue the sample run, in one process."""
    _keep_secret_key(options.data_dir)
    words = ["--no-run"] if options.action == "prepare" else ["--pace", options.pace]
    last = ""
    with subprocess.Popen(
        [str(python), "-m", "backtest_site.preparation", *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = line
            if not line.startswith("{"):
                print(line, end="", flush=True)
    try:
        answer: dict[str, str] = json.loads(last)
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
    site = site_processes.Site(options, record, python, environment)
    try:
        site.start()
        # The page itself, where it may be seen without signing in.
        page = prepared["page"] if environment["PUBLIC_VIEWING"] == "1" else "/readyz"
        site_processes.wait_until_it_answers(options.base_url + page, site)
        _tell(options, environment, prepared)
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


def _tell(options: RunOptions, environment: Mapping[str, str], prepared: Mapping[str, str]) -> None:
    password_file = options.data_dir / "admin-password.txt"
    sign_in = f"user admin, password {password_file.read_text().strip()}" if password_file.exists() else "your own user"
    print()
    print(f"  Watch it live   {options.base_url}{prepared['page']}")
    print(f"  Sign in         {options.base_url}/accounts/login/?next={prepared['page']}   {sign_in}")
    if environment["PUBLIC_VIEWING"] != "1":
        print("  Who may look    only who has signed in")
    print("  Stop            Ctrl-C (all data are kept)")
    print(flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
