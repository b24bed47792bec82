"""
The engine beside its peers: one day, one rule, one machine, in turn.

    python -m benchmarks.engine [--quick] [--json]

Our engine headless, our engine with full diagnostics encoded to final JSON bytes, backtesting.py, backtrader, vectorbt,
nautilus_trader and a plain loop run the day of ``sma_cross``; all must make the same 52 trades. Then: does a run of 20
days slow down, and how much memory does the day of a whole option chain take?

None of the peers writes diagnostics; the ratios of the full run compare ours with them to theirs without.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import growth, harness, sma_cross
from benchmarks.harness import Contestant, Figure, Outcome

HEADLESS, FULL = "ours, headless", "ours, full, encoded"
BACKTESTING, NAUTILUS = "backtesting.py", "nautilus_trader"

_HERE = "benchmarks.contestants"
_NUMPY = "numpy==2.4.6"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Everything that was measured."""

    outcomes: Mapping[str, Outcome]
    #: Second half of 20 days over the first, in time per tick.
    growth: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int
    growth_runs: int
    growth_ticks: int


THOROUGH = Effort(rounds=7, growth_runs=3, growth_ticks=sma_cross.TICKS)
QUICK = Effort(rounds=3, growth_runs=2, growth_ticks=5_000)


def contestants(day: Path) -> tuple[Contestant, ...]:
    """Return who competes over the day in a file."""
    given = (str(day),)
    return (
        Contestant(name=HEADLESS, module=f"{_HERE}.our_day", arguments=(*given, "headless")),
        Contestant(name=FULL, module=f"{_HERE}.our_day", arguments=(*given, "full")),
        Contestant(
            name=BACKTESTING,
            module=f"{_HERE}.backtesting_day",
            requirements=("backtesting==0.6.6", "bokeh==3.9.2", _NUMPY, "pandas==3.1.1"),
            arguments=given,
        ),
        Contestant(
            name="backtrader",
            module=f"{_HERE}.backtrader_day",
            requirements=("backtrader==1.9.78.123", _NUMPY),
            arguments=given,
        ),
        Contestant(
            name="vectorbt", module=f"{_HERE}.vectorbt_day", requirements=("vectorbt==1.2.0", _NUMPY), arguments=given
        ),
        # The last version for Python 3.11; later ones need 3.12.
        Contestant(
            name=NAUTILUS,
            module=f"{_HERE}.nautilus_day",
            requirements=("nautilus_trader==1.221.0", _NUMPY),
            arguments=given,
        ),
        Contestant(name="plain loop", module=f"{_HERE}.pure_loop", arguments=given),
    )


def measure(effort: Effort) -> Measured:
    """Let everyone run."""
    with tempfile.TemporaryDirectory() as folder:
        day = Path(folder) / "day.npz"
        sma_cross.save(sma_cross.synthetic_prices(), day)
        outcomes = harness.compete(contestants(day), effort.rounds)
    harness.progress("20 days in one session")
    runs = [
        harness.ask("benchmarks.growth", str(effort.growth_ticks))["day_seconds"] for _ in range(effort.growth_runs)
    ]
    harness.progress("the memory of a chain's day")
    memory = harness.ask("benchmarks.memory")
    return Measured(outcomes=outcomes, growth=growth.ratio(runs), peak_mb=memory["peak_mb"])


def figures(measured: Measured) -> dict[str, Figure]:
    """Return the figures by key."""
    seconds = {name: outcome.median for name, outcome in measured.outcomes.items()}
    return {
        "headless_vs_backtesting": Figure(seconds[HEADLESS] / seconds[BACKTESTING], 0.20, "same rule, trades alone"),
        "full_vs_nautilus": Figure(seconds[FULL] / seconds[NAUTILUS], 1.0, "ours with diagnostics, theirs without"),
        "full_vs_backtesting": Figure(seconds[FULL] / seconds[BACKTESTING], 1.0, "the same; what is reached for"),
        "headless_ms": Figure(1000 * seconds[HEADLESS], meaning="one day of 22,351 ticks"),
        "full_ms": Figure(1000 * seconds[FULL], meaning="the same day, every event to JSON bytes"),
        "growth_20_days": Figure(measured.growth, 1.10, "second half of the days over the first"),
        "peak_mb": Figure(measured.peak_mb, 250.0, "a whole chain's day, full, the process as it is"),
    }


def differing(outcomes: Mapping[str, Outcome]) -> list[str]:
    """Return who made other trades than our headless run, or not the 52."""
    expected = outcomes[HEADLESS].answer["trades"]
    return [
        name
        for name, outcome in outcomes.items()
        if outcome.answer["trades"] != expected or len(expected) != sma_cross.TRADES
    ]


def text(measured: Measured) -> str:
    """Write the contest for people."""
    loop = measured.outcomes["plain loop"].median
    rows = [
        (
            name,
            outcome.version,
            f"{1000 * outcome.median:,.1f}",
            f"{1000 * min(outcome.seconds):,.1f} – {1000 * max(outcome.seconds):,.1f}",
            f"{sma_cross.TICKS / outcome.median:,.0f}",
            f"{outcome.median / loop:,.1f}",
            f"{outcome.answer['peak_mb']:,.0f}",
        )
        for name, outcome in sorted(measured.outcomes.items(), key=lambda item: item[1].median)
    ]
    head = ("engine", "version", "median ms", "least – most", "ticks/s", "× plain loop", "peak MB")
    told = f"One day of {sma_cross.TICKS:,} one-second ticks, {sma_cross.TRADES} trades by everyone; "
    return f"{told}{harness.machine()}\n\n{harness.table(head, rows)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the command line; the exit code is 0 if everyone made the same trades."""
    wanted = harness.options((__doc__ or "").strip().splitlines()[0], arguments)
    measured = measure(QUICK if wanted.is_quick else THOROUGH)
    if others := differing(measured.outcomes):
        print(f"other trades than the {sma_cross.TRADES} expected: {', '.join(others)}", file=sys.stderr)
        return 1
    harness.tell(wanted, figures(measured), text(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
