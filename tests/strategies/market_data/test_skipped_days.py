"""Days that a run passes over because its data have none of them are told, each with its reason."""

from datetime import date
from pathlib import Path

from strategies.engine.ticks import TickList
from strategies.market_data import skipped_days
from strategies.market_data.calendar import MissingDay
from strategies.market_data.files import load_market_data
from tests.builders.market_data import second

HEADER = "timestamp,symbol,ltp\n"


def files_of(folder: Path, *days: str) -> list[Path]:
    """Write a file for each day."""
    paths = [folder / f"{day}.csv" for day in days]
    for path in paths:
        path.write_text(f"{HEADER}{path.stem} 09:15:00,NIFTY,100\n")
    return paths


def test_open_days_and_holidays_without_data_are_told_and_weekends_are_not(tmp_path: Path) -> None:
    data = load_market_data(files_of(tmp_path, "2024-11-13", "2024-11-19"))

    days = skipped_days.skipped_days(data)

    # The 15th was a holiday, the 16th and 17th a weekend.
    assert days == (
        MissingDay(date(2024, 11, 14), "no data"),
        MissingDay(date(2024, 11, 15), "holiday"),
        MissingDay(date(2024, 11, 18), "no data"),
    )
    assert skipped_days.as_document(days)[1] == {"date": "2024-11-15", "reason": "holiday"}
    assert skipped_days.sentences(days)[:2] == [
        "Skipped 2024-11-14: no data, though the exchange was open",
        "Skipped 2024-11-15: a holiday",
    ]


def test_days_before_and_after_the_data_count_where_the_run_covers_them(tmp_path: Path) -> None:
    data = load_market_data(files_of(tmp_path, "2024-11-13")[0])

    days = skipped_days.skipped_days(data, start=date(2024, 11, 12), end=date(2024, 11, 14))

    assert [day.day.day for day in days] == [12, 14]
    assert skipped_days.skipped_days(data) == ()


def test_a_market_that_never_closes_has_no_weekends(tmp_path: Path) -> None:
    data = load_market_data(files_of(tmp_path, "2024-11-15", "2024-11-18"))
    data.market = "24h"

    assert [(day.day.day, day.reason) for day in skipped_days.skipped_days(data)] == [(16, "no data"), (17, "no data")]


def test_market_data_of_another_kind_are_asked_for_their_days() -> None:
    seconds = [second("09:15:00", {"NIFTY": 1}, date(2024, 11, day)) for day in (13, 15)]

    assert skipped_days.skipped_days(TickList(seconds)) == (MissingDay(date(2024, 11, 14), "no data"),)


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    data = load_market_data(files_of(tmp_path, "2024-11-13")[0])
    days = skipped_days.skipped_days(data, start=date(2024, 9, 2))

    lines = skipped_days.sentences(days)

    assert len(lines) == skipped_days.MOST_DAYS_TOLD + 1
    assert lines[-1] == f"Skipped {len(days) - 20} more days, the last one 2024-11-12"
