"""The engine's benchmark: which figures there are, from what, and when it refuses to compare."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import engine, growth, harness
from benchmarks.engine import Measured
from benchmarks.harness import Outcome

#: The keys that others read.
KEYS = {
    "headless_vs_backtesting",
    "full_vs_nautilus",
    "full_vs_backtesting",
    "headless_ms",
    "full_ms",
    "growth_20_days",
    "peak_mb",
}
TRADES = [[tick, 100.0, tick + 1, 99.0] for tick in range(52)]


@pytest.fixture
def measured() -> Measured:
    """Return what a run might have measured."""
    milliseconds = {
        engine.HEADLESS: 40,
        engine.FULL: 300,
        engine.BACKTESTING: 400,
        "backtrader": 1_200,
        "vectorbt": 12,
        engine.NAUTILUS: 600,
        "plain loop": 10,
    }
    outcomes = {name: _outcome(number / 1000) for name, number in milliseconds.items()}
    return Measured(outcomes=outcomes, growth=1.02, peak_mb=210.0)


def test_the_figures_have_the_keys_that_others_read(measured: Measured) -> None:
    line = json.loads(harness.json_line(engine.figures(measured)))

    assert set(line["figures"]) == KEYS
    assert all(isinstance(value, float) for value in line["figures"].values())


def test_ratios_are_ours_over_theirs(measured: Measured) -> None:
    values = {key: round(figure.value, 3) for key, figure in engine.figures(measured).items()}

    assert values["headless_vs_backtesting"] == 0.1
    assert values["full_vs_nautilus"] == 0.5
    assert values["full_vs_backtesting"] == 0.75
    assert (values["headless_ms"], values["full_ms"]) == (40, 300)


def test_the_table_names_everyone_the_fastest_first(measured: Measured) -> None:
    lines = engine.text(measured).splitlines()

    assert [line[:12].strip() for line in lines[4:]] == [
        "plain loop",
        "vectorbt",
        "ours, headle",
        "ours, full,",
        "backtesting.",
        "nautilus_tra",
        "backtrader",
    ]


def test_who_makes_other_trades_is_named(measured: Measured) -> None:
    measured.outcomes["backtrader"].answer["trades"] = TRADES[:-1]

    assert engine.differing(measured.outcomes) == ["backtrader"]


def test_the_benchmark_is_void_where_ours_are_not_the_52(measured: Measured) -> None:
    for outcome in measured.outcomes.values():
        outcome.answer["trades"] = TRADES[:-1]

    assert engine.differing(measured.outcomes) == list(measured.outcomes)


def test_other_trades_end_the_benchmark(
    measured: Measured, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured.outcomes["vectorbt"].answer["trades"] = []
    monkeypatch.setattr(engine, "measure", lambda effort: measured)

    assert engine.main(["--json"]) == 1
    assert capsys.readouterr().err == "other trades than the 52 expected: vectorbt\n"


def test_quick_and_thorough_compare_the_same(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    efforts: list[engine.Effort] = []

    def note(effort: engine.Effort) -> Measured:
        efforts.append(effort)
        return measured

    monkeypatch.setattr(engine, "measure", note)

    assert [engine.main([]), engine.main(["--quick"])] == [0, 0]
    assert efforts == [engine.THOROUGH, engine.QUICK]


def test_everyone_is_given_the_same_day() -> None:
    competing = engine.contestants(Path("the-day.npz"))

    assert {one.arguments[0] for one in competing} == {"the-day.npz"}
    assert {one.name for one in competing} >= {engine.HEADLESS, engine.FULL, engine.BACKTESTING, engine.NAUTILUS}


def test_every_version_of_a_peer_is_exact() -> None:
    needed = [requirement for one in engine.contestants(Path()) for requirement in one.requirements]

    assert len(needed) >= 8
    assert all(requirement.count("==") == 1 for requirement in needed)


def test_growth_is_the_second_half_over_the_first_by_each_days_least_time() -> None:
    quiet = [1.0] * 10 + [1.1] * 10
    disturbed = [5.0, *quiet[1:19], 7.0]

    assert round(growth.ratio([quiet]), 3) == 1.1
    assert round(growth.ratio([quiet, disturbed]), 3) == 1.1


def _outcome(seconds: float) -> Outcome:
    answer: dict[str, Any] = {"trades": TRADES, "peak_mb": 100.0}
    return Outcome("1.0", [seconds], answer)
