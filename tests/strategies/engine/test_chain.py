"""The option chain: expiries, the strike at the money, strikes in and out of it."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.engine.chain import Chain, expiry_of, nearest
from strategies.engine.errors import SymbolInvalid
from strategies.engine.strategy import ExpiryPick, FuturePick, OptionPick, StrikeType
from strategies.engine.symbols import Right, option_symbol
from tests.builders.market_data import DAY, NEXT_WEEK, THIS_WEEK

STRIKES = (24150.0, 24200.0, 24250.0, 24300.0, 24350.0)


def chain(*, without: tuple[str, ...] = ()) -> Chain:
    rights: tuple[Right, Right] = ("CE", "PE")
    symbols = [
        option_symbol("NIFTY", expiry, strike, right)
        for expiry in (THIS_WEEK, NEXT_WEEK)
        for strike in STRIKES
        for right in rights
    ]
    others = ["NIFTY", "BANKNIFTY", "NIFTY:2024-11-28:FUT", "BANKNIFTY:2024-10-30:OPT:51000:CE"]
    return Chain("NIFTY", [symbol for symbol in symbols + others if symbol not in without])


def pick(strike_type: StrikeType = "ATM", steps: int = 0, right: Right = "CE", expiry_index: int = 0) -> OptionPick:
    expiry = ExpiryPick(cycle="W", index=expiry_index)
    return OptionPick(expiry=expiry, strike_type=strike_type, strike_steps=steps, right=right)


def symbol(found: Chain, wanted: OptionPick | FuturePick, spot: float = 24250.0, on: date = DAY) -> str | None:
    """Return the contract that a pick means, where no price of a contract is asked for."""

    def unasked(contract: str) -> float | None:
        raise AssertionError(f"the price of {contract} was asked for")

    return found.symbol(wanted, spot=spot, on=on, last_price=unasked)


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
    assert symbol(chain(), pick(), spot) == f"NIFTY:2024-10-31:OPT:{strike}:CE"


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
    found = symbol(chain(), pick(strike_type, steps, right), spot=24260)

    assert found == f"NIFTY:2024-10-31:OPT:{strike}:{right}"


@pytest.mark.parametrize(("strike_type", "right"), [("ITM", "CE"), ("OTM", "CE"), ("ITM", "PE"), ("OTM", "PE")])
def test_a_strike_beyond_the_end_of_the_chain_is_no_contract(strike_type: StrikeType, right: Right) -> None:
    assert symbol(chain(), pick(strike_type, 3, right)) is None


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
    found = [expiry_of(ExpiryPick(cycle="W", index=index), chain().option_expiries, on) for index in range(3)]

    assert found == expiries


def test_after_the_last_expiry_there_is_no_contract() -> None:
    assert symbol(chain(), pick(expiry_index=1), on=date(2024, 11, 1)) is None


def test_a_strike_that_the_chain_lacks_for_one_right_is_passed_over_for_that_right_alone() -> None:
    gap = chain(without=("NIFTY:2024-10-31:OPT:24250:CE",))

    assert symbol(gap, pick(), 24251) == "NIFTY:2024-10-31:OPT:24300:CE"
    assert symbol(gap, pick(right="PE"), 24251) == "NIFTY:2024-10-31:OPT:24250:PE"


def test_contracts_of_other_underlyings_are_passed_over() -> None:
    assert (chain().option_expiries, chain().future_expiries) == ([THIS_WEEK, NEXT_WEEK], [date(2024, 11, 28)])
    other = Chain("FINNIFTY", ["NIFTY:2024-10-31:OPT:24250:CE", "NIFTY:2024-11-28:FUT"])
    assert (other.option_expiries, other.future_expiries) == ([], [])


EXPIRIES = [date(2024, month, day) for month, day in ((10, 24), (10, 31), (11, 7), (11, 14), (11, 28), (12, 26))]


@pytest.mark.parametrize(
    ("on", "monthlies"),
    [
        (date(2024, 10, 1), [date(2024, 10, 31), date(2024, 11, 28), date(2024, 12, 26)]),
        (date(2024, 10, 31), [date(2024, 10, 31), date(2024, 11, 28), date(2024, 12, 26)]),
        (date(2024, 11, 1), [date(2024, 11, 28), date(2024, 12, 26), None]),
        (date(2024, 12, 26), [date(2024, 12, 26), None, None]),
        (date(2024, 12, 27), [None, None, None]),
    ],
)
def test_m0_is_the_last_expiry_of_a_month_and_m1_that_of_the_next(on: date, monthlies: list[date | None]) -> None:
    assert [expiry_of(ExpiryPick(cycle="M", index=index), EXPIRIES, on) for index in range(3)] == monthlies


def test_options_and_futures_of_a_month_are_picked_from_their_own_expiries() -> None:
    symbols = [*(f"NIFTY:{expiry}:OPT:24250:CE" for expiry in EXPIRIES), "NIFTY:2024-11-28:FUT", "NIFTY:2024-12-26:FUT"]
    found = Chain("NIFTY", symbols)
    monthly = [
        OptionPick(expiry=ExpiryPick(cycle="M", index=index), strike_type="ATM", right="CE") for index in range(3)
    ]
    futures = [FuturePick(expiry=ExpiryPick(cycle=cycle, index=index)) for cycle in ("W", "M") for index in range(2)]

    assert [symbol(found, each) for each in monthly] == [
        "NIFTY:2024-10-31:OPT:24250:CE", "NIFTY:2024-11-28:OPT:24250:CE", "NIFTY:2024-12-26:OPT:24250:CE",
    ]  # fmt: skip
    # There is no future of October: the first one is November's.
    assert [symbol(found, each) for each in futures] == ["NIFTY:2024-11-28:FUT", "NIFTY:2024-12-26:FUT"] * 2
    assert symbol(found, futures[1], on=date(2024, 12, 1)) is None


PREMIUMS = {24150: 180.0, 24200: 140.0, 24250: 104.0, 24300: 76.0, 24350: None}


@pytest.mark.parametrize(
    ("premium", "strike"),
    [(104.0, 24250), (90.5, 24250), (89.5, 24300), (1.0, 24300), (1000.0, 24150), (122.0, 24200), (90.0, 24250)],
)
def test_a_pick_by_premium_takes_the_nearest_price_and_the_lower_strike_of_two_equally_near(
    premium: float, strike: int
) -> None:
    wanted = OptionPick(expiry=ExpiryPick(cycle="W", index=0), strike_type="premium", premium=premium, right="PE")
    prices = {f"NIFTY:{THIS_WEEK}:OPT:{each}:PE": price for each, price in PREMIUMS.items()}

    found = chain().symbol(wanted, spot=20_000.0, on=DAY, last_price=prices.get)

    assert found == f"NIFTY:{THIS_WEEK}:OPT:{strike}:PE"


def test_a_pick_by_premium_finds_nothing_before_any_contract_has_a_price() -> None:
    wanted = OptionPick(expiry=ExpiryPick(cycle="W", index=0), strike_type="premium", premium=5.0, right="PE")

    assert chain().symbol(wanted, spot=24250, on=DAY, last_price=lambda _: None) is None


@given(
    spot=st.integers(min_value=2_400_000, max_value=2_450_000),
    other=st.integers(min_value=2_400_000, max_value=2_450_000),
    steps=st.integers(0, 2),
    right=st.sampled_from(["CE", "PE"]),
)
def test_within_its_bounds_a_pick_stays_the_same_and_outside_it_is_another(
    spot: int, other: int, steps: int, right: Right
) -> None:
    found = chain()
    wanted = pick("OTM" if steps else "ATM", steps, right)

    low, high = found.bounds(wanted, spot=spot / 100, on=DAY)

    assert low < spot / 100 <= high
    here, there = symbol(found, wanted, spot / 100), symbol(found, wanted, other / 100)
    assert low < other / 100 <= high or here != there or None in (here, there)
    assert not low < other / 100 <= high or here == there


def test_where_the_chain_has_nothing_no_price_of_the_underlying_changes_that() -> None:
    assert chain().bounds(pick(expiry_index=5), spot=24250, on=DAY) == (float("-inf"), float("inf"))


def test_a_symbol_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(SymbolInvalid):
        Chain("NIFTY", ["NIFTY", "NIFTY:soon:OPT:24250:CE"])


@pytest.mark.parametrize(("price", "place"), [(1.0, 0), (10.0, 0), (15.0, 0), (15.1, 1), (20.0, 1), (99.0, 1)])
def test_nearest_names_the_place_of_a_strike(price: float, place: int) -> None:
    assert nearest([10.0, 20.0], price) == place
