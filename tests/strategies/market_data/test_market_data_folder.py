"""Days spread over files are the same market data as in one table, and only one of them is held at a time."""

import gc
import weakref
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from strategies.engine.ticks import MarketData
from strategies.market_data import tick_file, tick_summary
from strategies.market_data.files import MarketDataFileInvalid, load_market_data
from strategies.market_data.market_data_folder import MarketDataFolder
from strategies.market_data.simulator import sample_day
from strategies.market_data.tick_table import TickTable
from tests.strategies.market_data.seconds import seconds_of

HEADER = "timestamp,symbol,ltp,volume,oi\n"
DAYS = (date(2024, 10, 29), date(2024, 10, 30), date(2024, 10, 31))


def rows_of(day: date, price: float = 100.0) -> str:
    put = "NIFTY:2024-11-07:OPT:24250:PE"
    return f"{day} 09:15:00,NIFTY,{price},0,0\n{day} 09:15:01,{put},{price / 2},75,10\n{day} 09:15:01,NIFTY,101,0,0\n"


def csv_file(folder: Path, day: date) -> Path:
    path = folder / f"{day}.csv"
    path.write_text(HEADER + rows_of(day))
    return path


def parquet_file(folder: Path, day: date) -> Path:
    path = folder / f"{day}.parquet"
    tick_file.write_ticks(tick_file.load_tick_file(csv_file(folder, day)), path)
    (folder / f"{day}.csv").unlink()
    return path


def whole(folder: Path) -> TickTable:
    path = folder / "whole.csv"
    path.write_text(HEADER + "".join(map(rows_of, DAYS)))
    table = load_market_data(path)
    path.unlink()
    assert isinstance(table, TickTable)
    return table


@pytest.mark.parametrize("make", [csv_file, parquet_file])
def test_files_of_a_day_each_are_the_same_data_as_one_file_of_all(tmp_path: Path, make: object) -> None:
    expected = whole(tmp_path)
    paths = [csv_file(tmp_path, day) if make is csv_file else parquet_file(tmp_path, day) for day in DAYS]

    data: MarketData = load_market_data([paths[2], paths[0], paths[1]])

    assert isinstance(data, MarketDataFolder)
    assert data.fingerprint == expected.fingerprint
    assert seconds_of(data) == seconds_of(expected)
    assert (data.total_ticks, data.total_raw_ticks, data.symbols) == (6, 9, expected.symbols)
    assert (data.dates, data.first_date, data.last_date) == (DAYS, DAYS[0], DAYS[2])
    assert seconds_of(data) == seconds_of(expected), "the days may be walked again"


def test_a_folder_is_all_the_files_in_it(tmp_path: Path) -> None:
    for day in DAYS:
        parquet_file(tmp_path, day)
    (tmp_path / "report.txt").write_text("not market data")

    assert load_market_data(tmp_path).dates == DAYS


def test_a_range_of_dates_takes_whole_days_of_files_of_any_length(tmp_path: Path) -> None:
    expected = whole(tmp_path)
    path = tmp_path / "two_days.parquet"
    two = tmp_path / "two.csv"
    two.write_text(HEADER + rows_of(DAYS[0]) + rows_of(DAYS[1]))
    tick_file.write_ticks(tick_file.load_tick_file(two), path)

    data = load_market_data([path, csv_file(tmp_path, DAYS[2])], start=DAYS[1])

    assert data.dates == DAYS[1:]
    assert [day.day for day in data.days()] == list(DAYS[1:])
    assert seconds_of(data) == seconds_of(expected)[2:]


def test_the_warm_up_candles_are_from_before_the_first_day_taken(tmp_path: Path) -> None:
    warmup = tmp_path / "warmup.txt.csv"
    warmup.write_text("timestamp,open,high,low,close\n2024-10-29 15:29:00,100,101,99,100\n")
    paths = [csv_file(tmp_path, day) for day in DAYS]

    assert len(load_market_data(paths, warmup, start=DAYS[1]).warmup_candles) == 1
    with pytest.raises(MarketDataFileInvalid, match="not from before the first tick"):
        load_market_data(paths, warmup)


def test_warm_up_candles_change_the_fingerprint_as_they_do_of_a_table(tmp_path: Path) -> None:
    warmup = tmp_path / "warmup.candles.csv"
    warmup.write_text("timestamp,open,high,low,close\n2024-10-28 15:29:00,100,101,99,100\n")
    one = csv_file(tmp_path, DAYS[0])

    prints = {load_market_data(ticks, with_).fingerprint for ticks in (one, [one]) for with_ in (None, warmup)}

    assert len(prints) == 2


def test_two_files_with_a_day_in_common_are_refused(tmp_path: Path) -> None:
    paths = [csv_file(tmp_path, DAYS[0]), csv_file(tmp_path, DAYS[1])]
    paths[1].write_text(HEADER + rows_of(DAYS[0]).replace("09:15", "10:15"))

    with pytest.raises(MarketDataFileInvalid) as caught:
        load_market_data(paths)

    assert str(caught.value) == (
        f"{paths[1]}: it begins on 2024-10-29, and {paths[0]} goes on to 2024-10-29; "
        "give every day in one file only; import_market_data joins files of the same day"
    )


def test_a_range_without_any_day_is_refused(tmp_path: Path) -> None:
    paths = [csv_file(tmp_path, day) for day in DAYS]

    with pytest.raises(MarketDataFileInvalid, match="the files have no row of 2024-11-04; they hold 2024-10-29"):
        load_market_data(paths, day=date(2024, 11, 4))


def test_a_file_that_was_replaced_meanwhile_is_refused(tmp_path: Path) -> None:
    path = parquet_file(tmp_path, DAYS[0])
    data = load_market_data([path, parquet_file(tmp_path, DAYS[1])])
    (tmp_path / "other.csv").write_text(HEADER + rows_of(DAYS[0], price=102.0))
    tick_file.write_ticks(tick_file.load_tick_file(tmp_path / "other.csv"), path)

    with pytest.raises(MarketDataFileInvalid, match="the ticks are not those"):
        list(data.days())


def test_metadata_that_do_not_fit_the_ticks_are_found_out(tmp_path: Path) -> None:
    path = parquet_file(tmp_path, DAYS[0])
    table = parquet.read_table(path)
    changed = table.set_column(2, "ltp", pa.array(np.array([1.0, 2.0, 3.0])))
    parquet.write_table(changed, path)
    assert tick_summary.read(path) is not None

    with pytest.raises(MarketDataFileInvalid, match="the ticks are not those"):
        list(load_market_data([path]).days())


def test_metadata_of_another_version_are_not_used(tmp_path: Path) -> None:
    path = parquet_file(tmp_path, DAYS[0])
    expected = load_market_data([path]).fingerprint
    table = parquet.read_table(path)
    for value in (b"{}", b"[]", b"\xff", b'{"version": 2}', b'{"version": 1, "days": 3}'):
        parquet.write_table(table.replace_schema_metadata({tick_summary.METADATA_KEY: value}), path)

        assert tick_summary.read(path) is None
        assert load_market_data([path]).fingerprint == expected


def test_the_market_and_the_walk_of_candles_come_back_with_the_ticks(tmp_path: Path) -> None:
    table = tick_file.load_tick_file(csv_file(tmp_path, DAYS[0]))
    table.market, table.candle_walk = "24h", "OLHC"
    path = tmp_path / "ticks.parquet"
    tick_file.write_ticks(table, path, about={"format": "binance-klines"})

    for data in (load_market_data(path), load_market_data([path])):
        assert (data.market, data.candle_walk) == ("24h", "OLHC")
    with pytest.raises(MarketDataFileInvalid, match="its market is nse"):
        load_market_data([path, csv_file(tmp_path, DAYS[1])])


def test_quotes_come_back_with_the_ticks(tmp_path: Path) -> None:
    source = tmp_path / "ticks.csv"
    source.write_text("timestamp,symbol,ltp,bid\n2024-10-29 09:15:00,NIFTY,100,99.5\n2024-10-29 09:15:01,NIFTY,101,\n")
    path = tmp_path / "ticks.parquet"
    table = tick_file.load_tick_file(source)
    tick_file.write_ticks(table, path)

    again = tick_file.load_tick_file(path)

    assert again.fingerprint == table.fingerprint
    (day,) = again.days()
    assert day.bid is not None
    assert (day.bid[0], np.isnan(day.bid[1]), day.ask) == (99.5, True, None)


def test_the_sample_day_is_the_same_after_writing_and_reading(tmp_path: Path) -> None:
    table = sample_day()
    path = tmp_path / "ticks.parquet"
    tick_file.write_ticks(table, path)

    again = load_market_data(path)

    assert isinstance(again, TickTable)
    assert again.day_fingerprints == table.day_fingerprints
    assert load_market_data([path]).symbols == table.symbols
    frame = pd.read_parquet(path)
    assert str(frame.timestamp.iloc[0]) == "2024-10-29 09:15:00+05:30"


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "ticks.parquet"
    path.mkdir()

    with pytest.raises(OSError, match="directory"):
        tick_file.write_ticks(tick_file.load_tick_file(csv_file(tmp_path, DAYS[0])), path)

    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["2024-10-29.csv", "ticks.parquet"]


def test_of_many_days_only_one_is_held(tmp_path: Path) -> None:
    """While the next day is read the last may still be held by whoever walks; never a third."""
    paths = [parquet_file(tmp_path, DAYS[0] + timedelta(days=place)) for place in range(6)]
    data = load_market_data(paths)
    held: list[weakref.ref[object]] = []
    alive: list[int] = []

    for day in data.days():
        base = day.ltp
        while isinstance(base.base, np.ndarray):
            base = base.base
        held.append(weakref.ref(base))
        del base
        gc.collect()
        alive.append(sum(reference() is not None for reference in held))

    assert max(alive) <= 1
