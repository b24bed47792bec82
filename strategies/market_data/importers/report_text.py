"""An import's report as text."""

from __future__ import annotations

from collections.abc import Iterator

from strategies.market_data.importers.import_report import DayReport, Finding, Gap, ImportReport

_MOST_LISTED = 40


def render(report: ImportReport) -> str:
    """Write a report, one fact a line."""
    return "\n".join(_lines(report))


def _lines(report: ImportReport) -> Iterator[str]:
    yield f"format             {report.format}"
    for file in report.files:
        candles = f", candles of {file.candle_seconds} s" if file.candle_seconds else ""
        yield f"file               {file.path}: {file.rows} rows, {file.first or '-'} to {file.last or '-'}{candles}"
    yield f"rows               {report.rows}"
    yield f"timezone assumed   {report.timezone_assumed}"
    if report.ticks:
        yield from _lines_of_ticks(report)
    for name, finding in (
        ("duplicates", report.duplicates),
        ("out of order", report.out_of_order),
        ("zero prices", report.zero_prices),
    ):
        yield f"{name:<18} {_finding(finding)}"
    for warning in report.warnings:
        yield f"WARNING            {warning}"
    for fault in report.faults:
        yield f"FAULT              {fault}"
    if report.fault_count > len(report.faults):
        yield f"FAULT              and {report.fault_count - len(report.faults)} more"


def _lines_of_ticks(report: ImportReport) -> Iterator[str]:
    yield f"ticks              {report.ticks}"
    yield f"symbols            {_symbols(report.symbols)}"
    yield f"candle walk        {report.candle_walk or 'none, these are ticks'}"
    yield f"volume unit        {report.volume_unit}"
    yield f"days               {len(report.days)}"
    yield from _capped([_day(day) for day in report.days], "days")
    without = [str(day.day) for day in report.missing_days if day.reason in {"no data", "unknown"}]
    yield f"days without data  {', '.join(without) or 'none'}"
    yield f"gaps               {len(report.gaps)} of more than {report.gap_seconds} s"
    yield from _capped([_gap(gap) for gap in report.gaps], "gaps")
    grid = "no grid is known" if report.grid is None else f"{_finding(report.off_grid)} (grid {report.grid})"
    yield f"off the grid       {grid}"
    yield f"crossed quotes     {_finding(report.crossed_quotes)}"
    yield f"outside session    {_finding(report.outside_session)}"


def _capped(lines: list[str], what: str) -> Iterator[str]:
    yield from lines[:_MOST_LISTED]
    if len(lines) > _MOST_LISTED:
        yield f"  ... and {len(lines) - _MOST_LISTED} more {what}; --json lists all"


def _symbols(symbols: tuple[str, ...]) -> str:
    shown = ", ".join(symbols[:5])
    return shown + (f" and {len(symbols) - 5} more" if len(symbols) > 5 else "")


def _day(day: DayReport) -> str:
    text = f"  day {day.day} ({day.kind}): {day.ticks} ticks in {day.seconds} seconds, {day.first} to {day.last}"
    return text + (f", REPEATS {day.repeats}" if day.repeats else "")


def _gap(gap: Gap) -> str:
    return f"  gap {gap.day} {gap.begin} to {gap.end}: {gap.seconds} s without {gap.symbol or 'any tick'}"


def _finding(finding: Finding) -> str:
    if not finding.count:
        return "0"
    more = ", ..." if finding.count > len(finding.places) else ""
    return f"{finding.count} ({finding.action}): {', '.join(finding.places)}{more}"
