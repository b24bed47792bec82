"""Small files to import, and short ways to import them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from strategies.market_data.importers.assembly import ImportedTicks
from strategies.market_data.importers.formats import ImportRefused, import_files
from strategies.market_data.importers.import_report import ImportReport
from strategies.market_data.importers.options import ImportOptions, Source


def imported(format_: str, *sources: Path | tuple[str, Path], **options: Any) -> ImportedTicks:  # noqa: ANN401
    """Import files, each with its symbol or without."""
    return import_files(format_, _sources(sources), ImportOptions(**options))


def refused(format_: str, *sources: Path | tuple[str, Path], **options: Any) -> ImportReport:  # noqa: ANN401
    """Return the report on files that must be refused."""
    try:
        import_files(format_, _sources(sources), ImportOptions(**options))
    except ImportRefused as error:
        return error.report
    raise AssertionError("the files were not refused")


def taken_or_refused(format_: str, source: tuple[str, Path]) -> int:
    """Import a file that may be anything: return its ticks, or minus its faults. Any other error is a bug."""
    try:
        return import_files(format_, _sources([source])).report.ticks
    except ImportRefused as error:
        return -error.report.fault_count


def faults_of(report: ImportReport) -> list[tuple[int | None, str]]:
    """Return line (or row) and text of the faults."""
    return [(fault.line if fault.line is not None else fault.row, fault.fault) for fault in report.faults]


def written(path: Path, *lines: str) -> Path:
    """Write lines of text."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def _sources(sources: Sequence[Path | tuple[str, Path]]) -> list[Source]:
    return [Source(it) if isinstance(it, Path) else Source(it[1], it[0]) for it in sources]
