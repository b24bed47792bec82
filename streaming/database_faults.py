"""
What an error of the database means for a run.

Most pass by themselves: a connection that was cut, a server that restarts, another writer that was there first. The
run is begun again, and goes on after the log's head. Some last until somebody does something about them; a run that
waited for that would only keep failing, so it ends, and says what is to be done.
"""

from __future__ import annotations

from typing import Final

from django.db import IntegrityError, InterfaceError, OperationalError
from django.db.utils import DatabaseError

from streaming.event_log import LogTaken

#: By SQLSTATE.
_LASTING: Final = {
    "53000": "the database lacks resources",
    "53100": "the disk of the database is full",
    "53200": "the database is out of memory",
    "53400": "a limit in the database's settings is reached",
    "58030": "the disk of the database has a fault",
}
#: How Postgres tells of a file that may not grow for a reason that has no SQLSTATE of its own, such as a quota.
_CANNOT_GROW: Final = ("could not extend file", "could not write to file")


def lasting_reason(error: BaseException) -> str | None:
    """Say why the database cannot write until somebody helps it; None where the error is of another kind."""
    if not isinstance(error, DatabaseError):
        return None
    said = str(error).strip().splitlines()
    first = said[0] if said else type(error).__name__
    reason = _LASTING.get(getattr(error.__cause__, "sqlstate", None) or "")
    if reason is None and first.startswith(_CANNOT_GROW):
        reason = "the database has no room for its files"
    if reason is None:
        return None
    return f"{reason} ({first.rstrip('.')}). Make room or mend it, then run this again as a new session."


def is_passing(error: BaseException) -> bool:
    """Tell whether the same run, begun again, may well succeed."""
    if lasting_reason(error) is not None:
        return False
    return isinstance(error, OperationalError | InterfaceError | IntegrityError | LogTaken)
