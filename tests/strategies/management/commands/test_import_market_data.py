"""`manage.py import_market_data` prints a report, writes what it imported, and with a fault writes nothing."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from strategies.market_data import tick_summary
from strategies.market_data.files import load_market_data

ROOT = Path(__file__).resolve().parents[4]
CANDLES = [
    "date,open,high,low,close,volume",
    "2024-10-29 09:15:00+05:30,24328.85,24340,24320,24330,0",
    "2024-10-29 09:16:00+05:30,24330,24335,24310.05,24312,0",
]


def candles_file(folder: Path, *lines: str) -> Path:
    path = folder / "candles.csv"
    path.write_text("\n".join([*CANDLES, *lines]) + "\n")
    return path


def run(*arguments: str | Path) -> tuple[str, str]:
    """Return what the command prints and says."""
    printed, said = StringIO(), StringIO()
    call_command("import_market_data", *map(str, arguments), stdout=printed, stderr=said)
    return printed.getvalue(), said.getvalue()


def refusal(*arguments: str | Path) -> CommandError:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    return caught.value


def test_candles_become_a_file_that_a_session_can_run_on(tmp_path: Path) -> None:
    path, out = candles_file(tmp_path), tmp_path / "nifty.parquet"

    printed, said = run("--format", "kite-csv", "--walk", "OHLC", "--out", out, f"NIFTY={path}")

    data = load_market_data(out)
    assert (data.total_raw_ticks, data.symbols, data.candle_walk) == (8, frozenset({"NIFTY"}), "OHLC")
    assert next(data.days()).ltp.tolist()[:4] == [24328.85, 24340, 24320, 24330]
    assert said == f"Wrote {out}.\n"
    assert "candle walk        OHLC" in printed.splitlines()
    assert tick_summary.read(out) is not None


def test_a_folder_gets_a_file_for_each_day(tmp_path: Path) -> None:
    path = candles_file(tmp_path, "2024-10-30 09:15:00+05:30,1,1,1,1,0", "2024-10-30 09:16:00+05:30,1,1,1,1,0")
    out = tmp_path / "days"

    _, said = run("--format", "kite-csv", "--out", out, f"NIFTY={path}")

    assert said == f"Wrote {out}/2024-10-29.parquet.\nWrote {out}/2024-10-30.parquet.\n"
    assert [str(day) for day in load_market_data(out).dates] == ["2024-10-29", "2024-10-30"]


def test_without_out_there_is_only_the_report(tmp_path: Path) -> None:
    path = candles_file(tmp_path)

    printed, said = run("--format", "kite-csv", "--json", f"NIFTY={path}")

    report = json.loads(printed)
    assert (report["rows"], report["ticks"], report["symbols"]) == (2, 8, ["NIFTY"])
    assert said == ""
    assert [entry.name for entry in tmp_path.iterdir()] == ["candles.csv"]


def test_with_a_fault_the_report_is_printed_and_nothing_is_written(tmp_path: Path) -> None:
    path = candles_file(tmp_path, "2024-10-29 09:17:00+05:30,1,0.5,1,1,0")

    done = subprocess.run(
        [
            *(sys.executable, "manage.py", "import_market_data", "--format", "kite-csv", "--json"),
            *("--out", str(tmp_path / "out.parquet"), f"NIFTY={path}"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    report = json.loads(done.stdout)
    assert [(fault["line"], fault["fault"]) for fault in report["faults"]] == [(4, "high 0.5 is below low 1")]
    assert f"Nothing was written: {path}, line 4: high 0.5 is below low 1" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["candles.csv"]


def test_a_file_that_is_there_is_replaced_only_on_request(tmp_path: Path) -> None:
    path, out = candles_file(tmp_path), tmp_path / "out.parquet"
    out.write_text("precious")

    error = refusal("--format", "kite-csv", "--out", out, f"NIFTY={path}")

    assert (error.returncode, str(error)) == (2, f"{out} is there already; choose another name, or --overwrite")
    assert out.read_text() == "precious"
    run("--format", "kite-csv", "--out", out, "--overwrite", f"NIFTY={path}")
    assert load_market_data(out).total_raw_ticks == 8


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    out = tmp_path / "missing" / "out.parquet"

    error = refusal("--format", "kite-csv", "--out", out, f"NIFTY={candles_file(tmp_path)}")

    assert error.returncode == 2
    assert str(error).startswith(f"{out} cannot be written: ")


def test_every_option_reaches_the_import(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text("2024-10-29 03:45:01,101.3,0.5\n2024-10-29 03:45:00,0,0.25\n2024-10-29 03:45:00,100,0.25\n")
    options = (
        "--header a,b,c --columns timestamp=a,ltp=b,volume=c --timezone UTC --volume-decimals 2 --sort "
        "--skip-zero-prices --drop-duplicates --session-only --gap-seconds 30000 --grid 0.1 --cumulative-volume"
    )

    report = json.loads(run("--format", "ticks", "--json", *options.split(), f"X={path}")[0])

    assert (report["ticks"], report["timezone_assumed"], report["volume_unit"]) == (2, "UTC", "0.01")
    assert (report["zero_prices"]["action"], report["out_of_order"]["action"]) == ("removed", "sorted")
    assert (report["gap_seconds"], report["gaps"], report["grid"]) == (30_000, [], "0.1")
    other = json.loads(run("--format", "ticks", "--json", "--market", "24h", *options.split(), f"X={path}")[0])
    assert other["days"][0]["kind"] == "session"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--timezone", "Mars/Olympus"),
        ("--timezone", "../etc"),
        ("--gap-seconds", "0"),
        ("--candle-seconds", "-5"),
        ("--volume-decimals", "13"),
        ("--grid", "-1"),
        ("--grid", "nan"),
        ("--grid", "x"),
        ("--header", "a,,b"),
        ("--header", "a,a"),
        ("--columns", "ltp"),
        ("--columns", "=x"),
        ("--walk", "CLHO"),
        ("--market", "nyse"),
        ("--format", "xlsx"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(tmp_path: Path, option: str, value: str) -> None:
    error = refusal("--format", "kite-csv", f"NIFTY={candles_file(tmp_path)}", f"{option}={value}")

    assert option.removeprefix("--") in str(error)


def test_a_symbol_that_is_none_is_refused_and_a_path_may_have_an_equals_sign(tmp_path: Path) -> None:
    folder = tmp_path / "day=1"
    folder.mkdir()
    path = candles_file(folder)

    assert "is not a file, and symbol" in str(refusal("--format", "kite-csv", "nifty!=candles.csv"))
    assert "which instrument" in str(refusal("--format", "kite-csv", path))
    assert json.loads(run("--format", "kite-csv", "--json", f"NIFTY={path}")[0])["rows"] == 2


def test_contracts_are_listed_and_written(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "importer-samples" / "nse-eod" / "fo_udiff_NIFTY_2026-03-23.csv.gz"
    out = tmp_path / "contracts.parquet"

    printed, _ = run("--format", "nse-udiff", "--out", out, f"NIFTY={path}")
    summary = json.loads(run("--format", "nse-udiff", "--json", path)[0])

    assert printed.splitlines()[:5] == [
        "format             nse-udiff",
        "day                2026-03-23",
        "contracts          2214",
        "NIFTY: expiry and lot",
        "  2026-03-24  65",
    ]
    assert (summary["day"], summary["contracts"], len(summary["underlyings"]["NIFTY"])) == ("2026-03-23", 2214, 18)
    assert out.stat().st_size > 0
    assert refusal("--format", "nse-udiff", "--out", out, path).returncode == 2


def test_contracts_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    error = refusal("--format", "nse-udiff", tmp_path / "fo.csv")

    assert (error.returncode, "the file does not exist" in str(error)) == (2, True)
    assert "one file at a time" in str(refusal("--format", "nse-udiff", "a.csv", "b.csv"))
