"""
What runs on a data folder: a lock that only one ./run holds, and a record of the processes it started.

The lock is the kernel's and ends with its holder; the record stays, so that what a killed ./run left can be found and
stopped. Only the standard library is used.
"""

import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from backtest_site import embedded_postgres, processes
from backtest_site.processes import ProcessMark
from backtest_site.refusals import Refusal

#: Time that a launcher gets to stop its processes before it is killed: theirs, and the database's.
_PATIENCE_SECONDS = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What one ./run has started."""

    launcher: ProcessMark
    #: Where the site answers, or will.
    url: str
    #: The web server and the worker, in the order in which they are stopped.
    children: tuple[ProcessMark, ...] = ()
    #: False where the embedded database ran before, or is somebody else's: then it is left alone.
    has_started_database: bool = False

    def with_child(self, pid: int) -> "RunRecord":
        """Return the record with one more process."""
        process = processes.mark(pid)
        return replace(self, children=(*self.children, process)) if process else self


@contextlib.contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """
    Be the only ./run on a data folder.

    Raises:
        Refusal: If another one is.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data_dir / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refusal(
            f"The data folder {data_dir} cannot be used ({error.strerror}): choose another one with --data."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            record = read(data_dir)
            where = f", at {record.url}" if record else ""
            raise Refusal(
                f"Another ./run uses the data folder {data_dir}{where}: stop it with './run stop', "
                "or choose another folder with --data."
            ) from error
        yield
    finally:
        os.close(descriptor)


def write(data_dir: Path, record: RunRecord) -> None:
    """Keep the record, whole or not at all."""
    fresh = data_dir / "run.json.new"
    fresh.write_text(json.dumps(asdict(record)))
    fresh.replace(_file(data_dir))


def read(data_dir: Path) -> RunRecord | None:
    """Return the record of the last ./run that has not cleared it, None where there is none that can be read."""
    try:
        values = json.loads(_file(data_dir).read_text())
        return RunRecord(
            launcher=ProcessMark(**values["launcher"]),
            url=str(values["url"]),
            children=tuple(ProcessMark(**child) for child in values["children"]),
            has_started_database=bool(values["has_started_database"]),
        )
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
    except PermissionError as error:
        raise Refusal(f"{_file(data_dir)} belongs to another user: run as that user.") from error


def clear(data_dir: Path) -> None:
    """Forget the record: nothing of it runs any more."""
    _file(data_dir).unlink(missing_ok=True)


def stop_leftovers(data_dir: Path) -> bool:
    """
    Stop the processes of a ./run that ended without stopping them; its database is left running.

    Returns:
        Whether there were any.
    """
    record = read(data_dir)
    running = [child for child in record.children if processes.is_running(child)] if record else []
    for child in running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGTERM)
    for child in running:
        processes.end(child, patience_seconds=8.0)
    return bool(running)


def stop_everything(data_dir: Path) -> bool:
    """
    Stop whatever runs on a data folder: ./run itself, what a killed one left, and the embedded database.

    Returns:
        Whether anything ran.

    Raises:
        Refusal: If it belongs to another user.
    """
    record = read(data_dir)
    try:
        has_launcher = record is not None and processes.is_running(record.launcher)
        if record and has_launcher:
            processes.end(record.launcher, patience_seconds=_PATIENCE_SECONDS)
        had_leftovers = stop_leftovers(data_dir)
        had_database = embedded_postgres.stop(data_dir / "postgres")
    except PermissionError as error:
        raise Refusal("What runs there was started by another user: stop it as that user.") from error
    except embedded_postgres.EmbeddedPostgresError as error:
        raise Refusal(str(error)) from error
    clear(data_dir)
    return has_launcher or had_leftovers or had_database


def _file(data_dir: Path) -> Path:
    return data_dir / "run.json"
