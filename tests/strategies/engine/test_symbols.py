"""Symbols: three forms, one spelling for each instrument."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.engine.errors import SymbolInvalid
from strategies.engine.symbols import Future, Instrument, Option, Underlying, option_symbol, parse_symbol


@pytest.mark.parametrize(
    ("symbol", "instrument"),
    [
        ("NIFTY", Underlying("NIFTY")),
        ("M&M", Underlying("M&M")),
        ("NIFTY 50", Underlying("NIFTY 50")),
        ("NIFTY:2024-11-28:FUT", Future("NIFTY", date(2024, 11, 28))),
        ("NIFTY:2024-11-07:OPT:24250:PE", Option("NIFTY", date(2024, 11, 7), 24250.0, "PE")),
        ("USDINR:2024-11-07:OPT:84.25:CE", Option("USDINR", date(2024, 11, 7), 84.25, "CE")),
    ],
)
def test_each_form_of_symbol_is_read(symbol: str, instrument: Instrument) -> None:
    assert parse_symbol(symbol) == instrument


@pytest.mark.parametrize(
    "symbol",
    [
        "",
        "nifty",
        "NIFTY\n",
        "NIFTY:",
        "NIFTY:2024-11-28",
        "NIFTY:2024-11-28:SPOT",
        "NIFTY:2024-11-28:FUT:1",
        "NIFTY:2024-13-01:FUT",
        "NIFTY:2024-02-30:OPT:24250:PE",
        "NIFTY:2024-11-07:OPT:24250",
        "NIFTY:2024-11-07:OPT:24250:XX",
        "NIFTY:2024-11-07:OPT:24250:pe",
        "NIFTY:2024-11-07:OPT:0:PE",
        "NIFTY:2024-11-07:OPT:-5:PE",
        "NIFTY:2024-11-07:OPT:1e3:PE",
        "NIFTY:2024-11-07:OPT:nan:PE",
        "NIFTY:2024-11-07:OPT:24250:PE:more",
    ],
)
def test_another_form_is_refused_with_the_symbol_and_the_forms(symbol: str) -> None:
    with pytest.raises(SymbolInvalid) as caught:
        parse_symbol(symbol)

    assert str(caught.value).startswith(f"symbol {symbol!r}: ")
    assert "NAME:YYYY-MM-DD:OPT:STRIKE:CE|PE" in str(caught.value)


@pytest.mark.parametrize(
    "symbol",
    [
        "NIFTY:20241107:OPT:24250:PE",
        "NIFTY:2024-W45-4:OPT:24250:PE",
        "NIFTY:2024-11-07:OPT:24250.0:PE",
        "NIFTY:2024-11-07:OPT:024250:PE",
        "NIFTY:2024-11-07:OPT:102.50:PE",
        "NIFTY:2024-11-07:OPT:٢٤٢٥٠:PE",
    ],
)
def test_a_second_spelling_of_the_same_contract_is_refused(symbol: str) -> None:
    # The chain writes the one spelling; under another the contract would never be found to have a price.
    with pytest.raises(SymbolInvalid):
        parse_symbol(symbol)


@given(
    expiry=st.dates(min_value=date(1990, 1, 1), max_value=date(2199, 12, 31)),
    ten_thousandths=st.integers(min_value=1, max_value=10**9),
    right=st.sampled_from(["CE", "PE"]),
)
def test_a_written_option_symbol_reads_back_as_the_same_option(expiry: date, ten_thousandths: int, right: str) -> None:
    option = Option("NIFTY", expiry, ten_thousandths / 10_000, "CE" if right == "CE" else "PE")

    symbol = option_symbol(option.underlying, option.expiry, option.strike, option.right)

    assert parse_symbol(symbol) == option
