"""MAE and MFE are the lowest and highest profit that a position showed."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.engine.excursions import Excursion, Excursions

MONEY = st.decimals(-10_000, 10_000, places=2)


@given(marks=st.lists(MONEY), realized=MONEY)
def test_an_excursion_is_the_range_of_the_marks_the_exit_and_zero(marks: list[Decimal], realized: Decimal) -> None:
    excursions = Excursions()
    for mark in marks:
        excursions.mark("leg-1", mark)

    seen = [*marks, realized, Decimal(0)]
    assert excursions.close("leg-1", realized) == Excursion(mae=min(seen), mfe=max(seen))


def test_a_fill_worse_than_every_price_before_counts() -> None:
    excursions = Excursions()
    excursions.mark("leg-1", Decimal(-10))

    assert excursions.close("leg-1", Decimal("-12.50")).mae == Decimal("-12.50")


def test_a_re_entry_starts_anew() -> None:
    excursions = Excursions()
    excursions.mark("leg-1", Decimal(-50))
    excursions.close("leg-1", Decimal(-50))

    assert excursions.close("leg-1", Decimal(5)) == Excursion(mae=Decimal("0.00"), mfe=Decimal(5))


def test_positions_are_followed_apart() -> None:
    excursions = Excursions()
    excursions.mark("leg-1", Decimal(-3))
    excursions.mark("leg-2", Decimal(8))

    assert excursions.close("leg-1", Decimal(0)) == Excursion(mae=Decimal(-3), mfe=Decimal(0))
    assert excursions.close("leg-2", Decimal(0)) == Excursion(mae=Decimal(0), mfe=Decimal(8))


def test_a_part_takes_its_share_of_the_past_and_leaves_the_rest() -> None:
    excursions = Excursions()
    excursions.mark("leg-1", Decimal(-40))
    excursions.mark("leg-1", Decimal(100))

    part = excursions.close_part("leg-1", Decimal(-15), share=Decimal("0.25"))
    rest = excursions.close("leg-1", Decimal(80))

    assert part == Excursion(mae=Decimal(-15), mfe=Decimal(25))
    assert rest == Excursion(mae=Decimal(-30), mfe=Decimal(80))


@pytest.mark.parametrize("share", ["0", "1", "1.5", "-0.1"])
def test_a_share_outside_of_zero_and_one_is_refused(share: str) -> None:
    with pytest.raises(ValueError, match="above 0 and below 1"):
        Excursions().close_part("leg-1", Decimal(0), share=Decimal(share))
