"""Processes are known by id and start together; the dead are not alive."""

import os
import signal
import subprocess
import sys
import time

from backtest_site import processes
from backtest_site.processes import ProcessMark

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)


def test_a_process_is_known_while_it_runs_and_not_after() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = processes.mark(process.pid)

    assert mark is not None
    assert processes.is_running(mark)

    process.communicate(b"\n")
    assert not processes.is_running(mark)


def test_the_same_id_with_another_start_is_another_process() -> None:
    ours = processes.mark(os.getpid())

    assert ours is not None
    assert not processes.is_running(ProcessMark(ours.pid, "long ago"))


def test_an_id_that_nobody_has_is_no_process() -> None:
    assert processes.mark(999_999_999) is None
    assert processes.command_line(999_999_999) == ""


def test_a_process_that_ignores_the_request_is_ended_by_force() -> None:
    process = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    mark = processes.mark(process.pid)
    assert mark is not None

    processes.end(mark, patience_seconds=0.2)

    assert process.wait(timeout=5) == -signal.SIGKILL
    process.stdout.close()


def test_ending_a_stranger_with_the_same_id_does_nothing() -> None:
    process = subprocess.Popen(["sleep", "60"])

    processes.end(ProcessMark(process.pid, "long ago"), patience_seconds=0.1)

    time.sleep(0.05)
    assert process.poll() is None
    process.kill()
    process.wait()


def test_the_command_line_tells_a_process() -> None:
    assert "python" in processes.command_line(os.getpid())
