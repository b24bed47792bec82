"""
The rows of all files become one table of ticks, and the report on them.

Order of work: what each file shows by itself (zero prices, order, rows that are there twice), then whether files of the
same instrument overlap, then the joined ticks (session, grid, quotes, days, gaps). Faults are collected as far as they
do not stand in each other's way; with any, there is a report and no table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations

import numpy as np

from strategies.engine.errors import MarketDataInvalid
from strategies.market_data import calendar, exchange_time
from strategies.market_data.file_errors import MarketDataFileInvalid
from strategies.market_data.importers import inspection, joined_ticks, places, quantities, tick_rows
from strategies.market_data.importers.faults import Faults
from strategies.market_data.importers.import_report import FileReport, ImportReport
from strategies.market_data.importers.joined_ticks import JoinedTicks
from strategies.market_data.importers.options import ImportOptions
from strategies.market_data.importers.places import NOTHING, Places
from strategies.market_data.importers.tick_rows import TickRows
from strategies.market_data.tick_table import TickTable

# A price is on the grid if it lies this close to it, in steps: more than a double is off, less than any price could be.
_STEP_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class ImportedTicks:
    """What an import gives."""

    table: TickTable
    report: ImportReport


class ImportRefused(MarketDataInvalid):
    """Files cannot be imported; the report says why."""

    def __init__(self, report: ImportReport) -> None:
        self.report = report
        first = report.faults[0]
        more = f" (and {report.fault_count - 1} more)" if report.fault_count > 1 else ""
        super().__init__(f"{first.message}{more}", place=first.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is true of a format."""

    format: str
    market: calendar.Market
    #: The zone of timestamps that are numbers; None where they are dates and times.
    epoch_zone: str | None
    grid: Decimal | None
    volume_decimals: int
    candle_walk: str | None


def assemble(read: Sequence[TickRows], facts: Facts, options: ImportOptions, faults: Faults) -> ImportedTicks:
    """
    Join the rows of files.

    Args:
        read: What could be read, file by file.
        facts: What is true of the format.
        options: What the caller decides.
        faults: What was wrong so far.

    Raises:
        ImportRefused: If anything was or is wrong.
    """
    draft = _Draft(facts, options, faults)
    draft.files = [draft.file_report(rows) for rows in read]
    parts = [part for part in (draft.checked(rows) for rows in read) if len(part.ltp)]
    if not options.sort:
        draft.check_overlaps(parts)
    if not parts and not faults.count and read:
        faults.add(MarketDataFileInvalid(read[0].file.path, fault="no tick is left", remedy="check the options"))
    if faults.count or not parts:
        raise ImportRefused(draft.report(read, None))
    table = draft.joined(parts)
    if table is None:
        path = parts[0].file.path
        faults.add(MarketDataFileInvalid(path, fault="no tick lies within a session", remedy=_zone_remedy(options)))
        raise ImportRefused(draft.report(read, None))
    return ImportedTicks(table, draft.report(read, table))


class _Draft:
    """A report that is being written."""

    def __init__(self, facts: Facts, options: ImportOptions, faults: Faults) -> None:
        self.facts = facts
        self.options = options
        self.faults = faults
        self.files: list[FileReport] = []
        self.zero_prices = self.out_of_order = self.duplicates = NOTHING
        self.off_grid = self.crossed_quotes = self.outside_session = NOTHING
        self.grid = facts.grid if options.grid is None else (options.grid or None)

    def checked(self, rows: TickRows) -> TickRows:
        """Check what the ticks of one file show by themselves; return those that are taken."""
        rows = self._without_zero_prices(rows)
        rows = self._in_order(rows)
        return self._without_duplicates(rows)

    def _without_zero_prices(self, rows: TickRows) -> TickRows:
        is_zero = rows.ltp == 0
        zero_rows = np.concatenate((np.array(rows.zero_rows, dtype=np.int64), rows.rows[is_zero]))
        skip = self.options.skip_zero_prices
        self.zero_prices = places.added(
            self.zero_prices, Places.of(rows.file, zero_rows), "removed" if skip else "refused"
        )
        if not is_zero.any():
            return rows
        if not skip:
            self.faults.extend(quantities.zero_faults(rows.file, rows.rows[is_zero]))
        return rows.take(~is_zero)

    def _in_order(self, rows: TickRows) -> TickRows:
        order, backward = tick_rows.in_order(rows.microseconds)
        late_rows = np.concatenate((np.array(rows.sorted_rows, dtype=np.int64), rows.rows[backward]))
        action = "sorted" if self.options.sort else "refused"
        self.out_of_order = places.added(self.out_of_order, Places.of(rows.file, late_rows), action)
        if not len(backward):
            return rows
        if not self.options.sort:
            self.faults.extend(quantities.order_faults(rows.file, rows.rows, rows.microseconds, backward))
        return rows.take(order)

    def _without_duplicates(self, rows: TickRows) -> TickRows:
        # A candle that is flat gives equal ticks; its own repeats were found before it was walked.
        if rows.candle_seconds is not None:
            repeated = Places.of(rows.file, np.array(rows.repeated_rows, dtype=np.int64))
            self.duplicates = places.added(self.duplicates, repeated, "removed")
            return rows
        columns = [rows.microseconds, rows.codes, rows.ltp, rows.volume, rows.oi]
        columns += [column for column in (rows.bid, rows.ask, rows.identity) if column is not None]
        is_repeat = tick_rows.repeats(columns)
        is_removed = self.options.drop_duplicates or rows.identity is not None
        repeated = Places.of(rows.file, rows.rows[is_repeat])
        self.duplicates = places.added(self.duplicates, repeated, "removed" if is_removed else "kept")
        return rows.take(~is_repeat) if is_removed and len(repeated) else rows

    def check_overlaps(self, parts: Sequence[TickRows]) -> None:
        """Refuse files that tell of the same instrument at the same time."""
        by_time = sorted(parts, key=lambda rows: int(rows.microseconds.min()))
        for earlier, later in combinations(by_time, 2):
            begin, end = int(later.microseconds.min()), int(earlier.microseconds.max())
            common = sorted(set(earlier.symbols) & set(later.symbols))
            if begin > end or not common:
                continue
            fault = (
                f"it begins at {exchange_time.clock_text(begin)}, and {earlier.file.path} goes on to "
                f"{exchange_time.clock_text(end)}; both have {common[0]}"
            )
            remedy = "leave one out, or merge them: --sort"
            self.faults.add(MarketDataFileInvalid(later.file.path, fault=fault, remedy=remedy))

    def joined(self, parts: Sequence[TickRows]) -> TickTable | None:
        """Join the ticks of all files; None if none is left."""
        columns = self._of_sessions(joined_ticks.join(parts))
        if not len(columns.ltp):
            return None
        self._note_oddities(columns)
        return TickTable(
            epoch_seconds=columns.microseconds // exchange_time.MICROSECONDS,
            symbol_codes=columns.codes,
            symbol_names=columns.symbols,
            ltp=columns.ltp,
            volume=columns.volume,
            oi=columns.oi,
            bid=columns.bid,
            ask=columns.ask,
            market=self.facts.market,
            candle_walk=self.facts.candle_walk,
        )

    def _of_sessions(self, columns: JoinedTicks) -> JoinedTicks:
        if self.facts.market == "24h":
            return columns
        outside = ~columns.is_in_session()
        action = "removed" if self.options.session_only else "kept"
        self.outside_session = places.added(self.outside_session, columns.places(outside), action)
        return columns.take(np.flatnonzero(~outside)) if self.options.session_only and outside.any() else columns

    def _note_oddities(self, columns: JoinedTicks) -> None:
        if self.grid is not None:
            steps = columns.ltp / float(self.grid)
            is_off = np.abs(steps - np.round(steps)) > _STEP_TOLERANCE
            self.off_grid = places.added(self.off_grid, columns.places(is_off), "kept")
        if columns.bid is not None and columns.ask is not None:
            # A comparison with NaN is false.
            self.crossed_quotes = places.added(self.crossed_quotes, columns.places(columns.bid > columns.ask), "kept")

    def file_report(self, rows: TickRows) -> FileReport:
        """Describe one file as it was read."""
        moments = rows.microseconds
        has_ticks = len(moments) > 0
        return FileReport(
            path=str(rows.file.path),
            symbols=tuple(sorted(set(rows.symbols))),
            rows=rows.file.row_count,
            first=exchange_time.clock_text(int(moments.min())) if has_ticks else "",
            last=exchange_time.clock_text(int(moments.max())) if has_ticks else "",
            candle_seconds=rows.candle_seconds,
        )

    def report(self, read: Sequence[TickRows], table: TickTable | None) -> ImportReport:
        """Write the report."""
        longest_candle = max((rows.candle_seconds or 0 for rows in read), default=0)
        gap_seconds = max(self.options.gap_seconds, longest_candle)
        days = inspection.day_reports(table) if table else ()
        missing = (
            calendar.missing_days(table.dates, start=table.first_date, end=table.last_date, market=table.market)
            if table
            else ()
        )
        report = ImportReport(
            format=self.facts.format,
            files=tuple(self.files),
            rows=sum(file.rows for file in self.files),
            ticks=table.total_raw_ticks if table else 0,
            symbols=tuple(sorted(table.symbols)) if table else (),
            days=days,
            missing_days=missing,
            gaps=inspection.gaps(table, gap_seconds=gap_seconds) if table else (),
            gap_seconds=gap_seconds,
            duplicates=self.duplicates,
            out_of_order=self.out_of_order,
            zero_prices=self.zero_prices,
            off_grid=self.off_grid,
            crossed_quotes=self.crossed_quotes,
            outside_session=self.outside_session,
            grid=self.grid,
            timezone_assumed=self._timezone(read),
            candle_walk=self.facts.candle_walk,
            volume_unit=quantities.unit_text(self.facts.volume_decimals),
            warnings=(),
            faults=tuple(self.faults.first),
            fault_count=self.faults.count,
        )
        return replace(report, warnings=_warnings(report, self.options))

    def _timezone(self, read: Sequence[TickRows]) -> str:
        if self.facts.epoch_zone:
            return self.facts.epoch_zone
        if not read:
            return "not known"
        return str(self.options.zone) if any(rows.is_naive for rows in read) else "none (every time has an offset)"


def _warnings(report: ImportReport, options: ImportOptions) -> tuple[str, ...]:
    warnings = []
    for day in report.days:
        if day.repeats:
            warnings.append(f"{day.day} repeats {day.repeats}: the same prices at the same times")
        if day.kind in {"holiday", "weekend"}:
            warnings.append(f"{day.day} is a {day.kind} of the exchange, yet there are {day.ticks} ticks")
    if report.ticks and report.outside_session.count == report.ticks:
        warnings.append(f"every tick lies outside the session; {_zone_remedy(options)}")
    return tuple(warnings)


def _zone_remedy(options: ImportOptions) -> str:
    return f"are the times of {options.zone}? name their zone with --timezone, such as --timezone UTC"
