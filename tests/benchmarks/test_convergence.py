"""The benchmark of convergence: which figures there are, what they count, and what it says where something is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from benchmarks import convergence, harness, schedules, stream_site
from benchmarks.convergence import Totals
from benchmarks.ledger import Ledger, Truth
from benchmarks.stream_viewer import Viewer


def _viewer(*, has_ended: bool = True, **changes: Any) -> Viewer:  # noqa: ANN401
    ledger = Ledger(Truth())
    ledger.has_ended = has_ended
    for name, value in changes.items():
        setattr(ledger, name, value)
    return Viewer(["http://127.0.0.1:1"], "s", ledger)


def test_the_figures_have_the_keys_that_others_read() -> None:
    line = json.loads(harness.json_line(convergence.figures(Totals(schedules=3))))

    assert line == {"figures": {"schedules": 3, "lost": 0, "doubled": 0, "differing": 0}}


def test_every_fault_is_counted_and_told_by_its_seed() -> None:
    totals = Totals()
    totals.add(schedules.draw(1), [_viewer()], deaths=0, problems=[])
    clean = totals.is_clean
    totals.add(schedules.draw(2), [_viewer(lost=3), _viewer(doubled=2)], deaths=1, problems=[])
    totals.add(schedules.draw(3), [_viewer(faults=["a", "b"]), _viewer(has_ended=False)], deaths=0, problems=[])
    totals.add(schedules.draw(4), [_viewer()], deaths=0, problems=["the writer ended with 3"])

    assert clean
    assert not totals.is_clean
    assert (totals.schedules, totals.lost, totals.doubled, totals.differing) == (4, 3, 2, 3)
    assert totals.faults == {
        2: ["viewer 1: 3 lost, 0 doubled", "viewer 2: 0 lost, 2 doubled"],
        3: ["viewer 1: 0 lost, 0 doubled; a; b", "viewer 2: 0 lost, 0 doubled; it came only to event -1"],
        4: ["the writer ended with 3"],
    }


@pytest.mark.parametrize(("keep_events", "differing"), [(0, 1), (64, 0)])
def test_a_stream_that_ends_early_is_a_fault_unless_the_log_was_trimmed(keep_events: int, differing: int) -> None:
    schedule, viewer, totals = schedules.draw(0), _viewer(), Totals()
    viewer.tally.early_ends = 1

    writer = replace(schedule.writer, keep_events=keep_events)
    totals.add(replace(schedule, writer=writer), [viewer], deaths=0, problems=[])

    assert totals.differing == differing


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Keep which schedules are asked for; nothing runs, and the last one of them shows a fault."""
    asked: list[list[int]] = []

    @contextmanager
    def no_database() -> Iterator[None]:
        yield

    async def run(seeds: range, market: object, *, tell: Callable[[int, Totals], None]) -> Totals:
        asked.append(list(seeds))
        totals = Totals(schedules=len(seeds), lost=1, faults={seeds[-1]: ["viewer 1: 1 lost, 0 doubled"]})
        tell(seeds[-1], totals)
        return totals

    monkeypatch.setattr(stream_site, "own_database", no_database)
    monkeypatch.setattr(convergence, "Market", object)
    monkeypatch.setattr(convergence, "run", run)
    return asked


def test_the_full_benchmark_has_a_thousand_schedules_and_one_seed_runs_alone(asked: list[list[int]]) -> None:
    codes = [convergence.main(arguments) for arguments in ([], ["--quick"], ["--seed", "417"])]

    assert [len(seeds) for seeds in asked] == [1000, convergence.QUICK, 1]
    assert asked[2] == [417]
    assert codes == [1, 1, 1]


def test_a_schedule_with_a_fault_is_named_with_the_command_that_shows_it(
    asked: list[list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    convergence.main(["--seed", "7", "--json"])

    told = capsys.readouterr()
    assert told.err.splitlines() == [
        "schedule 7: viewer 1: 1 lost, 0 doubled",
        "again: python -m benchmarks.convergence --seed 7",
    ]
    assert json.loads(told.out)["figures"]["lost"] == 1
