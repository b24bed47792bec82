"""Kite's candles come in as CSV and as JSON alike, and a fault names its row."""

import gzip
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies.market_data.importers.importing import faults_of, imported, refused, taken_or_refused, written

ROWS = [
    ["2019-12-04T09:15:00+0530", 12009.9, 12019.35, 12001.25, 12001.5, 163275, 13667775],
    ["2019-12-04T09:16:00+0530", 12001, 12003, 11998.25, 12001, 105750, 13667775],
    ["2019-12-04T09:17:00+0530", 12001, 12001, 11995.1, 11998.55, 48450, 13758000],
]
FUTURE = "NIFTY:2019-12-26:FUT"
NAMES = ("date", "open", "high", "low", "close", "volume", "oi")
CANDLES = {"status": "success", "data": {"candles": ROWS}}


def json_file(folder: Path, document: object) -> tuple[str, Path]:
    path = folder / "candles.json"
    path.write_text(json.dumps(document))
    return FUTURE, path


def csv_lines(header: str = ",".join(NAMES)) -> list[str]:
    return [header, *(",".join(map(str, row)) for row in ROWS)]


def test_every_form_that_kites_candles_are_kept_in_gives_the_same_ticks(tmp_path: Path) -> None:
    answer = json_file(tmp_path, CANDLES)
    expected = imported("kite-json", answer).table.fingerprint
    (tmp_path / "list").mkdir()
    (tmp_path / "dicts").mkdir()
    packed = tmp_path / "candles.json.gz"
    packed.write_bytes(gzip.compress(answer[1].read_bytes()))
    spaced = [line.replace("T", " ").replace("+0530", "+05:30") for line in csv_lines()]
    naive = [line.replace("T", " ").replace("+0530", "") for line in csv_lines("Date,Open,High,Low,Close,Volume,OI")]
    numbered = [f"{number - 1 if number else ''},{line}" for number, line in enumerate(csv_lines())]

    results = [
        imported("kite-json", json_file(tmp_path / "list", ROWS)),
        imported("kite-json", json_file(tmp_path / "dicts", [dict(zip(NAMES, row, strict=True)) for row in ROWS])),
        imported("kite-json", (FUTURE, packed)),
        imported("kite-csv", (FUTURE, written(tmp_path / "a.csv", *csv_lines()))),
        imported("kite-csv", (FUTURE, written(tmp_path / "b.csv", *spaced))),
        imported("kite-csv", (FUTURE, written(tmp_path / "c.csv", *naive))),
        imported("kite-csv", (FUTURE, written(tmp_path / "d.csv", *numbered))),
    ]

    assert {result.table.fingerprint for result in results} == {expected}
    assert [result.report.timezone_assumed for result in results[-2:]] == [
        "Asia/Kolkata",
        "none (every time has an offset)",
    ]


def test_candles_without_open_interest_have_none(tmp_path: Path) -> None:
    rows = [row[:6] for row in ROWS]

    (day,) = imported("kite-json", json_file(tmp_path, {"data": {"candles": rows}})).table.days()

    assert day.oi.tolist() == [0] * 12


def test_a_file_without_a_symbol_is_refused(tmp_path: Path) -> None:
    path = json_file(tmp_path, CANDLES)[1]

    (fault,) = refused("kite-json", path).faults

    assert str(fault) == (
        f"{path}: the file does not say which instrument it is about; "
        "name it before the file, such as NIFTY=candles.csv"
    )


NOT_A_CANDLE = "the candle is not a list of time, open, high, low, close, volume and perhaps oi: "
BAD_DOCUMENTS: dict[str, tuple[object, str]] = {
    "answer of an error": (
        {"status": "error", "message": "Invalid token", "error_type": "TokenException"},
        "the file is an error of the API: Invalid token",
    ),
    "no candles": ({"status": "success", "data": {}}, "there is no list of candles"),
    "number": (7, "there is no list of candles"),
    "nothing": ([], "the file has no rows"),
    "short candle": (
        [ROWS[0], ["2019-12-04T09:16:00+0530", 1, 2]],
        f"{NOT_A_CANDLE}['2019-12-04T09:16:00+0530', 1, 2]",
    ),
    "text for a candle": (["x"], f"{NOT_A_CANDLE}'x'"),
}


@pytest.mark.parametrize("name", BAD_DOCUMENTS)
def test_json_that_is_not_kites_candles_is_refused(tmp_path: Path, name: str) -> None:
    document, expected = BAD_DOCUMENTS[name]

    (fault,) = refused("kite-json", json_file(tmp_path, document)).faults

    assert fault.fault == expected


def test_json_with_an_error_of_writing_is_refused_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path / "c.json", "[", '["2019-12-04T09:15:00+0530", 1, 2, 1, 2, 0]', '["2019"')

    (fault,) = refused("kite-json", (FUTURE, path)).faults

    assert (fault.line, fault.fault) == (3, "not JSON: Expecting ',' delimiter")


BAD_CANDLES: dict[str, tuple[list[object], str]] = {
    "high below low": (["2019-12-04T09:18:00+0530", 10, 9, 11, 10, 0, 0], "high 9 is below low 11"),
    "high below close": (["2019-12-04T09:18:00+0530", 10, 11, 9, 12, 0, 0], "high 11 is below open or close"),
    "low above open": (["2019-12-04T09:18:00+0530", 10, 12, 11, 12, 0, 0], "low 11 is above open or close"),
    "negative": (["2019-12-04T09:18:00+0530", 10, 11, -9, 10, 0, 0], "low is -9, and a price is above zero"),
    "no price": (["2019-12-04T09:18:00+0530", None, 11, 9, 10, 0, 0], "open is empty"),
    "text": (["2019-12-04T09:18:00+0530", "ten", 11, 9, 10, 0, 0], "open is 'ten', which is not a number"),
    "zero": (["2019-12-04T09:18:00+0530", 0, 11, 9, 10, 0, 0], "the price is 0, and a price is above zero"),
    "volume": (["2019-12-04T09:18:00+0530", 10, 11, 9, 10, -1, 0], "volume is -1, which is negative"),
    "time": (["yesterday", 10, 11, 9, 10, 0, 0], "timestamp is 'yesterday', which is not a date and time"),
    "order": (
        ["2019-12-04T09:14:00+0530", 10, 11, 9, 10, 0, 0],
        "rows are out of order: 2019-12-04 09:14:00 comes after 2019-12-04 09:17:00",
    ),
    "twice": (
        ["2019-12-04T09:17:00+0530", 10, 11, 9, 10, 0, 0],
        "the candle is there twice, with different values",
    ),
}


@pytest.mark.parametrize("name", BAD_CANDLES)
def test_a_bad_candle_is_refused_with_its_place_in_json_and_csv(tmp_path: Path, name: str) -> None:
    candle, expected = BAD_CANDLES[name]
    cells = ["" if value is None else str(value) for value in candle]
    lines = [*csv_lines(), ",".join(cells)]

    in_json = refused("kite-json", json_file(tmp_path, [*ROWS, candle]))
    in_csv = refused("kite-csv", (FUTURE, written(tmp_path / "c.csv", *lines)))

    assert faults_of(in_json) == [(4, expected)]
    assert faults_of(in_csv) == [(5, expected)]


def test_all_faults_are_listed_at_once_up_to_twenty(tmp_path: Path) -> None:
    bad = [[f"2019-12-04T10:{minute:02}:00+0530", 10, 9, 11, 10, 0, 0] for minute in range(30)]

    report = refused("kite-json", json_file(tmp_path, [*ROWS, *bad]))

    assert (len(report.faults), report.fault_count) == (20, 30)
    assert [line for line, _ in faults_of(report)] == list(range(4, 24))


def test_a_candle_that_is_there_twice_alike_counts_once(tmp_path: Path) -> None:
    """Two downloads that overlap, one after the other in a file, need --sort, and lose nothing."""
    document = [*ROWS, ROWS[1], ROWS[2]]

    result = imported("kite-json", json_file(tmp_path, document), sort=True)

    assert result.table.fingerprint == imported("kite-json", json_file(tmp_path, CANDLES)).table.fingerprint
    assert (result.report.duplicates.count, result.report.duplicates.action) == (2, "removed")
    assert result.report.duplicates.places == ("candles.json, row 4", "candles.json, row 5")


def test_candles_out_of_order_are_sorted_on_request_and_counted(tmp_path: Path) -> None:
    result = imported("kite-json", json_file(tmp_path, [ROWS[1], ROWS[0], ROWS[2]]), sort=True)

    assert result.table.fingerprint == imported("kite-json", json_file(tmp_path, CANDLES)).table.fingerprint
    assert (result.report.out_of_order.count, result.report.out_of_order.places) == (1, ("candles.json, row 2",))


def test_a_candle_with_a_price_of_zero_is_left_out_on_request(tmp_path: Path) -> None:
    empty = ["2019-12-04T09:18:00+0530", 0, 0, 0, 0, 0, 0]

    result = imported("kite-json", json_file(tmp_path, [*ROWS, empty]), skip_zero_prices=True)

    assert result.report.ticks == 12
    assert (result.report.zero_prices.count, result.report.zero_prices.action) == (1, "removed")


def test_one_candle_alone_does_not_say_how_long_it_is(tmp_path: Path) -> None:
    source = json_file(tmp_path, [ROWS[0]])

    (fault,) = refused("kite-json", source).faults

    assert str(fault).endswith("row 1: one candle does not show its length; say how long it is with --candle-seconds")
    assert imported("kite-json", source, candle_seconds=300).report.files[0].candle_seconds == 300


def test_candles_closer_together_than_they_are_said_to_be_long_are_refused(tmp_path: Path) -> None:
    report = refused("kite-json", json_file(tmp_path, CANDLES), candle_seconds=300)

    assert faults_of(report) == [
        (2, "the candle begins 60 s after the one before, and candles are 300 s long"),
    ]


def test_candles_of_a_week_cannot_stand_in_for_ticks(tmp_path: Path) -> None:
    weeks = [[f"2019-12-{day:02}T00:00:00+0530", 10, 11, 9, 10, 0, 0] for day in (2, 9, 16)]

    assert faults_of(refused("kite-json", json_file(tmp_path, weeks))) == [(1, "the candles are 604800 s long")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.sampled_from([*NAMES, "data", "candles"]), inner),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(document=JSON | st.fixed_dictionaries({"data": st.fixed_dictionaries({"candles": st.lists(JSON)})}))
def test_any_json_is_taken_or_refused_and_nothing_else(document: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert taken_or_refused("kite-json", json_file(Path(folder), document)) != 0


@settings(max_examples=150, deadline=None)
@given(
    content=st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: f"date,open,high,low,close\n{text}".encode())
)
def test_any_bytes_are_taken_or_refused_and_nothing_else(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for format_, name in (
            ("kite-csv", "c.csv"),
            ("kite-json", "c.json"),
            ("kite-csv", "c.csv.gz"),
            ("kite-csv", "c.zip"),
        ):
            path = Path(folder) / name
            path.write_bytes(content)

            assert taken_or_refused(format_, ("NIFTY", path)) != 0


def test_the_official_samples_come_in_whole(real_data: Path) -> None:
    """Source: zerodha/kiteconnect-mocks, historical_minute.json and historical_oi.json."""
    folder = real_data / "importer-samples" / "kite"

    minute = imported("kite-json", ("INFY", folder / "historical_minute.json"))
    future = imported("kite-json", (FUTURE, folder / "historical_oi.json"))

    assert (minute.report.rows, minute.report.ticks, minute.report.files[0].candle_seconds) == (6, 24, 60)
    assert (minute.report.files[0].first, minute.report.files[0].last) == ("2017-12-15 09:15:00", "2017-12-15 09:20:59")
    (day,) = minute.table.days()
    assert day.ltp.tolist()[:4] == [1704.5, 1699.25, 1705.0, 1702.8]
    assert int(day.volume.sum()) == 2499 + 1271 + 831 + 771 + 543 + 802
    (day,) = future.table.days()
    assert day.oi.tolist()[3::4] == [13667775, 13667775, 13758000, 13758000, 13758000, 13777050]


def test_real_candles_of_banknifty_in_kites_csv_come_in_whole(real_data: Path) -> None:
    path = real_data / "nifty-2024-10-29" / "banknifty_5m_2024-10-28_to_31.csv"

    report = imported("kite-csv", ("BANKNIFTY", path)).report

    assert (report.rows, report.ticks, report.files[0].candle_seconds) == (300, 1200, 300)
    assert [(str(day.day), day.ticks, day.first, day.last) for day in report.days] == [
        (f"2024-10-{day}", 300, "09:15:00", "15:29:59") for day in (28, 29, 30, 31)
    ]
    assert (report.gaps, report.missing_days, report.warnings, report.off_grid.count) == ((), (), (), 0)
