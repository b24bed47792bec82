"""
Import market data: `python manage.py import_market_data --format kite-csv --out nifty.parquet NIFTY=candles.csv`.

Prints a report of what was found. With a fault nothing is written, and the exit code is 2.
"""

from __future__ import annotations

import argparse
import json
from datetime import tzinfo
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import BaseCommand, CommandError

from strategies.engine.errors import SymbolInvalid
from strategies.engine.symbols import parse_symbol
from strategies.market_data import calendar, exchange_time, tick_file
from strategies.market_data.file_errors import MarketDataFileInvalid
from strategies.market_data.importers import formats, nse_udiff, quantities, report_text
from strategies.market_data.importers.import_report import ImportReport
from strategies.market_data.importers.options import WALKS, ImportOptions, Source
from strategies.market_data.tick_table import TickTable

_REFUSED = 2
_CONTRACTS = "nse-udiff"


class Command(BaseCommand):
    """Import files of market data and report what was found in them."""

    help = (
        "Import files of market data of one format, print a report, and write them as Parquet. "
        "With a fault nothing is written, and the exit code is 2."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        names = [*formats.FORMATS, _CONTRACTS]
        parser.add_argument("--format", required=True, choices=names, dest="layout", help="the layout of the files")
        parser.add_argument(
            "--out",
            type=Path,
            metavar="FILE.parquet|FOLDER",
            help="what to write: one file, or a folder with a file for each day; without it only the report is made",
        )
        parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the report as one line of JSON")
        _add_options(parser)
        parser.add_argument(
            "files",
            nargs="+",
            metavar="[SYMBOL=]FILE",
            help="the files; SYMBOL names the instrument where a file does not, such as NIFTY=candles.csv",
        )

    def handle(self, *_args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's own signature
        """Import them."""
        sources = [_source(text) for text in options["files"]]
        if options["layout"] == _CONTRACTS:
            self._list_contracts(sources, options)
            return
        try:
            imported = formats.import_files(options["layout"], sources, _options(options))
        except formats.ImportRefused as error:
            self._print(error.report, as_json=options["as_json"])
            _refuse(f"Nothing was written: {error}")
        paths: tuple[Path, ...] = ()
        if out := options["out"]:
            dates = [f"{day}.parquet" for day in imported.table.dates]
            _check_out(_targets(out, dates), is_overwritten=options["overwrite"])
        self._print(imported.report, as_json=options["as_json"])
        if out:
            about = {"format": imported.report.format, "volume_unit": imported.report.volume_unit}
            try:
                paths = _write(imported.table, out, about)
            except OSError as error:
                _refuse(f"{out} cannot be written: {error}")
        for path in paths:
            self.stderr.write(f"Wrote {path}.")

    def _print(self, report: ImportReport, *, as_json: bool) -> None:
        self.stdout.write(json.dumps(report.as_json()) if as_json else report_text.render(report))

    def _list_contracts(self, sources: list[Source], options: dict[str, Any]) -> None:
        out: Path | None = options["out"]
        if len(sources) > 1:
            raise CommandError(f"--format {_CONTRACTS} takes one file at a time")
        symbol = sources[0].symbol
        try:
            listed = nse_udiff.read_contracts(sources[0].path, underlyings=[symbol] if symbol else None)
        except MarketDataFileInvalid as error:
            _refuse(f"Nothing was written: {error}")
        if out:
            _check_out([out], is_overwritten=options["overwrite"])
        summary = _summary_of(listed)
        self.stdout.write(json.dumps(summary) if options["as_json"] else _text_of(summary))
        if out:
            try:
                nse_udiff.write_contracts(listed, out)
            except OSError as error:
                _refuse(f"{out} cannot be written: {error}")
            self.stderr.write(f"Wrote {out}.")


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--walk", choices=WALKS, default="OLHC", help="the order of a candle's prices (default: OLHC)")
    parser.add_argument("--sort", action="store_true", help="sort rows that are out of order, and merge files")
    parser.add_argument("--drop-duplicates", action="store_true", help="leave out ticks that are there twice")
    parser.add_argument("--skip-zero-prices", action="store_true", help="leave out rows with a price of 0")
    parser.add_argument("--session-only", action="store_true", help="leave out ticks outside the exchange's hours")
    parser.add_argument("--gap-seconds", type=_positive, default=60, metavar="N", help="report longer silences")
    parser.add_argument("--grid", type=_grid, metavar="STEP", help="the step of prices; 0 for none")
    parser.add_argument("--market", choices=calendar.MARKETS, help="whose hours the data have")
    parser.add_argument(
        "--timezone", type=_zone, default=exchange_time.EXCHANGE_ZONE, help="zone of times without an offset"
    )
    parser.add_argument("--candle-seconds", type=_positive, metavar="N", help="length of a candle")
    parser.add_argument(
        "--volume-decimals", type=_decimals, metavar="N", help="decimals of quantities to keep, as whole numbers"
    )
    parser.add_argument("--cumulative-volume", action="store_true", help="volume counts from the start of the day")
    parser.add_argument("--header", type=_names, metavar="NAME,...", help="all columns of a CSV file without a header")
    parser.add_argument(
        "--columns", type=_mapping, default={}, metavar="OURS=THEIRS,...", help="what the file calls our columns"
    )


def _options(options: dict[str, Any]) -> ImportOptions:
    return ImportOptions(
        walk=options["walk"],
        sort=options["sort"],
        drop_duplicates=options["drop_duplicates"],
        skip_zero_prices=options["skip_zero_prices"],
        session_only=options["session_only"],
        gap_seconds=options["gap_seconds"],
        market=options["market"],
        grid=options["grid"],
        zone=options["timezone"],
        candle_seconds=options["candle_seconds"],
        volume_decimals=options["volume_decimals"],
        is_volume_cumulative=options["cumulative_volume"],
        header=options["header"],
        columns=options["columns"],
    )


def _source(text: str) -> Source:
    symbol, equals, path = text.partition("=")
    # A path may have an equals sign as well; what stands before it is a symbol only if it looks like one.
    if not equals or Path(text).exists():
        return Source(Path(text))
    try:
        parse_symbol(symbol)
    except SymbolInvalid as error:
        raise CommandError(f"{text!r} is not a file, and {error}") from error
    return Source(Path(path), symbol)


def _targets(out: Path, names: list[str]) -> list[Path]:
    return [out] if _is_file(out) else [out / name for name in names]


def _is_file(out: Path) -> bool:
    return out.suffix == ".parquet" and not out.is_dir()


def _check_out(paths: list[Path], *, is_overwritten: bool) -> None:
    for path in paths:
        if path.suffix != ".parquet":
            _refuse(f"{path} does not end in .parquet")
        if path.exists() and not is_overwritten:
            _refuse(f"{path} is there already; choose another name, or --overwrite")


def _write(table: TickTable, out: Path, about: dict[str, Any]) -> tuple[Path, ...]:
    if not _is_file(out):
        return tick_file.write_days(table, out, about=about)
    tick_file.write_ticks(table, out, about=about)
    return (out,)


def _summary_of(listed: nse_udiff.ContractList) -> dict[str, Any]:
    underlyings = sorted({contract.underlying for contract in listed.contracts})
    return {
        "format": _CONTRACTS,
        "day": listed.day.isoformat(),
        "contracts": len(listed.contracts),
        "underlyings": {
            name: {expiry.isoformat(): lot for expiry, lot in listed.lots(name).items()} for name in underlyings
        },
    }


def _text_of(summary: dict[str, Any]) -> str:
    lines = [f"format             {_CONTRACTS}", f"day                {summary['day']}"]
    lines.append(f"contracts          {summary['contracts']}")
    for name, lots in summary["underlyings"].items():
        lines.append(f"{name}: expiry and lot")
        lines += [f"  {expiry}  {lot}" for expiry, lot in lots.items()]
    return "\n".join(lines)


def _refuse(message: str) -> NoReturn:
    raise CommandError(message, returncode=_REFUSED)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _decimals(text: str) -> int:
    if not text.isdecimal() or int(text) > quantities.MOST_DECIMALS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {quantities.MOST_DECIMALS}")
    return int(text)


def _grid(text: str) -> Decimal:
    try:
        grid = Decimal(text)
    except InvalidOperation:
        grid = Decimal(-1)
    if not grid.is_finite() or grid < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a step of 0 or more")
    return grid


def _zone(text: str) -> tzinfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time zone, such as UTC or Asia/Kolkata") from None


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of different names, such as timestamp,ltp")
    return names


def _mapping(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(equals and ours.strip() for ours, equals, _ in pairs):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list like timestamp=ts,ltp=price")
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}
