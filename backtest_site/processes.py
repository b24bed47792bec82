"""
Recognise and end processes that an earlier program started.

A process id alone proves nothing: ids are used again, and a dead process stays in the table until its parent asks for
it (for ever, where process 1 of a container reaps nothing). An id together with the instant its process started does.
Only the standard library is used.
"""

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """One process, told from all others that have had or will have the same id."""

    pid: int
    #: Opaque text from the system: clock ticks since boot with the boot's id (Linux), or `ps`'s start time (macOS).
    started: str


def mark(pid: int) -> ProcessMark | None:
    """Take the mark of a running process; None where there is none, or only a zombie."""
    started = _started(pid)
    return ProcessMark(pid, started) if started else None


def is_running(process: ProcessMark) -> bool:
    """Say whether this very process still runs."""
    return _started(process.pid) == process.started


def command_line(pid: int) -> str:
    """Return the command line of a running process, words parted by blanks; empty where there is none."""
    if _has_proc():
        try:
            return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    return _ps(pid, "command=")


def end(process: ProcessMark, *, patience_seconds: float) -> None:
    """
    Ask a process to stop, and kill it when it has not stopped in time.

    Args:
        process: Nothing happens when it has ended already, or when its id belongs to another by now.
        patience_seconds: Time between the request (SIGTERM) and the end by force (SIGKILL).

    Raises:
        PermissionError: If the process belongs to another user.
    """
    for sign, seconds in ((signal.SIGTERM, patience_seconds), (signal.SIGKILL, 5.0)):
        if not is_running(process):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, sign)
        wait_for_end(process, seconds=seconds)


def wait_for_end(process: ProcessMark, *, seconds: float) -> bool:
    """Wait until the process is gone; False when it still runs after that time."""
    deadline = time.monotonic() + seconds
    while is_running(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _has_proc() -> bool:
    return (_PROC / "self" / "stat").exists()


def _started(pid: int) -> str:
    """Return when a process started, empty where it has ended or is only waiting to be reaped."""
    if not _has_proc():
        state = _ps(pid, "stat=")
        return "" if not state or state.startswith("Z") else _ps(pid, "lstart=")
    try:
        # The program's name stands in brackets and may hold anything; what follows is counted from the last one.
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    state, start_ticks = fields[0], fields[19]
    return "" if state in "ZX" else f"{start_ticks}@{_boot_id()}"


def _boot_id() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _ps(pid: int, column: str) -> str:
    answer = subprocess.run(
        ["ps", "-o", column, "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    return answer.stdout.strip()
