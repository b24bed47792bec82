"""The option chain: expiries, the strike at the money, strikes in and out of it."""

from datetime import date

import pytest

from strategies.engine.chain import OptionChain, nearest
from strategies.engine.errors import SymbolInvalid
from strategies.engine.strategy import OptionPick, StrikeType
from strategies.engine.symbols import Right, option_symbol
from tests.builders.market_data import DAY, NEXT_WEEK, THIS_WEEK

STRIKES = (24150.0, 24200.0, 24250.0, 24300.0, 24350.0)


def chain(*, without: tuple[str, ...] = ()) -> OptionChain:
    rights: tuple[Right, Right] = ("CE", "PE")
    symbols = [
        option_symbol("NIFTY", expiry, strike, right)
        for expiry in (THIS_WEEK, NEXT_WEEK)
        for strike in STRIKES
        for right in rights
    ]
    others = ["NIFTY", "BANKNIFTY", "NIFTY:2024-11-28:FUT", "BANKNIFTY:2024-10-30:OPT:51000:CE"]
    return OptionChain("NIFTY", [symbol for symbol in symbols + others if symbol not in without])


def pick(strike_type: StrikeType = "ATM", steps: int = 0, right: Right = "CE", expiry_index: int = 0) -> OptionPick:
    return OptionPick(expiry_index=expiry_index, strike_type=strike_type, strike_steps=steps, right=right)


@pytest.mark.parametrize(
    ("spot", "strike"),
    [
        (24250.0, 24250),
        (24274.95, 24250),
        (24275.05, 24300),
        # Equally near: the lower one.
        (24275.0, 24250),
        (24225.0, 24200),
        (20000.0, 24150),
        (30000.0, 24350),
    ],
)
def test_at_the_money_is_the_nearest_strike_and_the_lower_of_two_equally_near(spot: float, strike: int) -> None:
    assert chain().symbol(pick(), spot=spot, on=DAY) == f"NIFTY:2024-10-31:OPT:{strike}:CE"


@pytest.mark.parametrize(
    ("strike_type", "steps", "right", "strike"),
    [
        ("ITM", 1, "CE", 24200),
        ("ITM", 2, "CE", 24150),
        ("OTM", 1, "CE", 24300),
        ("OTM", 2, "CE", 24350),
        ("ITM", 1, "PE", 24300),
        ("ITM", 2, "PE", 24350),
        ("OTM", 1, "PE", 24200),
        ("OTM", 2, "PE", 24150),
    ],
)
def test_a_call_is_in_the_money_below_the_underlying_and_a_put_above_it(
    strike_type: StrikeType, steps: int, right: Right, strike: int
) -> None:
    symbol = chain().symbol(pick(strike_type, steps, right), spot=24260, on=DAY)

    assert symbol == f"NIFTY:2024-10-31:OPT:{strike}:{right}"


@pytest.mark.parametrize(("strike_type", "right"), [("ITM", "CE"), ("OTM", "CE"), ("ITM", "PE"), ("OTM", "PE")])
def test_a_strike_beyond_the_end_of_the_chain_is_no_contract(strike_type: StrikeType, right: Right) -> None:
    assert chain().symbol(pick(strike_type, 3, right), spot=24250, on=DAY) is None


@pytest.mark.parametrize(
    ("on", "expiries"),
    [
        (DAY, [THIS_WEEK, NEXT_WEEK, None]),
        # On the day of expiry the contract still trades.
        (THIS_WEEK, [THIS_WEEK, NEXT_WEEK, None]),
        (date(2024, 11, 1), [NEXT_WEEK, None, None]),
        (NEXT_WEEK, [NEXT_WEEK, None, None]),
        (date(2024, 11, 8), [None, None, None]),
    ],
)
def test_w0_is_the_first_expiry_on_or_after_the_day_and_w1_the_one_after(on: date, expiries: list[date | None]) -> None:
    assert [chain().expiry(index, on) for index in range(3)] == expiries


def test_after_the_last_expiry_there_is_no_contract() -> None:
    assert chain().symbol(pick(expiry_index=1), spot=24250, on=date(2024, 11, 1)) is None


def test_a_strike_that_the_chain_lacks_for_one_right_is_passed_over_for_that_right_alone() -> None:
    gap = chain(without=("NIFTY:2024-10-31:OPT:24250:CE",))

    assert gap.symbol(pick(), spot=24251, on=DAY) == "NIFTY:2024-10-31:OPT:24300:CE"
    assert gap.symbol(pick(right="PE"), spot=24251, on=DAY) == "NIFTY:2024-10-31:OPT:24250:PE"


def test_contracts_of_other_underlyings_and_futures_are_passed_over() -> None:
    assert chain().expiries == [THIS_WEEK, NEXT_WEEK]
    assert OptionChain("FINNIFTY", ["NIFTY:2024-10-31:OPT:24250:CE"]).expiries == []


def test_a_symbol_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(SymbolInvalid):
        OptionChain("NIFTY", ["NIFTY", "NIFTY:soon:OPT:24250:CE"])


@pytest.mark.parametrize(("price", "place"), [(1.0, 0), (10.0, 0), (15.0, 0), (15.1, 1), (20.0, 1), (99.0, 1)])
def test_nearest_names_the_place_of_a_strike(price: float, place: int) -> None:
    assert nearest([10.0, 20.0], price) == place
