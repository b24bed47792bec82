"""Binance's klines and trades come in with and without header, in milliseconds and microseconds, packed and plain."""

import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies.market_data.importers.importing import faults_of, imported, refused, taken_or_refused, written

KLINES = [
    "1637971200000,0.00002853,0.00002854,0.00002851,0.00002854,36304.20000000,1637971259999,1.03,79,19523.0,0.55,0",
    "1637971260000,0.00002854,0.00002860,0.00002854,0.00002859,89196.60000000,1637971319999,2.54,98,59004.2,1.68,0",
    "1637971380000,0.00002859,0.00002860,0.00002857,0.00002859,26547.30000000,1637971439999,0.75,67,5425.9,0.15,0",
]
KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
AGG_TRADES = [
    "0,0.20000000,50.00000000,0,0,1608872400000,False,True",
    "1,0.20000000,50.00000000,1,1,1608872400000,False,True",
    "2,0.30000000,0.00000001,2,5,1608872401500,True,True",
]
TRADES = [
    "51175358,17.80180000,5.69000000,101.29224200,1583709433583,True,True",
    "51175359,17.80190000,1.00000000,17.80190000,1583709434000,False,True",
]


def klines_file(folder: Path, *lines: str, name: str = "ADABTC-1m-2021-11-27.csv") -> Path:
    return written(folder / name, *(lines or KLINES))


def test_klines_are_candles_of_the_pair_in_the_files_name(tmp_path: Path) -> None:
    result = imported("binance-klines", klines_file(tmp_path))

    (day,) = result.table.days()
    assert result.report.symbols == ("ADABTC",)
    assert (result.report.rows, result.report.ticks, result.report.files[0].candle_seconds) == (3, 12, 60)
    assert day.ltp.tolist()[:4] == [0.00002853, 0.00002851, 0.00002854, 0.00002854]
    assert int(day.volume[:4].sum()) == 3_630_420_000_000
    assert result.report.volume_unit == "0.00000001"
    assert (result.table.market, day.close_seconds, result.report.grid) == ("24h", 86_400, None)
    assert result.report.timezone_assumed == "UTC (counted since 1970)"
    assert result.report.files[0].first == "2021-11-27 05:30:00"


def test_a_kline_that_is_missing_is_a_gap(tmp_path: Path) -> None:
    """Two minutes and a second are too long, as the last price of a candle stands at its last second."""
    (gap,) = imported("binance-klines", klines_file(tmp_path)).report.gaps

    assert (gap.begin, gap.end, gap.seconds, gap.symbol) == ("05:31:59", "05:33:00", 61, "ADABTC")


def test_header_unit_of_time_and_packing_make_no_difference(tmp_path: Path) -> None:
    """Spot files: no header, microseconds from 2025 on; futures files: mostly a header."""
    expected = imported("binance-klines", klines_file(tmp_path)).table.fingerprint
    micro = [line.replace("1637971", "1637971", 1).replace(",", "000,", 1) for line in KLINES]
    with_header = klines_file(tmp_path, KLINE_HEADER, *KLINES, name="ADABTC-header.csv")
    with_spaces = klines_file(tmp_path, KLINE_HEADER.replace("open_time", "Open time"), *KLINES, name="ADABTC-2.csv")
    packed = tmp_path / "ADABTC-1m-2021-11-27.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(klines_file(tmp_path), "ADABTC-1m-2021-11-27.csv")

    for path in (klines_file(tmp_path, *micro, name="ADABTC-micro.csv"), with_header, with_spaces, packed):
        assert imported("binance-klines", path).table.fingerprint == expected


def test_each_aggregate_trade_is_a_tick(tmp_path: Path) -> None:
    """Two trades that are alike in all but their number are two trades."""
    path = written(tmp_path / "ADAUSDT-aggTrades-2020-12-25.csv", *AGG_TRADES)

    result = imported("binance-aggtrades", path)

    (day,) = result.table.days()
    assert day.ltp.tolist() == [0.2, 0.2, 0.3]
    assert day.volume.tolist() == [5_000_000_000, 5_000_000_000, 1]
    assert (len(day.seconds), result.report.candle_walk, result.report.duplicates.count) == (2, None, 0)


def test_a_trade_whose_number_comes_again_counts_once(tmp_path: Path) -> None:
    path = written(tmp_path / "ADAUSDT-aggTrades.csv", *AGG_TRADES[:2], AGG_TRADES[1], AGG_TRADES[2])

    report = imported("binance-aggtrades", path).report

    assert (report.ticks, report.duplicates.count, report.duplicates.places) == (
        3,
        1,
        ("ADAUSDT-aggTrades.csv, line 3",),
    )


def test_futures_leave_out_the_last_column_of_aggregate_trades(tmp_path: Path) -> None:
    header = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
    path = written(tmp_path / "BTCUSDT-aggTrades.csv", header, "26129,0.01633102,4.7,27781,27781,1498793709153,true")

    report = imported("binance-aggtrades", path).report

    assert (report.ticks, report.files[0].first) == (1, "2017-06-30 09:05:09.153000")


def test_trades_come_in_as_well(tmp_path: Path) -> None:
    path = written(tmp_path / "BNBUSDT-trades-2020-03-08.csv", *TRADES)

    (day,) = imported("binance-trades", path).table.days()

    assert (day.ltp.tolist(), day.volume.tolist()) == ([17.8018, 17.8019], [569_000_000, 100_000_000])


def test_quantities_keep_as_many_decimals_as_the_caller_wants(tmp_path: Path) -> None:
    path = written(tmp_path / "BNBUSDT-trades.csv", *TRADES)

    result = imported("binance-trades", path, volume_decimals=2)

    assert next(result.table.days()).volume.tolist() == [569, 100]
    assert result.report.volume_unit == "0.01"


WRONG_FILES = {
    "candles of kite": (
        ["date,open,high,low,close,volume", "2024-10-29 09:15:00,1,1,1,1,0"],
        "the line has 6 fields, and klines have 12",
    ),
    "another header": (
        [KLINE_HEADER.replace("open_time", "date"), *KLINES],
        "the first column is 'date'; that of klines is open_time",
    ),
    "trades": (AGG_TRADES, "the line has 8 fields, and klines have 12"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    lines, expected = WRONG_FILES[name]

    assert faults_of(refused("binance-klines", klines_file(tmp_path, *lines))) == [(1, expected)]


BAD_LINES = {
    "seconds": (
        KLINES[2].replace("1637971380000", "1637971380"),
        "timestamp is 1637971380, which is neither milliseconds nor microseconds since 1970",
    ),
    "nanoseconds": (
        KLINES[2].replace("1637971380000", "1637971380000000000"),
        "timestamp is 1637971380000000000, which is neither milliseconds nor microseconds since 1970",
    ),
    "nine decimals": (
        KLINES[2].replace("26547.30000000", "26547.300000001"),
        "volume is '26547.300000001', which has more than 8 decimals",
    ),
    "negative": (KLINES[2].replace("26547", "-26547"), "volume is '-26547.30000000', which is not a quantity"),
    "text": (KLINES[2].replace("26547.30000000", "many"), "volume is 'many', which is not a number"),
    "too large": (
        KLINES[2].replace("26547.30000000", "92233720368547758"),
        "volume is '92233720368547758', which is too large to be counted with 8 decimals",
    ),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_named(tmp_path: Path, name: str) -> None:
    line, expected = BAD_LINES[name]

    assert faults_of(refused("binance-klines", klines_file(tmp_path, *KLINES[:2], line))) == [(3, expected)]


def test_a_name_that_is_no_pair_needs_the_symbol_from_the_caller(tmp_path: Path) -> None:
    path = klines_file(tmp_path, name="_.csv")

    assert faults_of(refused("binance-klines", path)) == [(None, "'_' is not a symbol")]
    assert imported("binance-klines", ("BTCUSDT", path)).report.symbols == ("BTCUSDT",)


def test_an_archive_of_two_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ADABTC.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", KLINES[0])
        archive.writestr("b.csv", KLINES[1])

    assert faults_of(refused("binance-klines", path)) == [(None, "the archive holds 2 files")]


@settings(max_examples=100, deadline=None)
@given(
    lines=st.lists(
        st.lists(
            st.sampled_from(["", "0", "1", "-1", "1637971200000", "1e400", "nan", "x", "0.5", '"']),
            min_size=12,
            max_size=12,
        ),
        max_size=4,
    )
)
def test_any_fields_are_taken_or_refused_and_nothing_else(lines: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = klines_file(Path(folder), *(",".join(line) for line in lines), "")

        assert taken_or_refused("binance-klines", ("BTCUSDT", path)) != 0


def test_the_samples_of_two_days_come_in_together(real_data: Path) -> None:
    """Source: nautechsystems/nautilus_trader, tests/test_data: ten and eleven klines of 2021-11-27 and 28."""
    folder = real_data / "importer-samples" / "binance"
    paths = [folder / f"ADABTC-1m-2021-11-{day}.csv" for day in (27, 28)]

    report = imported("binance-klines", *reversed(paths)).report

    assert (report.rows, report.ticks, report.symbols) == (21, 84, ("ADABTC",))
    assert [(str(day.day), day.kind, day.ticks) for day in report.days] == [
        ("2021-11-27", "session", 40),
        ("2021-11-28", "session", 44),
    ]


def test_the_sample_of_trades_in_parquet_comes_in_as_ticks(real_data: Path) -> None:
    """Typed quantities carry the noise of doubles (0.00031099999999999997); they are rounded to the unit."""
    path = real_data / "importer-samples" / "binance" / "btcusdt-trades.parquet"

    result = imported(
        "ticks", ("BTCUSDT", path), columns={"ltp": "price", "volume": "quantity"}, volume_decimals=8, market="24h"
    )

    (day,) = result.table.days()
    assert (result.report.ticks, len(day.seconds), result.table.market) == (2001, 47, "24h")
    assert (day.ltp[0], day.volume[0], day.volume[2]) == (39432.48, 26_300, 31_100)
