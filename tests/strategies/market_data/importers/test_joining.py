"""Files of several instruments and days become one table, in an order that the order of the files does not change."""

import itertools
import json
from pathlib import Path

import pytest

from strategies.market_data.importers import report_text
from strategies.market_data.importers.formats import import_files
from strategies.market_data.importers.options import Source
from tests.strategies.market_data.importers.importing import faults_of, imported, refused, written
from tests.strategies.market_data.seconds import seconds_of

CALL = "NIFTY:2024-11-07:OPT:24250:CE"
PUT = "NIFTY:2024-11-07:OPT:24250:PE"
FUTURE = "NIFTY:2024-11-28:FUT"
HEADER = "timestamp,ltp"


def ticks_file(folder: Path, name: str, *lines: str, day: str = "2024-10-29") -> Path:
    return written(folder / f"{name}.csv", HEADER, *(f"{day} {line}" for line in lines))


def test_within_a_second_the_underlying_comes_first_whatever_the_order_of_the_files(tmp_path: Path) -> None:
    """A condition on an option that looks at the index must see the index of the same second."""
    sources = [
        (PUT, ticks_file(tmp_path, "put", "09:15:00,180", "09:15:01,181")),
        ("NIFTY", ticks_file(tmp_path, "index", "09:15:00,24300", "09:15:01,24301")),
        (FUTURE, ticks_file(tmp_path, "future", "09:15:01,24400")),
        (CALL, ticks_file(tmp_path, "call", "09:15:00,170")),
    ]

    tables = [imported("ticks", *order).table for order in itertools.permutations(sources)]

    assert len({table.fingerprint for table in tables}) == 1
    seconds = [[tick.symbol for tick in second.ticks] for second in seconds_of(tables[0])]
    assert seconds == [["NIFTY", CALL, PUT], ["NIFTY", PUT, FUTURE]]


def test_days_come_in_any_order(tmp_path: Path) -> None:
    first = ticks_file(tmp_path, "a", "09:15:00,100")
    second = ticks_file(tmp_path, "b", "09:15:00,101", day="2024-10-30")

    report = imported("ticks", ("X", second), ("X", first)).report

    assert [str(day.day) for day in report.days] == ["2024-10-29", "2024-10-30"]


def test_files_that_overlap_are_refused_or_merged_on_request(tmp_path: Path) -> None:
    first = ticks_file(tmp_path, "a", "09:15:00,100", "09:15:02,102")
    second = ticks_file(tmp_path, "b", "09:15:01,101", "09:15:03,103")

    report = refused("ticks", ("X", first), ("X", second))
    merged = imported("ticks", ("X", first), ("X", second), sort=True).table

    assert faults_of(report) == [
        (None, f"it begins at 2024-10-29 09:15:01, and {first} goes on to 2024-10-29 09:15:02; both have X")
    ]
    assert report.faults[0].path == second
    assert [second_.ticks[0].ltp for second_ in seconds_of(merged)] == [100, 101, 102, 103]


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    path = ticks_file(tmp_path, "a", "09:15:00,100")

    assert len(refused("ticks", ("X", path), ("X", path)).faults) == 1


def test_a_silence_of_more_than_the_threshold_is_a_gap_and_one_of_just_that_is_not(tmp_path: Path) -> None:
    """Open and close count as well: what is not there at the ends of a session is missing, too."""
    lines = ["09:15:10,1", "09:16:10,1", "09:17:11,1", *(f"{9 + m // 60:02}:{m % 60:02}:30,1" for m in range(17, 390))]
    path = ticks_file(tmp_path, "a", *lines)

    gaps = imported("ticks", ("X", path)).report.gaps

    assert [(gap.begin, gap.end, gap.seconds) for gap in gaps] == [("09:16:10", "09:17:11", 61)]


def test_silence_at_open_and_close_and_before_the_second_part_of_a_session(tmp_path: Path) -> None:
    """Saturday 2024-03-02 had two sessions, 09:15 to 10:00 and 11:30 to 12:30; the pause is no gap."""
    path = ticks_file(tmp_path, "a", "09:20:00,1", "09:59:30,1", "11:30:00,1", "12:00:00,1", day="2024-03-02")

    gaps = imported("ticks", ("X", path), gap_seconds=290).report.gaps

    assert [(gap.begin, gap.end) for gap in gaps] == [
        ("09:15:00", "09:20:00"),
        ("09:20:00", "09:59:30"),
        ("11:30:00", "12:00:00"),
        ("12:00:00", "12:30:00"),
    ]


def test_only_the_underlying_must_tick_all_the_time_and_without_one_the_feed(tmp_path: Path) -> None:
    index = ("NIFTY", ticks_file(tmp_path, "index", "10:00:00,1", "10:01:00,1", "10:02:00,1"))
    put = (PUT, ticks_file(tmp_path, "put", "10:00:00,1", "10:30:00,1"))

    both = imported("ticks", index, put).report.gaps
    alone = imported("ticks", put).report.gaps

    assert {gap.symbol for gap in both} == {"NIFTY"}
    assert [(gap.begin, gap.end, gap.symbol) for gap in alone][1] == ("10:00:00", "10:30:00", "")


def test_ticks_outside_the_session_are_counted_or_left_out(tmp_path: Path) -> None:
    path = ticks_file(tmp_path, "a", "09:14:59,1", "09:15:00,1", "15:30:00,1", "15:30:01,1")

    kept, cut = (imported("ticks", ("X", path), session_only=only).report for only in (False, True))

    assert (kept.ticks, kept.outside_session.count, kept.outside_session.action) == (4, 2, "kept")
    assert (cut.ticks, cut.outside_session.count, cut.outside_session.action) == (2, 2, "removed")
    assert kept.outside_session.places == ("a.csv, line 2", "a.csv, line 5")


@pytest.mark.parametrize(("ticks", "expected"), [(60, "2024-10-29"), (59, None)])
def test_a_day_that_repeats_another_is_flagged_unless_it_is_too_short_to_tell(
    tmp_path: Path, ticks: int, expected: str | None
) -> None:
    lines = [f"09:15:{second:02},{second + 1}" for second in range(ticks)]
    paths = [("X", ticks_file(tmp_path, day, *lines, day=day)) for day in ("2024-10-29", "2024-10-30")]

    report = imported("ticks", *paths).report

    assert [day.repeats and str(day.repeats) for day in report.days] == [None, expected]


def test_a_day_that_differs_in_one_price_is_not_a_repeat(tmp_path: Path) -> None:
    lines = [f"09:15:{second:02},{second + 1}" for second in range(60)]
    first = ticks_file(tmp_path, "a", *lines)
    second = ticks_file(tmp_path, "b", *lines[:-1], "09:15:59,61", day="2024-10-30")

    assert [day.repeats for day in imported("ticks", ("X", first), ("X", second)).report.days] == [None, None]


def test_days_between_the_first_and_the_last_that_have_no_data_are_named_with_the_reason(tmp_path: Path) -> None:
    first = ticks_file(tmp_path, "a", "09:15:00,100", day="2022-11-04")
    second = ticks_file(tmp_path, "b", "09:15:00,101", day="2022-11-10")

    missing = imported("ticks", ("X", first), ("X", second)).report.missing_days

    assert [(str(day.day), day.reason) for day in missing] == [
        ("2022-11-05", "weekend"),
        ("2022-11-06", "weekend"),
        ("2022-11-07", "no data"),
        ("2022-11-08", "holiday"),
        ("2022-11-09", "no data"),
    ]


def test_the_report_is_text_and_json(tmp_path: Path) -> None:
    path = ticks_file(tmp_path, "a", "09:15:00,100", "09:15:00,100", "15:30:00,100.07")

    report = imported("ticks", ("NIFTY", path)).report

    assert report_text.render(report).splitlines() == [
        "format             ticks",
        f"file               {path}: 3 rows, 2024-10-29 09:15:00 to 2024-10-29 15:30:00",
        "rows               3",
        "timezone assumed   Asia/Kolkata",
        "ticks              3",
        "symbols            NIFTY",
        "candle walk        none, these are ticks",
        "volume unit        1",
        "days               1",
        "  day 2024-10-29 (session): 3 ticks in 2 seconds, 09:15:00 to 15:30:00",
        "days without data  none",
        "gaps               1 of more than 60 s",
        "  gap 2024-10-29 09:15:00 to 15:30:00: 22500 s without NIFTY",
        "off the grid       1 (kept): a.csv, line 4 (grid 0.05)",
        "crossed quotes     0",
        "outside session    0",
        "duplicates         1 (kept): a.csv, line 3",
        "out of order       0",
        "zero prices        0",
    ]
    document = json.loads(json.dumps(report.as_json()))
    assert document["days"] == [
        {
            "day": "2024-10-29",
            "kind": "session",
            "ticks": 3,
            "seconds": 2,
            "first": "09:15:00",
            "last": "15:30:00",
            "repeats": None,
        }
    ]
    assert document["duplicates"] == {"count": 1, "places": ["a.csv, line 3"], "action": "kept"}
    assert (document["grid"], document["candle_walk"], document["faults"]) == ("0.05", None, [])


def test_the_report_of_a_refusal_lists_the_faults(tmp_path: Path) -> None:
    path = ticks_file(tmp_path, "a", "09:15:00,100", "09:14:00,100")

    report = refused("ticks", ("NIFTY", path))

    fault = "rows are out of order: 2024-10-29 09:14:00 comes after 2024-10-29 09:15:00"
    remedy = "sort the file by time, or let the import do so: --sort"
    assert report_text.render(report).splitlines()[-1] == f"FAULT              {path}, line 3: {fault}; {remedy}"
    assert report.as_json()["faults"] == [{"path": str(path), "line": 3, "row": None, "fault": fault, "remedy": remedy}]
    assert report.as_json()["fault_count"] == 1


def test_long_lists_are_cut_in_the_text_and_whole_in_json(tmp_path: Path) -> None:
    lines = [f"{hour:02}:{minute:02}:00,1" for hour in range(10, 15) for minute in range(0, 60, 2)]

    report = imported("ticks", ("X", ticks_file(tmp_path, "a", *lines))).report

    assert len(report.gaps) == len(report.as_json()["gaps"]) == len(lines) + 1
    assert "  ... and 111 more gaps; --json lists all" in report_text.render(report).splitlines()


def test_a_format_that_is_not_there_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no format 'xlsx'"):
        import_files("xlsx", [Source(tmp_path)])
    with pytest.raises(ValueError, match="at least one file"):
        import_files("ticks", [])
