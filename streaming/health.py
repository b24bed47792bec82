"""
Health: may this process be given work? One check for each thing that it needs, each with a word for how it is.

Nothing about the installation is told: the words are fixed ones, and the reasons go to the log. The database is asked
on a connection of its own with a short patience, so that a probe gets its answer while the rest of the process waits.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from streaming.status import DatabaseStatus, RelayStatus

logger = logging.getLogger(__name__)

#: How long the database may take to let us in, and again to answer.
PATIENCE_SECONDS: Final = 3
#: A relay that has not reached the log for this long tells its viewers nothing new; it tries each second.
SILENT_SECONDS: Final = 10.0
#: An event loop that has not come round for this long hangs.
LATE_SECONDS: Final = 10.0


class Check(NamedTuple):
    """How one thing is."""

    name: str
    is_ok: bool
    #: A fixed word.
    state: str


def check_database() -> list[Check]:
    """Check that the database answers and has the tables of this version. It blocks for at most some seconds."""
    probe = connection.copy()
    given = probe.settings_dict["OPTIONS"]
    limit = f"{given.get('options', '')} -c statement_timeout={PATIENCE_SECONDS * 1000}".strip()
    probe.settings_dict["OPTIONS"] = {**given, "connect_timeout": PATIENCE_SECONDS, "options": limit}
    try:
        probe.ensure_connection()
        with probe.cursor() as cursor:
            cursor.execute("SELECT 1")
        has_tables = _has_tables(probe)
    except (DatabaseError, OSError) as error:
        logger.warning("The database does not answer: %s", error)
        return [Check("database", False, "unreachable"), Check("migrations", False, "unknown")]
    finally:
        probe.close()
    return [
        Check("database", True, "reachable"),
        Check("migrations", has_tables, "applied" if has_tables else "missing"),
    ]


#: Reading all migrations takes a tenth of a second, and none that is applied is taken back while we run.
_were_applied: Final = threading.Event()


def _has_tables(probe: BaseDatabaseWrapper) -> bool:
    if not _were_applied.is_set():
        executor = MigrationExecutor(probe)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return False
        _were_applied.set()
    return True


def check_relay(relay: RelayStatus) -> Check:
    """Check that who watches is told what is new; one that nobody watches has nothing to do."""
    if not relay.sessions_watched:
        return Check("relay", True, "idle")
    if relay.silent_seconds > SILENT_SECONDS:
        return Check("relay", False, "silent")
    return Check("relay", True, "listening" if relay.is_listening else "polling")


def check_loop(*, seconds_since_beat: float) -> Check:
    """Check that an event loop comes round."""
    is_ok = seconds_since_beat <= LATE_SECONDS
    return Check("loop", is_ok, "beating" if is_ok else "hanging")


def check_workers(database: DatabaseStatus) -> Check:
    """Check that a worker gives signs of life."""
    return Check("workers", database.workers_alive > 0, "alive" if database.workers_alive else "missing")


def are_ok(checks: Iterable[Check]) -> bool:
    """Tell whether all checks are."""
    return all(check.is_ok for check in checks)


def as_document(checks: Iterable[Check]) -> dict[str, Any]:
    """Write checks as JSON has them: a status for all, and each by its name."""
    checks = list(checks)
    return {
        "status": "ready" if are_ok(checks) else "unavailable",
        "checks": {check.name: {"ok": check.is_ok, "state": check.state} for check in checks},
    }
