"""
A private Postgres server in the project's own data folder.

`ensure(home)` returns the address of a server that answers, from any number of processes at once; it creates and starts
what is missing. `stop(home)` ends it. It listens on a Unix socket only, in a folder that nobody else may enter.
It outlives the process that started it, on purpose: whoever wants it gone says so. From the command line:

    python -m backtest_site.embedded_postgres ensure|stop HOME

What this takes care of, each met in practice:

- Postgres refuses to run as root. Root runs it as the owner of the existing data, else as `nobody`, and where that
  account cannot reach the project's folder the data lie under /var/lib/backtest-site.
- A socket's path ends at 107 bytes (103 on macOS). A longer home gets a short folder of its own in /tmp.
- A killed server leaves its pid file. The id in it may belong to a stranger by now, or to a zombie that is never
  reaped; both make Postgres refuse to start. The file is corrected, never deleted: its last line is how Postgres sees
  that children of the killed server still write.
- Two processes start at once: a file lock, which the kernel drops when its holder is killed.

Settings ask only for `url`, which computes and starts nothing. Knows nothing of Django.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from backtest_site import postgres_binaries, processes
from backtest_site.postgres_binaries import EmbeddedPostgresError

__all__ = ["EmbeddedPostgresError", "ensure", "is_running", "stop", "url"]

_SOCKET_NAME = ".s.PGSQL.5432"
#: macOS allows 104 bytes with the closing NUL, Linux 108. One limit for both, so that a path works everywhere.
_LONGEST_SOCKET_PATH = 103
_START_SECONDS = 60.0
#: Bytes after which the server's log is put aside on the next start.
_LONGEST_LOG = 5_000_000
#: Above every system's highest process id, so that no process can have it.
_NO_PROCESS = 999_999_999

_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
#: For data that may be lost with the machine: three times faster where a test empties tables.
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where one server lives, and as whom."""

    #: Holds data/, log and lock.
    home: Path
    #: Holds the socket; the home itself unless its path is too long.
    sockets: Path
    #: The account that runs the server, None for our own.
    account: pwd.struct_passwd | None

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"


def url(home: Path) -> str:
    """Return the address that `ensure(home)` returns, without starting or writing anything."""
    return f"postgresql://postgres@/postgres?host={quote(str(_place(home).sockets), safe='/')}"


def ensure(home: Path, *, is_durable: bool = True) -> str:
    """
    Make sure that a server answers, and return its address.

    Args:
        home: Folder for the data, the log and the socket. Created if missing.
        is_durable: False lets a crash of the machine destroy the data, for speed; for tests. Read at the start.

    Returns:
        A connection string for psycopg and DATABASE_URL.

    Raises:
        EmbeddedPostgresError: If there is no server program, or it does not start; with its own last words.
    """
    place = _place(home)
    _make_folders(place)
    with _locked(place):
        if not _answers(place):
            _start(place, is_durable=is_durable)
    return url(home)


def is_running(home: Path) -> bool:
    """Say whether the home's server runs, without starting it."""
    return _server(_place(home)) is not None


def stop(home: Path) -> bool:
    """
    Stop the home's server: connections are ended, committed work is kept.

    Returns:
        Whether there was one to stop.

    Raises:
        EmbeddedPostgresError: If it belongs to another user.
    """
    place = _place(home)
    if not place.data.exists():
        return False
    with _locked(place):
        server = _server(place)
        if server is None:
            return False
        # "Fast", then "immediate": the second leaves a recovery to the next start, and loses nothing either.
        for sign, seconds in ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)):
            try:
                os.kill(server.pid, sign)
            except ProcessLookupError:
                break
            except PermissionError as error:
                raise _belongs_to_another(place.data) from error
            if processes.wait_for_end(server, seconds=seconds):
                break
    return True


def _place(home: Path) -> _Place:
    """Decide where the server of a home lives. The same home gives the same place in every process."""
    home = home.absolute()
    account = None
    if os.geteuid() == 0:
        elsewhere = postgres_binaries.SHARED_STATE / f"database-{_tag(home)}"
        is_here = (home / "data").exists()
        if not is_here and (elsewhere.exists() or not _is_reachable(home)):
            home = elsewhere
        account = _account_for(home / "data")
    sockets = home
    if len(os.fsencode(home / _SOCKET_NAME)) > _LONGEST_SOCKET_PATH:
        sockets = Path("/tmp") / f"pg-{_tag(home)}"  # Not TMPDIR: it differs between processes, and is long on macOS.
    return _Place(home=home, sockets=sockets, account=account)


def _tag(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:10]


def _is_reachable(home: Path) -> bool:
    """Say whether an account other than root may walk down to a home that may not exist yet."""
    existing = next(place for place in home.parents if place.exists())
    return postgres_binaries.is_open_to_all(existing)


def _account_for(data: Path) -> pwd.struct_passwd:
    """Choose the account under which root runs the server."""
    with contextlib.suppress(OSError, KeyError):
        owner = pwd.getpwuid(data.stat().st_uid)
        if owner.pw_uid != 0:
            return owner
    return pwd.getpwnam("nobody")


def _make_folders(place: _Place) -> None:
    if place.home.is_relative_to(postgres_binaries.SHARED_STATE):
        postgres_binaries.make_shared_state()
    try:
        place.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedPostgresError(
            f"The folder {place.home} cannot be made ({error.strerror}): choose another with DATA_DIR or --data."
        ) from error
    place.sockets.mkdir(mode=0o700, exist_ok=True)
    for folder in {place.home, place.sockets}:
        owner = folder.lstat().st_uid
        wanted = place.account.pw_uid if place.account else os.geteuid()
        if folder.is_symlink() or owner not in {wanted, os.geteuid()}:
            raise _belongs_to_another(folder)
        # Whoever can open the socket is the database's superuser, so nobody else may come near it.
        folder.chmod(0o700)
        if place.account and owner != wanted:
            os.chown(folder, place.account.pw_uid, place.account.pw_gid)


def _belongs_to_another(folder: Path) -> EmbeddedPostgresError:
    return EmbeddedPostgresError(
        f"{folder} belongs to another user: run as that user, or choose another folder with DATA_DIR or --data."
    )


@contextlib.contextmanager
def _locked(place: _Place) -> Iterator[None]:
    """Be the only process that starts or stops this server."""
    try:
        descriptor = os.open(place.home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError as error:
        raise _belongs_to_another(place.home) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _answers(place: _Place) -> bool:
    # The server itself is asked: a pid file only says who ran once.
    return _server(place) is not None and _program(place, "pg_isready", "-q", *_at(place)).returncode == 0


def _at(place: _Place) -> tuple[str, ...]:
    return ("-h", str(place.sockets), "-p", "5432", "-U", "postgres", "-d", "postgres")


def _start(place: _Place, *, is_durable: bool) -> None:
    _create_cluster(place)
    _check_version(place)
    _write_settings(place, is_durable=is_durable)
    _put_log_aside(place)
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(place):
        if time.monotonic() > deadline:
            raise _did_not_start(place)
        if _server(place) is None:
            _correct_pid_files(place)
            arguments = ("-D", str(place.data), "-l", str(place.home / "log"), "-w", "-t", "30", "-s", "start")
            outcome = _program(place, "pg_ctl", *arguments)
            # Children of a killed server need a moment to notice; any other refusal will not change by waiting.
            if outcome.returncode != 0 and "shared memory block" not in _last_words(place):
                raise _did_not_start(place)
        time.sleep(0.05)


def _create_cluster(place: _Place) -> None:
    if (place.data / "PG_VERSION").exists():
        return
    # Built beside and renamed: a half-made cluster is never taken for a whole one.
    fresh = place.home / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    outcome = _program(
        place, "initdb", "-D", str(fresh), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"
    )
    if outcome.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise EmbeddedPostgresError(f"The database in {place.home} could not be created: {_reason(outcome.stderr)}.")
    with (fresh / "postgresql.conf").open("a") as conf:
        conf.write("\ninclude_if_exists = 'site.conf'  # rewritten at every start\n")
    if place.data.exists():
        place.data.rmdir()  # Only ever an empty folder here; anything else is somebody's and raises.
    fresh.rename(place.data)


def _reason(said: str) -> str:
    """Return the line in which a program says why it failed; what it does about it comes after that."""
    lines = said.strip().splitlines() or ["it gave no reason"]
    signs = ("No space left", "error:", "FATAL", "could not")
    return next((line for sign in signs for line in lines if sign in line), lines[-1]).strip().rstrip(".")


def _check_version(place: _Place) -> None:
    written = (place.data / "PG_VERSION").read_text().strip()
    answer = _program(place, "postgres", "--version").stdout
    installed = answer.split()[-1].split(".")[0] if answer else "?"
    if installed != written:
        raise EmbeddedPostgresError(
            f"The database in {place.home} was written by Postgres {written} and this machine has {answer.strip()}: "
            f"install Postgres {written}, or choose another folder with DATA_DIR or --data."
        )


def _write_settings(place: _Place, *, is_durable: bool) -> None:
    # The socket's folder is named here and not at creation: a copied or moved project must not use the old one.
    settings = _SETTINGS | {"unix_socket_directories": str(place.sockets)} | ({} if is_durable else _FORGETFUL)
    lines = (f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items())
    conf = place.data / "site.conf"
    conf.write_text("".join(lines))
    if place.account:
        os.chown(conf, place.account.pw_uid, place.account.pw_gid)


def _put_log_aside(place: _Place) -> None:
    log = place.home / "log"
    if log.exists() and log.stat().st_size > _LONGEST_LOG:
        log.replace(place.home / "log.old")


def _server(place: _Place) -> processes.ProcessMark | None:
    """Return the running server of this data folder."""
    words = _read_lines(place.pid_file)
    if not words or not words[0].isdigit():
        return None
    process = processes.mark(int(words[0]))
    # A process with this id but another command line is a stranger that was given the id later.
    return process if process and str(place.data) in processes.command_line(process.pid) else None


def _correct_pid_files(place: _Place) -> None:
    """Where a dead server's id stands in a lock file, put an id that no process can have."""
    for file in (place.pid_file, place.sockets / f"{_SOCKET_NAME}.lock"):
        lines = _read_lines(file)
        if lines:
            file.write_text("\n".join((str(_NO_PROCESS), *lines[1:])) + "\n")


def _read_lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise _belongs_to_another(file.parent) from error


def _did_not_start(place: _Place) -> EmbeddedPostgresError:
    return EmbeddedPostgresError(
        f"The database in {place.home} did not start: {_last_words(place)} (all of it in {place.home / 'log'})."
    )


def _last_words(place: _Place) -> str:
    """Return the last complaint in the server's log."""
    lines = _read_lines(place.home / "log")[-40:]
    complaints = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
    return complaints[-1] if complaints else "it gave no reason"


def _program(place: _Place, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of Postgres's programs as the server's account."""
    folder = postgres_binaries.bin_dir(for_other_account=place.account is not None)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_"))} | {
        "LC_ALL": "C"
    }
    # A server that inherits our output pipe would keep whoever reads it waiting for ever, so only
    # programs that end are listened to.
    ends_by_itself = name != "pg_ctl"
    output = subprocess.PIPE if ends_by_itself else subprocess.DEVNULL
    account = place.account
    return subprocess.run(
        [str(folder / name), *arguments],
        cwd="/",  # The account may not be able to stand in ours.
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        text=True,
        check=False,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        start_new_session=not ends_by_itself,  # Ctrl-C in our terminal is not meant for the server.
    )


def main(arguments: list[str]) -> int:
    """Serve the command line; the address goes to stdout, a refusal to stderr with exit code 1."""
    parser = argparse.ArgumentParser(
        prog="python -m backtest_site.embedded_postgres", description="The embedded Postgres."
    )
    parser.add_argument("action", choices=("ensure", "stop"))
    parser.add_argument("home", type=Path, help="folder of the database")
    options = parser.parse_args(arguments)
    try:
        if options.action == "ensure":
            print(ensure(options.home))
        else:
            print("Stopped." if stop(options.home) else "Nothing was running.")
    except EmbeddedPostgresError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
