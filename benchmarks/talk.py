"""
Programs that a benchmark talks to: one line of JSON in, one line of JSON out.

    with talk.Program("viewers", "benchmarks.viewers") as viewers:
        answer = viewers.ask(do="open", count=100)

A program calls `serve` with what answers; it ends when its input does, so none outlives the benchmark.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from benchmarks.harness import ROOT, ContestantFailed
from tests.oracles import environment

#: How long a program has to end by itself, seconds.
_END_SECONDS = 10


class Program:
    """A program of this folder in a process of its own; leaving the context ends it."""

    def __init__(
        self,
        name: str,
        module: str,
        *arguments: str,
        requirements: tuple[str, ...] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """
        Start it.

        Args:
            name: For messages.
            module: Started with ``python -m``.
            arguments: Its command line.
            requirements: What its environment holds, every version exact; empty for the project's own.
            variables: Added to the environment variables.
        """
        self._name = name
        python = environment.python_of(*requirements) if requirements else Path(sys.executable)
        self._process = subprocess.Popen(
            [str(python), "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **(variables or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        #: The first line: what it has to tell of itself.
        self.greeting: dict[str, Any] = {}

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def tell(self, **command: object) -> None:
        """Send a command without waiting for its answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail("it has ended")

    def hear(self) -> dict[str, Any]:
        """Wait for the next answer."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            self._fail(f"it answered {line!r}")
        return answer

    def ask(self, **command: object) -> dict[str, Any]:
        """Send a command and return its answer."""
        self.tell(**command)
        return self.hear()

    def __enter__(self) -> Self:
        self.greeting = self.hear()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _fail(self, how: str) -> NoReturn:
        raise ContestantFailed(f"{self._name}: {how}; what it said before is above")


def serve(greeting: Mapping[str, object], answer: Callable[[dict[str, Any]], Mapping[str, object]]) -> None:
    """Greet, then answer each line of the input until its end."""
    told, sys.stdout = sys.stdout, sys.stderr  # What a package prints must not get between the answers.
    print(json.dumps(greeting), file=told, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=told, flush=True)


def allow_many_files() -> None:
    """Let this process, and those it starts, open as many files as the system allows it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
