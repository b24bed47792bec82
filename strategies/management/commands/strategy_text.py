"""
Convert a strategy between the visual builder's JSON and YAML with conditions as text.

It needs no database. Exit codes: 0 converted, 1 the output could not be written, 2 bad input.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from strategies import strategy_documents
from strategies.engine import text_documents
from strategies.strategy_documents import StrategyFileInvalid

_BAD_OUTPUT: Final = 1
_BAD_INPUT: Final = 2


class Command(BaseCommand):
    """Convert one strategy file."""

    help = (
        "Convert a strategy: to YAML with conditions as text, or to the visual builder's JSON. "
        "The name of --out decides; without it, JSON becomes YAML and YAML becomes JSON, on the standard output."
    )
    # The checks of models and settings are for the site; this command uses neither.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("file", type=Path, metavar="FILE", help="a strategy, .json, .yaml or .yml")
        parser.add_argument("--out", type=Path, metavar="FILE", help="where to write it, .json, .yaml or .yml")

    def handle(self, *_args: object, **options: Any) -> None:  # noqa: ANN401 - what Django passes
        """Convert, and translate what goes wrong into an exit code."""
        source: Path = options["file"]
        out: Path | None = options["out"]
        if out is not None and out.suffix.lower() not in (".json", *strategy_documents.YAML_SUFFIXES):
            message = f"--out {out} says neither JSON nor YAML; let its name end in .json, .yaml or .yml."
            raise CommandError(message, returncode=_BAD_INPUT)
        is_yaml_wanted = not strategy_documents.is_yaml(source) if out is None else strategy_documents.is_yaml(out)
        try:
            document = strategy_documents.load_strategy_document(source)
        except StrategyFileInvalid as error:
            raise CommandError(str(error), returncode=_BAD_INPUT) from error
        text = _converted(document, is_yaml_wanted=is_yaml_wanted)
        if out is None:
            self.stdout.write(text, ending="")
            return
        try:
            _write_whole(out, text)
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror}.", returncode=_BAD_OUTPUT) from error
        self.stdout.write(f"Written to {out}")


def _converted(document: dict[str, Any], *, is_yaml_wanted: bool) -> str:
    if is_yaml_wanted:
        return strategy_documents.yaml_text(text_documents.as_text_document(document, has_line_each=True))
    return strategy_documents.json_text(text_documents.as_builder_document(document))


def _write_whole(path: Path, text: str) -> None:
    """Replace a file in one step: the one before stays until the new one is whole."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    written = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # mkstemp makes a file for its owner alone; the result is an ordinary one.
        written.chmod(0o666 & ~_umask())
        written.replace(path)
    except BaseException:
        written.unlink(missing_ok=True)
        raise


def _umask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found
