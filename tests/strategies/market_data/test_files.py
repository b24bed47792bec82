"""Ticks come out of Parquet and CSV alike."""

import gzip
import math
import subprocess
import sys
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from strategies.engine.ticks import Tick, TickSecond
from strategies.market_data.files import MarketDataFileInvalid, load_market_data
from tests.strategies.market_data.seconds import seconds_of

KOLKATA = ZoneInfo("Asia/Kolkata")
OPEN = datetime(2024, 10, 29, 9, 15, tzinfo=KOLKATA)
PUT = "NIFTY:2024-11-07:OPT:24250:PE"
HEADER = "timestamp,symbol,ltp,volume,oi\n"
TWO_DAYS = HEADER + "2024-10-29 09:15:00,NIFTY,24328.85,0,0\n2024-10-30 09:15:00,NIFTY,24371.45,0,0\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_file_becomes_seconds_of_ticks(tmp_path: Path) -> None:
    text = (
        HEADER
        + "2024-10-29 09:15:00,NIFTY,24328.85,0,0\n"
        + f"2024-10-29 09:15:00,{PUT},181.6,75,66350\n"
        + "2024-10-29 09:15:02,NIFTY,24329,0,0\n"
    )

    data = load_market_data(write(tmp_path / "ticks.csv", text))

    assert seconds_of(data) == [
        TickSecond(OPEN, [Tick("NIFTY", 24328.85, 0, 0), Tick(PUT, 181.6, 75, 66_350)]),
        TickSecond(OPEN + timedelta(seconds=2), [Tick("NIFTY", 24329.0, 0, 0)]),
    ]


@pytest.mark.parametrize(
    "moment",
    [
        "2024-10-29 09:15:00",
        "2024-10-29T09:15:00",
        "2024-10-29 09:15:00.999999",
        "2024-10-29 09:15:00+05:30",
        "2024-10-29T03:45:00Z",
        "2024-10-29 03:45:00.25+00:00",
        "2024-10-28 23:45:00-04:00",
    ],
)
def test_naive_timestamps_are_exchange_time_others_are_converted_and_fractions_are_cut_off(
    tmp_path: Path, moment: str
) -> None:
    data = load_market_data(write(tmp_path / "ticks.csv", f"timestamp,symbol,ltp\n{moment},NIFTY,24328.85\n"))

    assert seconds_of(data) == [TickSecond(OPEN, [Tick("NIFTY", 24328.85, 0, 0)])]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Kolkata"])
def test_parquet_timestamps_of_every_unit_and_zone_mean_the_same_second(
    tmp_path: Path, unit: str, zone: str | None
) -> None:
    moment = OPEN.replace(tzinfo=None) if zone is None else OPEN
    columns = {
        "timestamp": pa.array([moment], pa.timestamp(unit, zone)),
        "symbol": pa.array(["NIFTY"]).dictionary_encode(),
        "ltp": [24328.85],
    }
    path = tmp_path / "ticks.parquet"
    parquet.write_table(pa.table(columns), path)

    assert seconds_of(load_market_data(path)) == [TickSecond(OPEN, [Tick("NIFTY", 24328.85, 0, 0)])]


def test_columns_may_come_in_any_order_and_others_are_left_alone(tmp_path: Path) -> None:
    text = "note,ltp,symbol,oi,timestamp\nx,24328.85,NIFTY,7,2024-10-29 09:15:00\n"

    data = load_market_data(write(tmp_path / "ticks.csv", text))

    assert seconds_of(data) == [TickSecond(OPEN, [Tick("NIFTY", 24328.85, 0, 7)])]


def test_a_byte_order_mark_windows_line_ends_and_empty_lines_at_the_end_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_bytes(b"\xef\xbb\xbftimestamp,symbol,ltp\r\n2024-10-29 09:15:00,NIFTY,24328.85\r\n\r\n\r\n")

    assert load_market_data(path).total_raw_ticks == 1


def test_whole_quantities_may_be_written_with_a_decimal_point(tmp_path: Path) -> None:
    text = HEADER + f"2024-10-29 09:15:00,{PUT},181.6,75.0,66350.00\n"

    data = load_market_data(write(tmp_path / "ticks.csv", text))

    assert seconds_of(data)[0].ticks == [Tick(PUT, 181.6, 75, 66_350)]


MOMENTS = st.integers(0, 22_500).map(lambda second: OPEN + timedelta(seconds=second))
ROWS = st.tuples(
    MOMENTS,
    st.sampled_from(["NIFTY", PUT, "NIFTY:2024-11-28:FUT"]),
    st.integers(1, 600_000).map(lambda steps: steps / 20),
    st.integers(0, 10_000),
    st.integers(0, 10**12),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=30))
def test_the_same_ticks_from_csv_gzip_and_parquet_are_the_same_market_data(
    rows: list[tuple[datetime, str, float, int, int]],
) -> None:
    frame = pd.DataFrame(rows, columns=["timestamp", "symbol", "ltp", "volume", "oi"])
    frame = frame.sort_values("timestamp", kind="stable")

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"ticks{suffix}" for suffix in (".csv", ".csv.gz", ".parquet")]
        frame.to_csv(paths[0], index=False)
        paths[1].write_bytes(gzip.compress(paths[0].read_bytes()))
        frame.to_parquet(paths[2], index=False)
        tables = [load_market_data(path) for path in paths]

    assert len({table.fingerprint for table in tables}) == 1
    first, *others = [seconds_of(table) for table in tables]
    assert all(other == first for other in others)
    assert [tick for second in first for tick in second.ticks] == [
        Tick(*row) for row in frame[["symbol", "ltp", "volume", "oi"]].itertuples(index=False)
    ]


def test_a_file_of_several_days_is_taken_whole(tmp_path: Path) -> None:
    data = load_market_data(write(tmp_path / "ticks.csv", TWO_DAYS))

    assert data.dates == (date(2024, 10, 29), date(2024, 10, 30))
    assert [day.ltp.tolist() for day in data.days()] == [[24328.85], [24371.45]]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (date(2024, 10, 30), None, [date(2024, 10, 30)]),
        (None, date(2024, 10, 29), [date(2024, 10, 29)]),
        (date(2024, 10, 1), date(2024, 12, 31), [date(2024, 10, 29), date(2024, 10, 30)]),
    ],
)
def test_a_range_of_dates_is_cut_out_both_ends_included(
    tmp_path: Path, start: date | None, end: date | None, expected: list[date]
) -> None:
    data = load_market_data(write(tmp_path / "ticks.csv", TWO_DAYS), start=start, end=end)

    assert [day.day for day in data.days()] == expected


def test_a_range_that_the_file_does_not_cover_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "ticks.csv", TWO_DAYS)

    with pytest.raises(MarketDataFileInvalid) as caught:
        load_market_data(path, start=date(2024, 11, 1), end=date(2024, 11, 4))

    assert str(caught.value) == (
        f"{path}: the file has no row from 2024-11-01 to 2024-11-04; it holds 2024-10-29, 2024-10-30; "
        "choose one of these, such as --date 2024-10-29"
    )


def test_bid_and_ask_are_taken_where_the_file_has_them(tmp_path: Path) -> None:
    """A quote that is empty or zero is none, which is NaN."""
    text = "timestamp,symbol,ltp,bid,ask\n2024-10-29 09:15:00,NIFTY,100,99.5,\n2024-10-29 09:15:01,NIFTY,101,0,102\n"

    (day,) = load_market_data(write(tmp_path / "ticks.csv", text)).days()

    assert day.bid is not None
    assert day.ask is not None
    assert day.bid[0] == 99.5
    assert math.isnan(day.bid[1])
    assert math.isnan(day.ask[0])
    assert day.ask[1] == 102


def test_a_chosen_day_is_cut_out_of_several(tmp_path: Path) -> None:
    data = load_market_data(write(tmp_path / "ticks.csv", TWO_DAYS), day=date(2024, 10, 30))

    assert (data.first_date, data.total_raw_ticks) == (date(2024, 10, 30), 1)


def test_a_day_that_the_file_does_not_hold_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "ticks.csv", TWO_DAYS)

    with pytest.raises(MarketDataFileInvalid) as caught:
        load_market_data(path, day=date(2024, 10, 31))

    assert str(caught.value) == (
        f"{path}: the file has no row of 2024-10-31; it holds 2024-10-29, 2024-10-30; "
        "choose one of these, such as --date 2024-10-29"
    )


def test_days_are_exchange_days_also_just_after_midnight(tmp_path: Path) -> None:
    text = "timestamp,symbol,ltp\n2024-10-28T18:30:00Z,NIFTY,24328.85\n"

    data = load_market_data(write(tmp_path / "ticks.csv", text), day=date(2024, 10, 29))

    assert data.first_date == date(2024, 10, 29)


def test_the_reference_day_loads_whole(reference_day: Path) -> None:
    data = load_market_data(reference_day / "ticks.parquet", reference_day / "warmup_candles_1m.csv")

    seconds = seconds_of(data)
    assert (data.total_raw_ticks, data.total_ticks, len(data.symbols)) == (505_236, 22_351, 49)
    assert (len(seconds), sum(len(second.ticks) for second in seconds)) == (22_351, 505_236)
    assert (seconds[0].timestamp, seconds[-1].timestamp) == (OPEN, OPEN + timedelta(hours=6, minutes=15))
    assert len(data.warmup_candles) == 500
    assert data.warmup_candles[-1].close == 24367.7


def test_the_reference_day_is_the_same_as_csv(reference_day: Path, tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    frame = pd.read_parquet(reference_day / "ticks.parquet")
    frame["timestamp"] = frame["timestamp"].dt.tz_localize(None)
    frame.to_csv(path, index=False)

    expected = load_market_data(reference_day / "ticks.parquet").fingerprint
    assert load_market_data(path).fingerprint == expected


def test_market_data_and_the_samples_load_without_django() -> None:
    program = (
        "import sys, strategies.samples, strategies.market_data.files, strategies.market_data.simulator, "
        "strategies.market_data.importers.formats, strategies.market_data.importers.nse_udiff; "
        "print([name for name in sys.modules if name.split('.')[0] in ('django', 'streaming')])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
