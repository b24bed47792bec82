"""A Postgres server for one test module, to be stopped, killed and filled up."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import connections

from backtest_site import embedded_postgres


class OwnPostgres:
    """A server with a data folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.address = embedded_postgres.ensure(home)

    @property
    def pid(self) -> int:
        """The process that all others of the server are children of."""
        return int((self.home / "data" / "postmaster.pid").read_text().splitlines()[0])

    def stop(self, how: signal.Signals) -> None:
        """Stop it: SIGINT is Postgres's "fast", SIGQUIT its "immediate", which leaves a recovery to the next start."""
        # Django would find out only by an error.
        connections["default"].close()
        os.kill(self.pid, how)
        deadline = time.monotonic() + 30
        while embedded_postgres.is_running(self.home):
            assert time.monotonic() < deadline, "Postgres did not stop"
            time.sleep(0.02)

    def start(self) -> None:
        """Start it again."""
        embedded_postgres.ensure(self.home)

    def limit_files_to(self, size: int | None) -> None:
        """Let no file grow beyond a number of bytes, as a quota does; None for no limit."""
        limit = "unlimited" if size is None else str(size)
        owner = (self.home / "data").stat()
        account: dict[str, Any] = {}
        if os.geteuid() == 0:
            account = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        for process in (self.pid, *_children_of(self.pid)):
            # By its own account: to change the limits of another's processes is more than a container's root may do.
            command = ["prlimit", "--pid", str(process), f"--fsize={limit}:"]
            outcome = subprocess.run(command, capture_output=True, check=False, cwd="/", **account)
            # One that ended meanwhile has no limits, and those that begin have the first one's.
            assert outcome.returncode == 0 or not Path(f"/proc/{process}").exists(), outcome.stderr


def _children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextlib.contextmanager
def running() -> Iterator[OwnPostgres]:
    """Have a server while the block runs."""
    # Not pytest's own folder: a socket's path may have 103 bytes.
    home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        yield OwnPostgres(home)
    finally:
        embedded_postgres.stop(home)
        shutil.rmtree(home, ignore_errors=True)
