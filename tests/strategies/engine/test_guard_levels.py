"""Guard levels: told second by second, they are what the plan triggers on, and nothing else does."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.engine import guards
from strategies.engine.guard_levels import UNGUARDED, GuardLevels, GuardPrices
from strategies.engine.guards import Guarded
from strategies.engine.strategy import Protection
from strategies.engine.tape import DayTape
from tests.strategies.engine.random_guards import LONG, SHORT, protections, tape_of

STOP = Protection(kind="stop_loss", unit="points", distance=2.0)
TARGET = Protection(kind="take_profit", unit="percentage", distance=5.0)
TRAIL = Protection(kind="trailing_stop", unit="points", distance=1.0, activation=0.5)


def levels_of(tape: DayTape, position: Guarded, *wanted: Protection, after: int = 0) -> GuardLevels:
    return GuardLevels(tape, position, wanted, after=after, best=float(position.entry_price))


def triggered(price: float, told: GuardPrices, direction: int) -> tuple[str, Decimal] | None:
    """Return what a price triggers of the levels that were told before it."""
    for kind, level, away in (
        ("stop_loss", told.stop_loss, -direction),
        ("trailing_stop", told.trailing_stop, -direction),
        ("take_profit", told.take_profit, direction),
    ):
        if level is not None and price * away >= float(level) * away:
            return kind, level
    return None


@settings(max_examples=200)
@given(
    guarded=st.sampled_from([LONG, SHORT]),
    wanted=st.lists(protections(), min_size=1, max_size=4),
    moves=st.lists(st.sampled_from([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0]), min_size=2, max_size=40),
    quiet=st.sampled_from([0, 0, 0, 509, 2_600]),
    after=st.integers(0, 1),
)
def test_the_levels_told_are_what_triggers_in_the_next_second(
    guarded: Guarded, wanted: list[Protection], moves: list[float], quiet: int, after: int
) -> None:
    prices = [100.0] * (quiet + 1)
    for move in moves:
        prices.append(prices[-1] + move)
    tape = tape_of(*prices)
    levels = levels_of(tape, guarded, *wanted, after=after)

    hits = [
        (second + 1, *hit)
        for second in range(after, len(prices) - 1)
        if (hit := triggered(prices[second + 1], levels.at(second), guarded.direction))
    ]

    plan = guards.plan(tape, guarded, tuple((f"exit-{n}", each) for n, each in enumerate(wanted)), after, 100.0)
    assert hits[:1] == ([] if plan is None else [(plan.second, plan.kind, plan.trigger_price)])


@settings(max_examples=50)
@given(
    wanted=st.lists(protections(), min_size=1, max_size=3),
    moves=st.lists(st.sampled_from([-0.5, 0.0, 0.5]), min_size=2, max_size=30),
    first=st.integers(1, 5),
)
def test_a_range_of_seconds_is_told_as_each_of_them(wanted: list[Protection], moves: list[float], first: int) -> None:
    prices = [100.0]
    for move in moves * 20:
        prices.append(prices[-1] + move)
    tape = tape_of(*prices)

    column = levels_of(tape, SHORT, *wanted).trailing_between(first, len(prices))

    one_by_one = levels_of(tape, SHORT, *wanted)
    expected = [one_by_one.at(second).trailing_stop for second in range(first, len(prices))]
    if column is None:
        assert set(expected) == {None}
    else:
        assert [None if level != level else Decimal(repr(level)) for level in column] == expected


def test_a_fixed_guard_stays_and_a_trailing_stop_follows_the_best_price_from_its_activation_on() -> None:
    levels = levels_of(tape_of(100, 100.25, 100.5, 102, 101.5), LONG, STOP, TARGET, TRAIL)

    fixed = {"stop_loss": Decimal("98.00"), "take_profit": Decimal("105.000")}
    assert [levels.at(second) for second in range(5)] == [
        GuardPrices(**fixed),
        GuardPrices(**fixed),
        GuardPrices(**fixed, trailing_stop=Decimal("99.50")),
        GuardPrices(**fixed, trailing_stop=Decimal("101.00")),
        GuardPrices(**fixed, trailing_stop=Decimal("101.00")),
    ]
    assert levels.at(4) is levels.at(4)


@pytest.mark.parametrize(("position", "stop", "target"), [(LONG, "98", "103"), (SHORT, "102", "97")])
def test_of_several_guards_of_one_kind_the_nearest_is_told(position: Guarded, stop: str, target: str) -> None:
    wanted = [
        Protection(kind=kind, unit="points", distance=distance)
        for distance in (3.0, 2.0, 5.0)
        for kind in ("stop_loss", "trailing_stop")
    ]
    wanted += [Protection(kind="take_profit", unit="points", distance=distance) for distance in (4.0, 3.0)]

    levels = levels_of(tape_of(100, 100), position, *wanted)

    assert levels.at(1) == GuardPrices(Decimal(stop), Decimal(target), Decimal(stop))


def test_a_position_without_guards_has_no_level() -> None:
    assert levels_of(tape_of(100, 101), LONG).at(1) == UNGUARDED
