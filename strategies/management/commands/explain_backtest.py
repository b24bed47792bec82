"""
Say why the nodes of a strategy did not act: `python manage.py explain_backtest --strategy FILE --node ID`.

It runs the strategy again, needs no database and writes nothing. Exit codes: 0 told, 2 bad input, 130 stopped by
Ctrl-C.
"""

from __future__ import annotations

import json
import signal
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from strategies import explanation_text, run_files, why_not
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.errors import EngineError
from strategies.engine.explain import explain_by_rerun
from strategies.market_data import skipped_days

_BAD_INPUT: Final = 2
_INTERRUPTED: Final = 128 + signal.SIGINT


class Command(BaseCommand):
    """Run a strategy and account for its nodes."""

    help = (
        "Run a strategy and say, for each node, how often its conditions held, how near they came, and what stood in "
        "the way. Needs no database."
    )
    # The checks of models and settings are for the site; this command uses neither.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        run_files.add_arguments(parser)
        parser.add_argument("--node", nargs="+", action="extend", metavar="ID", help="these nodes (default: all)")
        parser.add_argument(
            "--from",
            default="",
            dest="from_",
            metavar="TIME",
            help="from this time of day, such as 09:15, or timestamp, such as '2024-10-29 09:15' (default: the first)",
        )
        parser.add_argument("--to", default="", metavar="TIME", help="to this time, included (default: the last)")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the answer as one line of JSON")

    def handle(self, *_args: object, **options: Any) -> None:  # noqa: ANN401 - what Django passes
        """Run, and translate what goes wrong into an exit code."""
        try:
            config = run_files.read_config(options)
            for line in skipped_days.sentences(run_files.skipped_days_of(config)):
                self.stderr.write(line)
            answer = _answer(config, options)
        except why_not.QuestionInvalid as error:
            raise CommandError(f"--{error.field} {error.message}.", returncode=_BAD_INPUT) from error
        except EngineError as error:
            raise CommandError(_sentence(error), returncode=_BAD_INPUT) from error
        except KeyboardInterrupt as error:
            raise CommandError("Stopped.", returncode=_INTERRUPTED) from error
        self.stdout.write(json.dumps(answer) if options["as_json"] else explanation_text.render(answer))


def _answer(config: BacktestConfig, options: dict[str, Any]) -> dict[str, Any]:
    names = why_not.names_of(config.strategy)
    data = config.market_data
    question = why_not.read_question(
        nodes=options["node"] or (),
        known=names,
        from_=options["from_"],
        to=options["to"],
        day="",
        days=why_not.Days(config.start_date or data.first_date, config.end_date or data.last_date),
    )
    return why_not.completed(explain_by_rerun(config, question.explainer()), names)


def _sentence(error: Exception) -> str:
    text = str(error)
    return text if text.endswith(".") else f"{text}."
