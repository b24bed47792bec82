"""
Run a backtest from files and write its events to files; the shortest way to see what a session tells.

It needs no database. Exit codes: 0 complete, 1 the output could not be written, 2 bad input, 130 stopped by Ctrl-C,
143 by SIGTERM. Unless it is 0, no output is left behind, and an earlier one stays.
"""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser

from strategies import run_files
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.errors import EngineError
from strategies.engine.outcomes import BacktestResult
from strategies.market_data import skipped_days
from streaming import backtest_console
from streaming.backtest_console import BacktestConsole
from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from streaming.jsonl_recorder import JsonlRecorder, OutputFailed, OutputRefused, check_output_folder

_BAD_OUTPUT: Final = 1
_BAD_INPUT: Final = 2
_INTERRUPTED: Final = 128 + signal.SIGINT
_TERMINATED: Final = 128 + signal.SIGTERM
_SESSION_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Command(BaseCommand):
    """Run one backtest and write its events to files."""

    help = "Run a backtest from files (or the sample) and write its events as JSON files. Needs no database."
    # The checks of models and settings are for the site; this command uses neither.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        run_files.add_arguments(parser)
        parser.add_argument("--session-id", metavar="ID", help="name in every event (default: sse-strategy-DATE)")
        parser.add_argument(
            "--output",
            type=Path,
            default=Path("sse_backtest_output"),
            metavar="DIR",
            help="folder for the five files; an earlier output there is replaced (default: sse_backtest_output)",
        )

    def handle(self, *_args: object, **options: Any) -> None:  # noqa: ANN401 - what Django passes
        """Run, and translate how it ended into an exit code."""
        with _sigterm_as_exit():
            try:
                self._run(options)
            except EngineError as error:
                raise CommandError(_sentence(error), returncode=_BAD_INPUT) from error
            except OutputRefused as error:
                raise CommandError(str(error), returncode=_BAD_INPUT) from error
            except OutputFailed as error:
                raise CommandError(str(error), returncode=_BAD_OUTPUT) from error
            except KeyboardInterrupt as error:
                raise CommandError("Stopped; no output was kept.", returncode=_INTERRUPTED) from error

    def _run(self, options: dict[str, Any]) -> None:
        check_output_folder(options["output"])
        config = run_files.read_config(options)
        session_id = _session_id(options["session_id"], config.market_data.first_date)
        engine = _engine(config, session_id, source=run_files.ticks_name(options))
        with JsonlRecorder(options["output"]) as recorder:
            with backtest_console.open_console(self.stdout, config.market_data.total_ticks) as console:
                for line in skipped_days.sentences(run_files.skipped_days_of(config)):
                    console.write(line)
                result = _run_engine(engine, recorder, console)
            with _no_interruption():
                recorder.publish()
        _tell_result(console, recorder, result)


def _sentence(error: Exception) -> str:
    text = str(error)
    return text if text.endswith(".") else f"{text}."


def _session_id(given: str | None, first_date: date) -> str:
    if given is None:
        return f"sse-strategy-{first_date}"
    if not _SESSION_ID.fullmatch(given):
        message = f"--session-id {given!r} is not possible; use 1 to 64 letters, digits, dots, hyphens and underscores."
        raise CommandError(message, returncode=_BAD_INPUT)
    return given


def _engine(config: BacktestConfig, session_id: str, *, source: str) -> CentralizedBacktestEngineWithSSE:
    try:
        return CentralizedBacktestEngineWithSSE(config=config, session_id=session_id)
    except EngineError as error:
        # The engine knows no files; a person wants to know which one does not fit the strategy.
        raise CommandError(f"{source}: {_sentence(error)}", returncode=_BAD_INPUT) from error


def _run_engine(
    engine: CentralizedBacktestEngineWithSSE, recorder: JsonlRecorder, console: BacktestConsole
) -> BacktestResult:
    engine.register_encoded_callback(recorder)
    engine.register_encoded_callback(console)
    # A full disk ends the run at the next tick instead of after the day.
    return engine.run(should_continue=lambda: recorder.failure is None)


def _tell_result(console: BacktestConsole, recorder: JsonlRecorder, result: BacktestResult) -> None:
    summary = result.summary
    console.write(f"{sum(recorder.event_counts.values()):,} events written to {recorder.folder}")
    for event, count in recorder.event_counts.items():
        console.write(f"  {event}: {count:,}")
    console.write(f"{summary.total_trades} trades, total P&L {summary.total_pnl:,}")


@contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that what is half-written is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = signal.signal(signal.SIGTERM, _exit_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)


def _exit_terminated(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(_TERMINATED)


@contextmanager
def _no_interruption() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM for the milliseconds in which an earlier output is replaced."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
