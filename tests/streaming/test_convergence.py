"""
Convergence (S4, S8, S9): whatever happens to viewers while another process writes, they end with the session's state.

A few of the schedules of `python -m benchmarks.convergence`, with web and writer processes of their own. That the check
can fail is shown by the tests of the ledger and of the viewer that it is made of.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection

from benchmarks import convergence
from benchmarks.convergence import Market, Totals

#: Among them each kind of writer, and each length of a session.
_SEEDS = range(10)


def test_every_viewer_of_a_few_schedules_converges_s4_s8_s9(
    database_address: str, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_address)

    def run() -> Totals:
        try:
            return asyncio.run(convergence.run(_SEEDS, Market(), web_processes=1))
        finally:
            connection.close()

    # In a thread: a browser's tests keep a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        totals = pool.submit(run).result()

    assert totals.faults == {}, f"python -m benchmarks.convergence --seed {min(totals.faults)}"
    assert (totals.schedules, totals.lost, totals.doubled, totals.differing) == (len(_SEEDS), 0, 0, 0)
    assert totals.done["cuts inside a frame"] > 0
    assert totals.done["writers killed"] > 0
