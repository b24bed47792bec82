"""Plain ticks: the project's own columns, other names for them, no header, other zones."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from strategies.market_data import tick_file
from strategies.market_data.simulator import sample_day
from tests.strategies.market_data.importers.importing import faults_of, imported, refused, taken_or_refused, written
from tests.strategies.market_data.seconds import seconds_of

PUT = "NIFTY:2024-11-07:OPT:24250:PE"
HEADER = "timestamp,symbol,ltp,volume,oi"
LINES = [
    HEADER,
    "2024-10-29 09:15:00,NIFTY,24328.85,0,0",
    f"2024-10-29 09:15:00,{PUT},181.6,75,66350",
    "2024-10-29 09:15:01,NIFTY,24329,0,0",
]


def test_the_projects_own_files_come_in_as_they_are_loaded(tmp_path: Path) -> None:
    path = written(tmp_path / "ticks.csv", *LINES)

    result = imported("ticks", path)

    assert result.table.fingerprint == tick_file.load_tick_file(path).fingerprint
    assert (result.report.rows, result.report.ticks, result.report.symbols) == (3, 3, ("NIFTY", PUT))


def test_the_sample_day_comes_in_from_parquet(tmp_path: Path) -> None:
    path = tmp_path / "ticks.parquet"
    tick_file.write_ticks(sample_day(), path)

    result = imported("ticks", path)

    assert result.table.day_fingerprints == sample_day().day_fingerprints
    assert result.report.faults == ()
    assert (result.report.off_grid.count, result.report.zero_prices.count, result.report.gaps) == (0, 0, ())


def test_columns_of_other_names_and_a_file_without_header(tmp_path: Path) -> None:
    expected = imported("ticks", written(tmp_path / "a.csv", *LINES)).table.fingerprint
    renamed = [line.replace(HEADER, "time,instrument,price,qty,open_interest") for line in LINES]
    names = {"timestamp": "time", "symbol": "instrument", "ltp": "price", "volume": "qty", "oi": "open_interest"}

    other = imported("ticks", written(tmp_path / "b.csv", *renamed), columns=names)
    bare = imported("ticks", written(tmp_path / "c.csv", *LINES[1:]), header=tuple(HEADER.split(",")))

    assert (other.table.fingerprint, bare.table.fingerprint) == (expected, expected)


def test_a_faulty_line_of_a_file_without_header_is_counted_from_one(tmp_path: Path) -> None:
    path = written(tmp_path / "c.csv", LINES[1], LINES[2].replace("181.6", "x"))

    assert faults_of(refused("ticks", path, header=tuple(HEADER.split(",")))) == [
        (2, "ltp is 'x', which is not a number")
    ]


def test_a_line_with_too_few_fields_of_a_file_without_header_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "c.csv", "2022-11-07 09:15:00,18047.2", "2022-11-07 09:15:01")

    report = refused("ticks", ("NIFTY", path), header=("timestamp", "ltp"))

    assert faults_of(report) == [(2, "the line has 1 fields, 2 are expected")]


def test_faults_of_several_columns_and_files_are_listed_together(tmp_path: Path) -> None:
    first = written(tmp_path / "a.csv", *LINES, "later,NIFTY,-5,0,0")
    second = written(tmp_path / "b.csv", HEADER, "2024-10-30 09:15:00,NIFTY!,1,x,0")

    assert faults_of(refused("ticks", first, second, tmp_path / "c.csv")) == [
        (5, "timestamp is 'later', which is not a date and time"),
        (5, "ltp is -5, and a price is above zero"),
        (2, "symbol is 'NIFTY!', which is not a symbol"),
        (2, "volume is 'x', which is not a number"),
        (None, "the file does not exist"),
    ]


def test_an_empty_quantity_is_not_known_and_an_empty_price_is_a_fault(tmp_path: Path) -> None:
    good = imported("ticks", written(tmp_path / "a.csv", HEADER, "2024-10-29 09:15:00,NIFTY,24328.85,,"))
    bad = refused("ticks", written(tmp_path / "b.csv", HEADER, "2024-10-29 09:15:00,NIFTY,,0,0"))

    assert next(good.table.days()).oi.tolist() == [0]
    assert faults_of(bad) == [(2, "ltp is empty")]


def test_prices_of_zero_are_refused_or_left_out_on_request(tmp_path: Path) -> None:
    """Some sources write 0 for a contract that was never traded."""
    path = written(tmp_path / "a.csv", *LINES, f"2024-10-29 09:15:02,{PUT},0.0,0,0", f"2024-10-29 09:15:03,{PUT},0,0,0")

    report = refused("ticks", path)
    kept = imported("ticks", path, skip_zero_prices=True).report

    assert faults_of(report) == [(line, "the price is 0, and a price is above zero") for line in (5, 6)]
    assert (report.zero_prices.count, report.zero_prices.action) == (2, "refused")
    assert (kept.ticks, kept.zero_prices.count, kept.zero_prices.action) == (3, 2, "removed")
    assert kept.zero_prices.places == ("a.csv, line 5", "a.csv, line 6")


def test_times_without_offset_are_of_the_zone_that_is_named(tmp_path: Path) -> None:
    utc = [line.replace(" 09:15", " 03:45") for line in LINES]
    expected = imported("ticks", written(tmp_path / "a.csv", *LINES))

    result = imported("ticks", written(tmp_path / "b.csv", *utc), zone=ZoneInfo("UTC"))

    assert result.table.fingerprint == expected.table.fingerprint
    assert (expected.report.timezone_assumed, result.report.timezone_assumed) == ("Asia/Kolkata", "UTC")


def test_a_zone_with_summer_time_is_converted_by_the_date(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "timestamp,ltp", "2024-07-01 00:00:00,1", "2024-12-02 00:00:00,2")

    report = imported("ticks", ("X", path), zone=ZoneInfo("America/New_York")).report

    assert [(str(day.day), day.first) for day in report.days] == [
        ("2024-07-01", "09:30:00"),
        ("2024-12-02", "10:30:00"),
    ]


def test_typed_times_without_zone_are_of_the_zone_that_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"timestamp": pa.array([datetime(2024, 10, 29, 3, 45)], pa.timestamp("ns")), "ltp": [100.0]})  # noqa: DTZ001
    parquet.write_table(table, path)

    assert imported("ticks", ("NIFTY", path), zone=ZoneInfo("UTC")).report.days[0].first == "09:15:00"
    assert imported("ticks", ("NIFTY", path)).report.days[0].first == "03:45:00"


def test_ticks_that_all_lie_outside_the_session_ask_for_their_zone(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", *(line.replace(" 09:15", " 03:45") for line in LINES))

    (warning,) = imported("ticks", path).report.warnings
    assert warning == (
        "every tick lies outside the session; are the times of Asia/Kolkata? name their zone with --timezone, "
        "such as --timezone UTC"
    )
    assert faults_of(refused("ticks", path, session_only=True)) == [(None, "no tick lies within a session")]


def test_cumulative_volume_becomes_the_part_of_each_tick(tmp_path: Path) -> None:
    """The first of a day adds nothing: what came before it was traded earlier. A correction downward adds nothing."""
    lines = [
        "timestamp,symbol,ltp,volume",
        "2024-10-29 09:15:00,A,1,1000",
        "2024-10-29 09:15:00,B,1,5",
        "2024-10-29 09:15:01,A,1,1200",
        "2024-10-29 09:15:02,A,1,1100",
        "2024-10-29 09:15:03,B,1,9",
        "2024-10-29 09:15:03,A,1,1150",
        "2024-10-30 09:15:00,A,1,70",
        "2024-10-30 09:15:01,A,1,80",
    ]

    table = imported("ticks", written(tmp_path / "a.csv", *lines), is_volume_cumulative=True).table

    assert [day.volume.tolist() for day in table.days()] == [[0, 0, 200, 0, 4, 50], [0, 10]]


def test_quotes_come_in_and_crossed_ones_are_counted(tmp_path: Path) -> None:
    lines = [
        "timestamp,ltp,bid,ask",
        "2024-10-29 09:15:00,100,99,101",
        "2024-10-29 09:15:01,100,102,101",
        "2024-10-29 09:15:02,100,102,",
    ]

    result = imported("ticks", ("X", written(tmp_path / "a.csv", *lines)))

    (day,) = result.table.days()
    assert day.bid is not None
    assert day.ask is not None
    assert (day.bid.tolist(), day.ask.tolist()[:2], np.isnan(day.ask[2])) == ([99, 102, 102], [101, 101], True)
    assert (result.report.crossed_quotes.count, result.report.crossed_quotes.places) == (1, ("a.csv, line 3",))


def test_prices_off_the_grid_are_counted_and_kept(tmp_path: Path) -> None:
    lines = ["timestamp,ltp", "2024-10-29 09:15:00,100.05", "2024-10-29 09:15:01,100.07", "2024-10-29 09:15:02,0.05"]
    source = ("X", written(tmp_path / "a.csv", *lines))

    nse = imported("ticks", source).report
    none = imported("ticks", source, grid=0).report

    assert (nse.ticks, nse.off_grid.count, nse.off_grid.places, nse.off_grid.action) == (
        3,
        1,
        ("a.csv, line 3",),
        "kept",
    )
    assert (none.grid, none.off_grid.count) == (None, 0)


@pytest.mark.parametrize("steps", [1, 3633, 486577, 20_000_000])
def test_every_price_of_the_grid_is_on_it(tmp_path: Path, steps: int) -> None:
    path = written(tmp_path / "a.csv", "timestamp,ltp", f"2024-10-29 09:15:00,{steps / 20}")

    assert imported("ticks", ("X", path)).report.off_grid.count == 0


def test_ticks_that_are_there_twice_are_counted_and_left_out_on_request(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", *LINES, LINES[3])

    kept, dropped = (imported("ticks", path, drop_duplicates=drop).report for drop in (False, True))

    assert (kept.ticks, kept.duplicates.count, kept.duplicates.action) == (4, 1, "kept")
    assert (dropped.ticks, dropped.duplicates.count, dropped.duplicates.action) == (3, 1, "removed")
    assert kept.duplicates.places == ("a.csv, line 5",)


ROWS = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["NIFTY", PUT]), st.integers(1, 5), st.integers(0, 2)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_the_report_counts_what_a_plain_count_counts(rows: list[tuple[int, str, int, int]]) -> None:
    begin = datetime(2024, 10, 29, 9, 15)  # noqa: DTZ001 - exchange time
    lines = [f"{begin + timedelta(seconds=second)},{symbol},{ltp},{volume},0" for second, symbol, ltp, volume in rows]
    seconds = [row[0] for row in rows]
    late = sum(second < max(seconds[: place + 1]) for place, second in enumerate(seconds))
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / "a.csv", HEADER, *lines)

        result = imported("ticks", path, sort=True)
        dropped = imported("ticks", path, sort=True, drop_duplicates=True)

    report = result.report
    assert (report.rows, report.ticks) == (len(rows), len(rows))
    assert report.duplicates.count == len(rows) - len(set(rows))
    assert dropped.report.ticks == len(set(rows))
    assert report.out_of_order.count == late
    ticks = [(tick.symbol, tick.ltp, tick.volume) for second in seconds_of(result.table) for tick in second.ticks]
    assert ticks == [row[1:] for row in sorted(rows, key=lambda row: row[0])]


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=120) | st.text(max_size=120).map(lambda text: f"{HEADER}\n{text}".encode()))
def test_any_bytes_are_taken_or_refused_and_nothing_else(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("t.csv", "t.csv.gz", "t.zip", "t.parquet"):
            path = Path(folder) / name
            path.write_bytes(content)

            assert taken_or_refused("ticks", ("NIFTY", path)) != 0


def test_the_reference_day_comes_in_with_an_empty_list_of_oddities(reference_day: Path) -> None:
    result = imported("ticks", reference_day / "ticks.parquet")

    report = result.report
    assert (report.rows, report.ticks, len(report.symbols)) == (505_236, 505_236, 49)
    assert result.table.fingerprint == tick_file.load_tick_file(reference_day / "ticks.parquet").fingerprint
    assert (report.gaps, report.warnings, report.out_of_order.count, report.zero_prices.count) == ((), (), 0, 0)


def test_the_gap_and_the_repeated_holiday_of_november_2022_are_found(real_data: Path) -> None:
    """2022-11-08 was Guru Nanak Jayanti; its file holds the ticks of the day before. 2022-11-28 is silent for 991 s."""
    folder = real_data / "nifty-1s-2022"
    sources = [("NIFTY", folder / f"2022-11-{day}.csv.gz") for day in ("07", "08", "10", "28")]

    report = imported("ticks", *sources, header=("timestamp", "ltp")).report

    assert report.rows == 23_580 + 23_580 + 23_608 + 22_581
    assert [(str(day.day), day.kind, str(day.repeats)) for day in report.days] == [
        ("2022-11-07", "session", "None"),
        ("2022-11-08", "holiday", "2022-11-07"),
        ("2022-11-10", "session", "None"),
        ("2022-11-28", "session", "None"),
    ]
    assert [(str(gap.day), gap.symbol, gap.begin, gap.end, gap.seconds) for gap in report.gaps] == [
        ("2022-11-28", "NIFTY", "10:11:17", "10:27:48", 991)
    ]
    assert report.warnings == (
        "2022-11-08 repeats 2022-11-07: the same prices at the same times",
        "2022-11-08 is a holiday of the exchange, yet there are 23580 ticks",
    )
    without_data = [str(day.day) for day in report.missing_days if day.reason == "no data"]
    assert (without_data[:2], len(without_data)) == (["2022-11-09", "2022-11-11"], 12)
    assert report.off_grid.count == 0


@pytest.mark.parametrize(
    ("symbol", "name", "late", "twice"),
    [
        ("NIFTY", "Nifty_13_April", 4, 1),
        ("NIFTY", "Nifty_26_April", 11, 1),
        ("NIFTY", "Nifty_06_May", 22, 90),
        ("BANKNIFTY", "Nifty_Bank_06_May", 27, 71),
    ],
)
def test_recorded_ticks_of_2021_are_refused_until_they_may_be_sorted(
    real_data: Path, symbol: str, name: str, late: int, twice: int
) -> None:
    """A recorder wrote some seconds late; an independent count with pandas says how many."""
    path = real_data / "nifty-1s-2021" / f"{name}.csv.gz"
    frame = pd.read_csv(path, parse_dates=["timestamp"])
    assert int((frame["timestamp"] < frame["timestamp"].cummax()).sum()) == late
    assert int(frame.duplicated().sum()) == twice

    report = refused("ticks", (symbol, path))
    result = imported("ticks", (symbol, path), sort=True, session_only=True)

    assert (report.fault_count, report.out_of_order.count, report.out_of_order.action) == (late, late, "refused")
    assert (result.report.out_of_order.count, result.report.out_of_order.action) == (late, "sorted")
    assert result.report.duplicates.count == twice
    inside = frame["timestamp"].dt.strftime("%H:%M:%S").between("09:15:00", "15:30:00").sum()
    assert (result.report.ticks, result.report.outside_session.count) == (inside, len(frame) - inside)


def test_a_chain_of_snapshots_comes_in_with_quotes_and_without_what_was_never_traded(real_data: Path) -> None:
    """BANKNIFTY 2025-08-29: a price of 0 means never traded; open interest is fractional there and left out."""
    path = real_data / "banknifty-chain-2025-08-29" / "banknifty_20250829_ticks.csv.gz"
    names = {"timestamp": "ts", "volume": "volume_cum", "oi": ""}
    frame = pd.read_csv(path)

    result = imported("ticks", path, columns=names, is_volume_cumulative=True, skip_zero_prices=True)

    assert result.report.zero_prices.count == int((frame["ltp"] == 0).sum())
    assert result.report.ticks == int((frame["ltp"] != 0).sum())
    (day,) = result.table.days()
    quotes = frame.loc[frame["ltp"] != 0, "bid"]
    assert day.bid is not None
    assert int(np.isnan(day.bid).sum()) == int((quotes.isna() | (quotes == 0)).sum())
    assert faults_of(refused("ticks", path, columns={**names, "oi": "oi"}, skip_zero_prices=True))[0] == (
        17,
        "oi is '2589.714285714286', which is not a whole number",
    )
