"""
Writers of sessions: one process each, forked from this one, run as a worker runs them, killed when it is asked for.

    python -m benchmarks.writers

reads one JSON line for each session, {"session": primary key, "killed_after_seconds": […], "keep_events": n}, and
writes one when the session is finished: {"session": primary key, "deaths": n, "problem": "" or a sentence}. It ends
with its standard input, and its writers with it. Several sessions are written at once. A writer that is killed is
followed by another one that takes over, until one gets to the session's end.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Final

_LOOK_SECONDS: Final = 0.005
#: After which a writer that cannot get on is a problem.
_PATIENCE_SECONDS: Final = 60.0


@dataclass(slots=True)
class _Job:
    session_pk: int
    #: Of this writer and of those that take over from it.
    killed_after_seconds: list[float]
    keep_events: int
    deaths: int = 0
    #: Of the writer that runs now.
    pid: int = 0
    dies_at: float | None = None
    is_killed: bool = field(default=False)

    def start(self) -> None:
        """Fork a writer."""
        self.is_killed = False
        self.dies_at = time.monotonic() + self.killed_after_seconds.pop(0) if self.killed_after_seconds else None
        self.pid = os.fork()
        if self.pid == 0:
            _write_and_exit(self.session_pk, self.keep_events)

    def look(self) -> dict[str, Any] | None:
        """Kill the writer if it is time, start the next one if it is gone; return the answer when all is over."""
        if self.dies_at is not None and not self.is_killed and time.monotonic() >= self.dies_at:
            self.is_killed = True
            os.kill(self.pid, signal.SIGKILL)
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return None
        code = os.waitstatus_to_exitcode(status)
        if code == -signal.SIGKILL and self.is_killed:
            self.deaths += 1
            self.start()
            return None
        problem = f"the writer ended with {code}" if code else ""
        return {"session": self.session_pk, "deaths": self.deaths, "problem": problem}


def serve() -> None:
    """Serve the standard input."""
    _import_all()
    running: list[_Job] = []
    rest = b""
    try:
        while True:
            if select.select([0], [], [], _LOOK_SECONDS if running else None)[0]:
                read = os.read(0, 65_536)
                if not read:
                    return
                *lines, rest = (rest + read).split(b"\n")
                for line in lines:
                    job = _job(json.loads(line))
                    job.start()
                    running.append(job)
            for job in list(running):
                if (answer := job.look()) is not None:
                    running.remove(job)
                    print(json.dumps(answer), flush=True)
    finally:
        for job in running:
            os.kill(job.pid, signal.SIGKILL)
            os.waitpid(job.pid, 0)


def _job(wish: dict[str, Any]) -> _Job:
    return _Job(wish["session"], list(wish["killed_after_seconds"]), wish["keep_events"])


def _import_all() -> None:
    """Import what a writer needs, once for all of them; no connection is opened and no thread started before a fork."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backtest_site.settings")
    import django

    django.setup()
    from strategies.engine import centralized_backtest_engine, result_document  # noqa: F401
    from strategies.market_data import skipped_days  # noqa: F401
    from streaming import publisher, worker  # noqa: F401
    from tests import sessions  # noqa: F401


def _write_and_exit(session_pk: int, keep_events: int) -> None:
    """Be a writer."""
    code = 1
    try:
        code = 0 if _write(session_pk, keep_events) else 3
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Not back into the loop of the process that this one was forked from.
        os._exit(code)


def _write(session_pk: int, keep_events: int) -> bool:
    """Run the session's job until the session is finished; return whether it is."""
    from django.conf import settings

    from strategies.models import BacktestSession
    from tests import sessions

    settings.EVENT_LOG_MAX_EVENTS = keep_events
    session = BacktestSession.objects.get(pk=session_pk)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not session.is_finished and time.monotonic() < deadline:
        # At once done where the dead writer's lock is still held: the server finds out in a moment.
        sessions.run_here(session)
        if not session.is_finished:
            time.sleep(_LOOK_SECONDS)
    return bool(session.is_finished)


if __name__ == "__main__":
    serve()
