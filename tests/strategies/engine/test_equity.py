"""The equity curve keeps every change, dates it, and forgets nothing that a figure needs."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.engine.equity import CurvePoint, DayClose, EquityCurve, Sample, as_columns

#: 2024-10-29 09:15:00 in India.
OPEN = 1_730_173_500
DAY = 86_400


def curve_of(*ticks: tuple[int, str]) -> EquityCurve:
    """Feed ticks: seconds after the opening, total profit."""
    curve = EquityCurve()
    for second, total in ticks:
        curve.add(OPEN + second, Decimal(total), 0)
    return curve


def test_only_changes_and_the_tick_before_each_are_kept() -> None:
    curve = curve_of((0, "0"), (1, "0"), (2, "0"), (3, "0"), (4, "5.00"), (5, "5.00"), (6, "5.00"))

    assert list(curve.samples()) == [
        Sample(1, OPEN, 0),
        Sample(4, OPEN + 3, 0),
        Sample(5, OPEN + 4, 500),
        Sample(7, OPEN + 6, 500),
    ]
    assert (curve.ticks, curve.kept) == (7, 3)


def test_a_curve_can_be_read_in_the_middle_of_a_run_and_goes_on() -> None:
    curve = curve_of((0, "0"), (1, "0"))
    halfway = list(curve.samples())
    curve.add(OPEN + 2, Decimal("1.00"), 1)

    assert halfway == [Sample(1, OPEN, 0), Sample(2, OPEN + 1, 0)]
    assert list(curve.samples()) == [Sample(1, OPEN, 0), Sample(2, OPEN + 1, 0), Sample(3, OPEN + 2, 100)]
    assert curve.final_pnl == Decimal("1.00")


def test_a_curve_without_a_tick_is_empty() -> None:
    curve = EquityCurve()

    assert (list(curve.samples()), list(curve.minutes()), curve.days()) == ([], [], ())
    assert curve.final_pnl == 0


@pytest.mark.parametrize("second", [5, 4])
def test_a_tick_that_is_not_after_the_one_before_is_refused(second: int) -> None:
    curve = curve_of((5, "0"))

    with pytest.raises(ValueError, match="out of order"):
        curve.add(OPEN + second, Decimal(0), 0)


def test_minutes_without_a_tick_carry_the_total_on_and_nights_are_left_out() -> None:
    curve = curve_of((0, "0"), (59, "1.00"), (60, "2.00"), (200, "3.00"), (DAY + 30, "3.00"), (DAY + 61, "4.00"))

    assert list(curve.minutes()) == [
        CurvePoint(OPEN, Decimal("1.00")),
        CurvePoint(OPEN + 60, Decimal("2.00")),
        CurvePoint(OPEN + 120, Decimal("2.00")),
        CurvePoint(OPEN + 180, Decimal("3.00")),
        CurvePoint(OPEN + DAY, Decimal("3.00")),
        CurvePoint(OPEN + DAY + 60, Decimal("4.00")),
    ]


def test_every_date_with_ticks_has_a_close_even_when_nothing_changed() -> None:
    curve = curve_of((0, "0"), (1, "7.50"), (DAY, "7.50"), (DAY + 1, "7.50"), (3 * DAY, "7.00"))

    assert curve.days() == (
        DayClose(date=date(2024, 10, 29), ticks=2, pnl=Decimal("7.50"), total_pnl=Decimal("7.50")),
        DayClose(date=date(2024, 10, 30), ticks=2, pnl=Decimal("0.00"), total_pnl=Decimal("7.50")),
        DayClose(date=date(2024, 11, 1), ticks=1, pnl=Decimal("-0.50"), total_pnl=Decimal("7.00")),
    )


def test_a_date_begins_at_midnight_of_the_exchange() -> None:
    last_second_in_india = OPEN - OPEN % DAY + DAY - 19_800 - 1
    curve = EquityCurve()
    curve.add(last_second_in_india, Decimal(1), 0)
    curve.add(last_second_in_india + 1, Decimal(2), 0)

    assert [day.date for day in curve.days()] == [date(2024, 10, 29), date(2024, 10, 30)]


def test_exposure_counts_ticks_with_an_open_position() -> None:
    curve = EquityCurve()
    for tick, open_positions in enumerate([0, 1, 2, 0]):
        curve.add(OPEN + tick, Decimal(0), open_positions)

    assert curve.exposed_ticks == 2


def test_amounts_with_more_decimals_stay_exact_and_so_do_those_before() -> None:
    curve = curve_of((0, "0.05"), (1, "-0.12345678"), (2, "0.1"))

    assert [point.total_pnl for point in curve.points()] == [Decimal("0.05"), Decimal("-0.12345678"), Decimal("0.1")]


def test_beyond_eight_decimals_amounts_are_rounded() -> None:
    curve = EquityCurve()
    curve.add(OPEN, Decimal(1) / 3, 0)

    assert [point.total_pnl for point in curve.points()] == [Decimal("0.33333333")]


def test_amounts_beyond_64_bits_stay_exact() -> None:
    curve = curve_of((0, "1.00"), (1, "1e20"), (2, "-1e20"))
    list(curve.samples())
    curve.add(OPEN + 3, Decimal("2.00"), 0)

    assert [point.total_pnl for point in curve.points()] == [Decimal(1), Decimal("1e20"), Decimal("-1e20"), Decimal(2)]


def test_columns_are_ready_for_json() -> None:
    curve = curve_of((0, "-0.001"), (1, "12630"))

    assert as_columns(curve.points()) == {"time": [OPEN, OPEN + 1], "total_pnl": ["0.00", "12630.00"]}


def test_a_kept_tick_takes_twenty_bytes() -> None:
    """A day in which every second changes the total takes less than half a megabyte."""
    curve = EquityCurve()
    for tick in range(22_351):
        curve.add(OPEN + tick, Decimal(tick % 7), 1)
    list(curve.samples())

    held = (curve._tick_numbers, curve._epochs, curve._units)
    assert sum(len(column) * column.itemsize for column in held) == 20 * 22_351  # type: ignore[attr-defined]  # arrays


TOTALS = st.lists(st.decimals(-10_000, 10_000, places=2), min_size=1, max_size=60)
STEPS = st.lists(st.integers(1, 40_000), min_size=60, max_size=60)


@given(totals=TOTALS, steps=STEPS)
def test_the_kept_ticks_give_back_the_value_at_every_tick(totals: list[Decimal], steps: list[int]) -> None:
    curve = EquityCurve()
    epochs = [OPEN + sum(steps[: index + 1]) for index in range(len(totals))]
    for epoch, total in zip(epochs, totals, strict=True):
        curve.add(epoch, total, 0)
    kept = {sample.tick: (sample.epoch, curve.to_money(sample.units)) for sample in curve.samples()}

    value = None
    for tick, (epoch, total) in enumerate(zip(epochs, totals, strict=True), start=1):
        if tick in kept:
            assert kept[tick] == (epoch, total)
            value = total
        assert value == total
    assert sum((day.pnl for day in curve.days()), Decimal(0)) == totals[-1] == curve.final_pnl
    assert sum(day.ticks for day in curve.days()) == len(totals) == curve.ticks
    assert list(curve.minutes())[-1].total_pnl == totals[-1]


DAYS = st.lists(
    st.lists(st.tuples(st.decimals(-50, 50, places=2), st.booleans()), min_size=1, max_size=6), min_size=1, max_size=4
)


@given(DAYS, st.sampled_from([1, 30_000]), st.integers(0, 3))
def test_columns_of_ticks_are_taken_as_the_same_ticks_one_by_one(
    parts: list[list[tuple[Decimal, bool]]], step: int, more_places: int
) -> None:
    """Also when a part spans midnight, and when its units are finer than the curve's."""
    one_by_one, in_columns = EquityCurve(), EquityCurve()
    epoch = OPEN
    for part in parts:
        epochs = [epoch + step * place for place in range(1, len(part) + 1)]
        epoch = epochs[-1]
        for at, (total, is_open) in zip(epochs, part, strict=True):
            one_by_one.add(at, total, int(is_open))
        in_columns.add_many(
            np.array(epochs),
            np.array([int(total.scaleb(2 + more_places)) for total, _ in part]),
            places=2 + more_places,
            is_exposed=np.array([is_open for _, is_open in part]),
        )

    assert list(in_columns.samples()) == list(one_by_one.samples())
    assert in_columns.days() == one_by_one.days()
    assert (in_columns.ticks, in_columns.exposed_ticks) == (one_by_one.ticks, one_by_one.exposed_ticks)
    assert in_columns.final_pnl == one_by_one.final_pnl


def test_ticks_in_columns_and_one_by_one_make_one_curve() -> None:
    curve = curve_of((0, "1.00"))
    curve.add_many(np.array([OPEN + 1, OPEN + 2]), np.array([100, 250]), places=2, is_exposed=np.array([True, False]))
    curve.add(OPEN + 3, Decimal("-1.00"), 0)

    assert [point.total_pnl for point in curve.points()] == [Decimal(1), Decimal(1), Decimal("2.50"), Decimal(-1)]


def column_curve(totals: list[int], kept: list[bool]) -> EquityCurve:
    """Feed one total a second, in whole units of the currency."""
    curve = EquityCurve()
    curve.add_many(
        np.arange(OPEN, OPEN + len(totals)),
        np.array(totals),
        places=0,
        is_exposed=np.zeros(len(totals), dtype=np.bool_),
        is_kept=np.array(kept),
    )
    return curve


@pytest.mark.parametrize("epochs", [[OPEN, OPEN + 1], [OPEN + 2, OPEN + 2]])
def test_columns_out_of_order_are_refused(epochs: list[int]) -> None:
    curve = curve_of((0, "0"))

    with pytest.raises(ValueError, match="out of order"):
        curve.add_many(np.array(epochs), np.array([1, 2]), places=2, is_exposed=np.array([False, False]))


def test_units_finer_than_eight_decimals_are_rounded() -> None:
    curve = EquityCurve()
    curve.add_many(np.array([OPEN]), np.array([1_234_567_891]), places=10, is_exposed=np.array([False]))

    assert curve.final_pnl == Decimal("0.12345679")


def test_charges_are_taken_off_from_their_tick_on() -> None:
    before = column_curve([0, 0, 0, 5, 5, 5], [False, False, True, False, True, False])

    after = before.less([(OPEN + 2, Decimal("0.25")), (OPEN + 4, Decimal("1.505")), (OPEN + 4, Decimal("0.001"))])

    assert [(point.epoch - OPEN, point.total_pnl) for point in after.points()] == [
        (0, Decimal(0)),
        (1, Decimal(0)),
        (2, Decimal("-0.25")),
        (3, Decimal("4.75")),
        (4, Decimal("3.244")),
        (5, Decimal("3.244")),
    ]
    assert [point.total_pnl for point in before.points()][-1] == 5
    assert (after.ticks, after.final_pnl) == (6, Decimal("3.244"))


def test_a_charge_at_a_tick_that_was_not_kept_is_refused() -> None:
    curve = column_curve([0, 0, 0, 0], [False] * 4)

    with pytest.raises(ValueError, match="no kept tick"):
        curve.less([(OPEN + 1, Decimal(1))])


def test_an_empty_curve_without_charges_stays_empty() -> None:
    assert list(EquityCurve().less([]).samples()) == []
