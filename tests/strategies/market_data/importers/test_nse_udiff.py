"""The NSE's daily list of contracts says which there were, in what lots, and how they settled."""

import gzip
import zipfile
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from strategies.engine.symbols import Option, parse_symbol
from strategies.market_data.file_errors import MarketDataFileInvalid
from strategies.market_data.importers import nse_udiff
from strategies.market_data.importers.nse_udiff import ContractFacts

HEADER = (
    "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,FininstrmActlXpryDt,StrkPric,OptnTp,"
    "FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,UndrlygPric,SttlmPric,OpnIntrst,ChngInOpnIntrst,"
    "TtlTradgVol,TtlTrfVal,TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,Rsvd1,Rsvd2,Rsvd3,Rsvd4"
)
PUT = (
    "2026-03-23,2026-03-23,FO,NSE,IDO,1,,NIFTY,,2026-04-07,2026-04-07,22500.00,PE,NIFTY,1,2,1,150.50,2,1,22512.65,"
    "150.50,1300,0,27,1,1,F1,65,,,,,"
)
FUTURE = (
    "2026-03-23,2026-03-23,FO,NSE,STF,2,,M&M,,2026-04-28,2026-04-28,,,M&M,1,2,1,3150.50,2,1,3120.65,3150.50,2000,0,27,"
    "1,1,F1,200,,,,,"
)


def contracts_file(folder: Path, *lines: str) -> Path:
    path = folder / "fo.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def test_each_row_is_a_contract_with_its_facts(tmp_path: Path) -> None:
    listed = nse_udiff.read_contracts(contracts_file(tmp_path, PUT, FUTURE))

    assert listed.day == date(2026, 3, 23)
    assert listed.contracts == (
        ContractFacts(
            day=date(2026, 3, 23),
            symbol="NIFTY:2026-04-07:OPT:22500:PE",
            kind="index option",
            underlying="NIFTY",
            expiry=date(2026, 4, 7),
            strike=22500.0,
            right="PE",
            lot=65,
            close=150.5,
            settlement=150.5,
            underlying_price=22512.65,
            open_interest=1300,
            volume=27,
        ),
        ContractFacts(
            day=date(2026, 3, 23),
            symbol="M&M:2026-04-28:FUT",
            kind="stock future",
            underlying="M&M",
            expiry=date(2026, 4, 28),
            strike=None,
            right=None,
            lot=200,
            close=3150.5,
            settlement=3150.5,
            underlying_price=3120.65,
            open_interest=2000,
            volume=27,
        ),
    )


def test_one_underlying_can_be_chosen_and_one_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = contracts_file(tmp_path, PUT, FUTURE)

    assert [it.symbol for it in nse_udiff.read_contracts(path, underlyings=["M&M"]).contracts] == ["M&M:2026-04-28:FUT"]
    with pytest.raises(MarketDataFileInvalid, match="there is no contract on BANKNIFTY"):
        nse_udiff.read_contracts(path, underlyings=["BANKNIFTY"])


def test_packed_and_plain_files_are_the_same(tmp_path: Path) -> None:
    plain = contracts_file(tmp_path, PUT, FUTURE)
    gzipped, zipped = tmp_path / "fo.csv.gz", tmp_path / "fo.csv.zip"
    gzipped.write_bytes(gzip.compress(plain.read_bytes()))
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(plain, "fo.csv")

    lists = [nse_udiff.read_contracts(path) for path in (plain, gzipped, zipped)]

    assert lists[0] == lists[1] == lists[2]


BAD_ROWS = {
    "day": (PUT.replace("2026-03-23,2026", "23-Mar-2026,2026"), "TradDt is '23-Mar-2026', which is not a date"),
    "another day": (
        PUT.replace("2026-03-23,2026", "2026-03-24,2026"),
        "TradDt is 2026-03-24, and that of the first row is 2026-03-23",
    ),
    "kind": (PUT.replace("IDO", "EQ"), "FinInstrmTp is 'EQ', which is none of IDO, IDF, STO, STF"),
    "right": (PUT.replace(",PE,", ",CA,"), "OptnTp is 'CA', which is neither CE nor PE"),
    "future with a right": (
        PUT.replace("IDO", "IDF"),
        "a contract of the kind index future has the strike 22500.0 and the right PE",
    ),
    "option without a right": (
        PUT.replace(",PE,", ",,"),
        "a contract of the kind index option has the strike 22500.0 and the right None",
    ),
    "lot": (PUT.replace(",65,", ",0,"), "NewBrdLotQty is 0, and a lot has at least one unit"),
    "price": (PUT.replace(",150.50,1300", ",-1,1300"), "SttlmPric is -1, and a price is above zero"),
    "interest": (PUT.replace(",1300,", ",many,"), "OpnIntrst is 'many', which is not a number"),
    "symbol": (PUT.replace(",NIFTY,,", ",nifty:x,,"), "TckrSymb 'nifty:x' makes no symbol"),
    "no symbol": (PUT.replace(",NIFTY,,", ",,,"), "TckrSymb is empty"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    row, expected = BAD_ROWS[name]
    path = contracts_file(tmp_path, PUT, FUTURE, row)

    with pytest.raises(MarketDataFileInvalid) as caught:
        nse_udiff.read_contracts(path)

    assert (caught.value.line, caught.value.fault) == (4, expected)


def test_a_file_of_another_kind_is_refused_by_its_missing_columns(tmp_path: Path) -> None:
    path = tmp_path / "fo.csv"
    path.write_text("INSTRUMENT,SYMBOL,EXPIRY_DT\nOPTIDX,NIFTY,07-Nov-2024\n")

    with pytest.raises(MarketDataFileInvalid, match="column 'TradDt' is missing"):
        nse_udiff.read_contracts(path)


def test_contracts_are_written_as_columns(tmp_path: Path) -> None:
    listed = nse_udiff.read_contracts(contracts_file(tmp_path, PUT, FUTURE))
    path = tmp_path / "contracts.parquet"

    nse_udiff.write_contracts(listed, path)

    table = parquet.read_table(path)
    assert [ContractFacts(**row) for row in table.to_pylist()] == list(listed.contracts)
    assert table.schema.field("expiry").type == pa.date32()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["contracts.parquet", "fo.csv"]


@pytest.mark.parametrize("day", ["2026-03-23", "2026-03-24"])
def test_real_lists_agree_with_a_plain_reading(real_data: Path, day: str) -> None:
    """NIFTY's lot is 65 for every expiry since January 2026, weekly expiries are Tuesdays (or before a holiday)."""
    path = real_data / "importer-samples" / "nse-eod" / f"fo_udiff_NIFTY_{day}.csv.gz"
    frame = pd.read_csv(path)

    listed = nse_udiff.read_contracts(path)

    assert (listed.day, len(listed.contracts)) == (date.fromisoformat(day), 2214)
    assert set(listed.lots("NIFTY").values()) == {65}
    expiries = listed.expiries("NIFTY")
    assert [str(expiry) for expiry in expiries[:4]] == ["2026-03-24", "2026-03-30", "2026-04-07", "2026-04-13"]
    near = frame[(frame["FinInstrmTp"] == "IDO") & (frame["XpryDt"] == "2026-03-24")]
    assert listed.strikes("NIFTY", expiries[0]) == tuple(sorted(set(near["StrkPric"])))
    for contract, row in zip(listed.contracts, frame.itertuples(), strict=True):
        instrument = parse_symbol(contract.symbol)
        assert (contract.settlement, contract.lot, contract.volume) == (
            row.SttlmPric,
            row.NewBrdLotQty,
            row.TtlTradgVol,
        )
        if isinstance(instrument, Option):
            assert (instrument.strike, instrument.right, str(instrument.expiry)) == (
                row.StrkPric,
                row.OptnTp,
                row.XpryDt,
            )
