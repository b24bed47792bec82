"""Guards: the plan that is made once over the day's columns is what watching every tick would come to."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.engine import guards
from strategies.engine.guards import Guarded, GuardPlan
from strategies.engine.strategy import Protection, Unit
from strategies.engine.tape import DayTape
from tests.builders.market_data import market_data
from tests.strategies.engine.random_guards import LONG, SHORT, protections, tape_of

SEARCHED_AT_ONCE = 512


def watch(
    prices: list[float], position: Guarded, protections: list[Protection], after: int, best: float
) -> tuple[int, str, float] | None:
    """Watch tick by tick, as a person would: the stop first, then the trailing stop, then the target."""
    entry, sign = float(position.entry_price), position.direction
    for place in range(after + 1, len(prices)):
        price = prices[place]
        for kind in ("stop_loss", "trailing_stop", "take_profit"):
            away = sign if kind == "take_profit" else -sign
            levels = [level_of(each, position, entry, sign, best) for each in protections if each.kind == kind]
            hit = [level for level in levels if level is not None and price * away >= level * away]
            if hit:
                # Of two that the price reaches at once, it came to the nearer one first.
                return place, kind, min(hit, key=lambda level: level * away)
        best = max(best, price) if sign > 0 else min(best, price)
    return None


def level_of(protection: Protection, position: Guarded, entry: float, sign: int, best: float) -> float | None:
    """Return the price at which a guard triggers now; None while it does not work yet."""

    def points(amount: float, base: float) -> float:
        in_unit = {"percentage": base * amount / 100, "points": amount, "pnl": amount / position.quantity}
        return in_unit[protection.unit]

    if protection.kind == "stop_loss":
        return round(entry - sign * points(protection.distance, entry), 9)
    if protection.kind == "take_profit":
        return round(entry + sign * points(protection.distance, entry), 9)
    gain = (best - entry) * sign
    if round(gain, 9) < points(protection.activation, entry):
        return None
    if protection.step:
        step = points(protection.step, entry)
        gain = round(gain / step, 9) // 1 * step
    reached = entry + sign * gain
    return round(reached - sign * points(protection.distance, reached), 9)


@settings(max_examples=200)
@given(
    guarded=st.sampled_from([LONG, SHORT]),
    wanted=st.lists(protections(), min_size=1, max_size=3),
    moves=st.lists(st.sampled_from([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0]), min_size=2, max_size=40),
    quiet=st.sampled_from([0, 0, 0, 509, 2_600]),
    after=st.integers(0, 3),
)
def test_a_plan_is_what_watching_every_tick_comes_to(
    guarded: Guarded, wanted: list[Protection], moves: list[float], quiet: int, after: int
) -> None:
    prices = [100.0] * (quiet + 1)
    for move in moves:
        prices.append(prices[-1] + move)

    found = guards.plan(
        tape_of(*prices), guarded, tuple((f"exit-{place}", each) for place, each in enumerate(wanted)), after, 100.0
    )

    expected = watch(prices, guarded, wanted, after, 100.0)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert (found.second, found.kind) == expected[:2]
        assert float(found.trigger_price) == pytest.approx(expected[2], abs=1e-9)


def test_a_plan_is_found_far_down_the_day() -> None:
    prices = [100.0] * 5_000 + [97.0]
    stop = Protection(kind="stop_loss", unit="percentage", distance=2.5)

    found = guards.plan(tape_of(*prices), LONG, (("exit", stop),), 0, 100.0)

    assert found == GuardPlan(second=5_000, kind="stop_loss", node_id="exit", trigger_price=Decimal("97.500"))


def test_a_trailing_stop_remembers_its_best_price_over_the_ends_of_what_is_searched_at_once() -> None:
    rise = [100.0 + place / 100 for place in range(SEARCHED_AT_ONCE + 1)]
    prices = [*rise, *[rise[-1] - 0.5] * 3_000, rise[-1] - 3.0]
    trail = Protection(kind="trailing_stop", unit="points", distance=2.0)

    found = guards.plan(tape_of(*prices), LONG, (("exit", trail),), 0, 100.0)

    assert found is not None
    assert (found.second, float(found.trigger_price)) == (len(prices) - 1, round(rise[-1] - 2.0, 9))


def test_a_price_that_sets_a_new_best_cannot_hit_the_stop_that_it_raises() -> None:
    trail = Protection(kind="trailing_stop", unit="percentage", distance=0.0001)

    assert guards.plan(tape_of(100, 101, 102, 103), LONG, (("exit", trail),), 0, 100.0) is None


def test_a_contract_that_does_not_tick_yet_triggers_nothing() -> None:
    [day] = market_data({"OTHER": 1}, {"OTHER": 1}, {"NIFTY": 50}).days()
    stop = Protection(kind="stop_loss", unit="points", distance=1.0)

    found = guards.plan(DayTape(day), LONG, (("exit", stop),), 0, 100.0)

    assert found is not None
    assert found.second == 2


def test_levels_of_a_trailing_stop_are_none_until_it_is_activated_and_move_in_steps() -> None:
    trail = Protection(kind="trailing_stop", unit="points", distance=1.0, activation=0.3, step=0.1)

    levels = guards.trailing_levels(LONG, trail, np.array([100.0, 100.29, 100.3, 100.39, 100.4]))

    assert np.isnan(levels[:2]).all()
    assert levels[2:].tolist() == [99.3, 99.3, 99.4]


@pytest.mark.parametrize(
    ("position", "kind", "unit", "distance", "level"),
    [
        (LONG, "stop_loss", "percentage", 2.5, "97.500"),
        (LONG, "stop_loss", "points", 2.5, "97.50"),
        (LONG, "stop_loss", "pnl", 25.0, "97.50"),
        (LONG, "take_profit", "percentage", 2.5, "102.500"),
        (SHORT, "stop_loss", "percentage", 2.5, "102.500"),
        (SHORT, "take_profit", "pnl", 25.0, "97.50"),
    ],
)
def test_a_fixed_level_is_exact_money(position: Guarded, kind: str, unit: Unit, distance: float, level: str) -> None:
    protection = Protection(kind="stop_loss" if kind == "stop_loss" else "take_profit", unit=unit, distance=distance)

    assert guards.fixed_level(position, protection) == Decimal(level)
