"""The harness: turns, medians, tables, the line of figures, and processes that are ended whatever happens."""

from functools import partial
from pathlib import Path

import pytest

from benchmarks import harness, sma_cross
from benchmarks.harness import Contestant, ContestantFailed, Figure, Options, Outcome


@pytest.fixture(scope="module")
def short_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of the day's first 2,000 seconds."""
    path = tmp_path_factory.mktemp("day") / "day.npz"
    sma_cross.save(sma_cross.synthetic_prices().first(2_000), path)
    return path


def test_contestants_take_turns_forwards_and_backwards() -> None:
    calls: list[str] = []

    def one(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    measured = harness.alternate({name: partial(one, name) for name in "abc"}, rounds=2)

    assert "".join(calls) == "abccba"
    assert measured == {"a": [1.0, 6.0], "b": [2.0, 5.0], "c": [3.0, 4.0]}


def test_the_median_of_a_contestant_forgets_one_disturbed_run() -> None:
    assert Outcome("1.0", [0.2, 9.0, 0.1]).median == 0.2


def test_the_figures_are_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    harness.tell(Options(is_json=True), {"ratio": Figure(0.123456, 0.2), "peak_mb": Figure(207.0)}, "a table")

    assert capsys.readouterr().out == '{"figures": {"ratio": 0.1235, "peak_mb": 207.0}}\n'


def test_people_see_the_table_and_what_was_met(capsys: pytest.CaptureFixture[str]) -> None:
    harness.tell(Options(), {"good": Figure(0.1, 0.2, "less is better"), "bad": Figure(0.3, 0.2)}, "a table")

    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "a table"
    assert [line.split()[:5] for line in shown[4:]] == [
        ["good", "0.100", "≤", "0.2", "met"],
        ["bad", "0.300", "≤", "0.2", "missed"],
    ]


def test_numbers_stand_to_the_right_and_words_to_the_left() -> None:
    assert harness.table(("what", "ms"), [("one", "5"), ("another", "1,234")]).splitlines() == [
        "what     ms",
        "-------  -----",
        "one          5",
        "another  1,234",
    ]


def test_the_command_line_is_the_same_for_all() -> None:
    assert harness.options("", ["--quick", "--json"]) == Options(is_quick=True, is_json=True)
    assert harness.options("", []) == Options()


def test_a_contestant_runs_when_it_is_told_to_and_is_ended(short_day: Path) -> None:
    loop = Contestant(name="loop", module="benchmarks.contestants.pure_loop", arguments=(str(short_day),))

    with harness.Process(loop) as process:
        process.wait_until_ready()
        seconds = process.run()

    assert 0 < seconds < 5
    assert process.outcome.seconds == [seconds]
    assert process.outcome.version.startswith("Python ")
    assert process.outcome.answer["trades"][0] == [490, 135.85, 505, 137.2]
    assert process._process.returncode == 0


def test_a_contestant_that_breaks_is_named_with_the_command_that_shows_it() -> None:
    broken = Contestant(name="nobody", module="benchmarks.contestants.pure_loop", arguments=("no-such-file.npz",))

    with pytest.raises(ContestantFailed, match=r"nobody answered '';.*-m benchmarks\.contestants\.pure_loop no-such"):
        harness.compete([broken], rounds=1)


def test_both_of_our_runs_and_the_loop_make_the_same_trades(short_day: Path) -> None:
    ours = "benchmarks.contestants.our_day"
    competing = [
        Contestant(name="headless", module=ours, arguments=(str(short_day), "headless")),
        Contestant(name="full", module=ours, arguments=(str(short_day), "full")),
        Contestant(name="loop", module="benchmarks.contestants.pure_loop", arguments=(str(short_day),)),
    ]

    outcomes = harness.compete(competing, rounds=1)

    made = [outcome.answer["trades"] for outcome in outcomes.values()]
    assert made[0] == made[1] == made[2]
    assert len(made[0]) >= 3


def test_a_module_of_the_project_answers_in_json() -> None:
    answer = harness.ask("benchmarks.growth", "100")

    assert len(answer["day_seconds"]) == 20
    assert all(seconds > 0 for seconds in answer["day_seconds"])


def test_a_module_that_fails_is_named() -> None:
    with pytest.raises(ContestantFailed, match=r"benchmarks\.growth none failed with 1"):
        harness.ask("benchmarks.growth", "none")
