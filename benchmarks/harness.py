"""
What benchmarks share: the command line, processes that take turns, medians, tables, the line of figures.

    options = harness.options("What this measures.")
    times = harness.alternate({"ours": run_ours, "theirs": run_theirs}, rounds=5)
    harness.tell(options, figures, text)

A peer runs in an environment of its own, made on first use (``tests.oracles.environment``, under ``var/oracles`` or
ORACLES_DIR), as a process that waits for its turn: only one computes at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.oracles import environment

ROOT = Path(__file__).resolve().parents[1]

Results = TypeVar("Results")


class ContestantFailed(Exception):
    """A contestant's process ended or answered something else; the message names it."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    #: End within two minutes on two cores.
    is_quick: bool = False
    #: Print one line of JSON instead of tables.
    is_json: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a benchmark."""

    value: float
    #: The most that was aimed at, or the least where more is better; None where nothing was.
    goal: float | None = None
    #: What it counts, for people.
    meaning: str = ""
    is_more_better: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the goal was reached, if there is one."""
        if self.goal is None:
            return True
        return self.value >= self.goal if self.is_more_better else self.value <= self.goal


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A program that runs when it is told to: see ``benchmarks.contestants.contest``."""

    name: str
    #: Started with ``python -m``.
    module: str
    #: What its environment holds, every version exact; empty for the project's own.
    requirements: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass(slots=True)
class Outcome:
    """What a contestant's runs came to."""

    version: str
    seconds: list[float] = field(default_factory=list)
    #: The answer to the last run.
    answer: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """Return the median of its times, in seconds."""
        return statistics.median(self.seconds)


class Process:
    """A contestant's process; leaving the context ends it."""

    def __init__(self, contestant: Contestant) -> None:
        self.contestant = contestant
        needed = contestant.requirements
        python = environment.python_of(*needed) if needed else Path(sys.executable)
        self._process = subprocess.Popen(
            [str(python), "-m", contestant.module, *contestant.arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.outcome = Outcome("")

    def wait_until_ready(self) -> None:
        """Wait for the end of its warm-up run."""
        self.outcome.version = str(self._read()["version"])

    def run(self) -> float:
        """Let it run once and return the seconds that it took."""
        assert self._process.stdin is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        self.outcome.answer = self._read()
        seconds = float(self.outcome.answer["seconds"])
        self.outcome.seconds.append(seconds)
        return seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            command = f"python -m {self.contestant.module} {' '.join(self.contestant.arguments)}"
            raise ContestantFailed(f"{self.contestant.name} answered {line!r}; try it alone: {command}") from None
        return answer


def compete(contestants: Sequence[Contestant], rounds: int) -> dict[str, Outcome]:
    """Let contestants run in turn, and return what each came to, by name."""
    with ExitStack() as stack:
        processes: dict[str, Process] = {}
        for contestant in contestants:
            # One after the other: a warm-up beside another one's would take longer and prove nothing.
            progress(f"{contestant.name}: environment and warm-up")
            processes[contestant.name] = stack.enter_context(Process(contestant))
            processes[contestant.name].wait_until_ready()
        alternate({name: process.run for name, process in processes.items()}, rounds)
        return {name: process.outcome for name, process in processes.items()}


def alternate(runs: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """
    Call functions in turn, forwards and backwards, so that what disturbs the machine disturbs all alike.

    Args:
        runs: Each returns the seconds that it measured.
        rounds: How often each is called.

    Returns:
        What each returned, by name.
    """
    measured: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        for name in list(runs)[:: 1 if number % 2 == 0 else -1]:
            measured[name].append(runs[name]())
        told = ", ".join(f"{name} {1000 * times[-1]:.0f} ms" for name, times in measured.items())
        progress(f"round {number + 1} of {rounds}: {told}")
    return measured


def ask(module: str, *arguments: str) -> dict[str, Any]:
    """Run a module of the project in a process of its own and return the JSON that it prints."""
    finished = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    if finished.returncode:
        raise ContestantFailed(f"python -m {module} {' '.join(arguments)} failed with {finished.returncode}")
    answer: dict[str, Any] = json.loads(finished.stdout)
    return answer


def main(
    doc: str | None,
    arguments: Sequence[str] | None,
    *,
    run: Callable[[bool], Results],
    figures: Callable[[Results], Mapping[str, Figure]],
    text: Callable[[Results], str],
) -> int:
    """
    Serve the command line of a benchmark that starts programs.

    Args:
        doc: The benchmark's own description, of which the first line is told.
        arguments: The command line; None for the process's own.
        run: Measures everything, quickly or not.
        figures: Returns what was measured by key.
        text: Writes it for people.
    """
    wanted = options((doc or "").strip().splitlines()[0], arguments)
    # Whoever ends it in whatever way: what was started ends with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = run(wanted.is_quick)
    tell(wanted, figures(results), text(results))
    return 0


def options(description: str, arguments: Sequence[str] | None = None) -> Options:
    """Read the command line that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="end within two minutes on two cores, same figures")
    parser.add_argument("--json", action="store_true", help='print one line, {"figures": {key: number}}')
    found = parser.parse_args(arguments)
    return Options(is_quick=found.quick, is_json=found.json)


def tell(wanted: Options, figures: Mapping[str, Figure], text: str) -> None:
    """Print the figures as one line of JSON, or everything for people."""
    if wanted.is_json:
        print(json_line(figures))
        return
    print(f"{text}\n\n{figure_table(figures)}")


def json_line(figures: Mapping[str, Figure]) -> str:
    """Write the figures as one line of JSON."""
    return json.dumps({"figures": {key: round(figure.value, 4) for key, figure in figures.items()}})


def figure_table(figures: Mapping[str, Figure]) -> str:
    """Write the figures with their goals."""
    rows = []
    for key, figure in figures.items():
        goal = "" if figure.goal is None else f"{'≥' if figure.is_more_better else '≤'} {figure.goal:g}"
        verdict = "" if figure.goal is None else "met" if figure.is_met else "missed"
        rows.append((key, f"{figure.value:,.3f}", goal, verdict, figure.meaning))
    return table(("figure", "value", "goal", "", "meaning"), rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table; columns after the first stand to the right where they hold numbers."""
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if place and cell[:1].isdigit() else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(head), "  ".join("-" * width for width in widths), *(line(row) for row in rows)])


def machine() -> str:
    """Say in a few words what this ran on."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {time.strftime('%Y-%m-%d %H:%M')}"


def progress(text: str) -> None:
    """Tell on the error stream how far the benchmark is."""
    print(text, file=sys.stderr, flush=True)
