"""Options held to expiry: intrinsic value, and the tax on exercise on both sides of its changes."""

from datetime import date
from decimal import Decimal

import pytest

from strategies.engine import exercise
from strategies.engine.cost_rates import CostDateUnknown


@pytest.mark.parametrize(
    ("expiry", "right", "expected"),
    [
        ("2024-11-07", "CE", "7.8125"),
        ("2026-03-31", "CE", "7.8125"),
        ("2026-04-07", "CE", "9.375"),
        ("2024-11-07", "PE", "0"),
    ],
)
def test_exercise_is_taxed_on_the_intrinsic_value(expiry: str, right: str, expected: str) -> None:
    tax = exercise.exercise_stt(
        expiry=date.fromisoformat(expiry),
        settlement_price=Decimal(24500),
        strike=Decimal(24250),
        right="CE" if right == "CE" else "PE",
        quantity=25,
    )

    assert tax == Decimal(expected)


def test_exercise_before_2019_09_is_refused() -> None:
    with pytest.raises(CostDateUnknown, match="2019-09-01"):
        exercise.exercise_stt(
            expiry=date(2019, 8, 29),
            settlement_price=Decimal(11000),
            strike=Decimal(10900),
            right="CE",
            quantity=75,
        )
