"""Reading contracts, orders and guards: what each setting becomes, and what is refused with its place."""

from collections.abc import Callable
from typing import Any

import pytest

from strategies.engine import order_reader
from strategies.engine.document import Faults, Reader
from strategies.engine.strategy import ExitQuantity, ExpiryPick, LimitPrice, OptionPick, PositionSpec, Protection
from tests.builders.strategy_documents import Json, option, position, stop_loss, take_profit, trailing_stop


def read(how: Callable[[Reader], Any], document: Json) -> tuple[Any, list[tuple[str, str]]]:
    faults = Faults()
    found = how(Reader(document, faults, node_id="n", path=""))
    return found, [(fault.field, fault.message) for fault in faults.found]


@pytest.mark.parametrize(
    ("document", "limit"),
    [
        ({}, None),
        ({"orderType": "market", "limitPrice": 5}, None),
        ({"orderType": "limit", "limitPrice": 101.5}, LimitPrice(unit="price", amount=101.5)),
        ({"orderType": "limit", "limitOffset": 2}, LimitPrice(unit="points", amount=2.0)),
        (
            {"orderType": "limit", "limitOffset": 2, "limitOffsetType": "percentage"},
            LimitPrice(unit="percentage", amount=2.0),
        ),
    ],
)
def test_an_order_has_a_limit_price_an_offset_or_none(document: Json, limit: LimitPrice | None) -> None:
    assert read(order_reader.limit_price, document) == (limit, [])


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"orderType": "limit"}, "limitPrice"),
        ({"orderType": "limit", "limitPrice": 0}, "limitPrice"),
        ({"orderType": "limit", "limitPrice": "101"}, "limitPrice"),
        ({"orderType": "limit", "limitOffset": -1}, "limitOffset"),
        ({"orderType": "limit", "limitOffset": 1, "limitOffsetType": "ticks"}, "limitOffsetType"),
        ({"orderType": "stop"}, "orderType"),
    ],
)
def test_a_limit_order_without_a_price_above_zero_is_a_fault(document: Json, place: str) -> None:
    assert [field for field, _ in read(order_reader.limit_price, document)[1]] == [place]


@pytest.mark.parametrize(
    ("document", "quantity"),
    [
        ({}, ExitQuantity(kind="all")),
        ({"quantity": "all", "quantityPercentage": 3}, ExitQuantity(kind="all")),
        ({"quantity": "percentage", "quantityPercentage": 12.5}, ExitQuantity(kind="percentage", amount=12.5)),
        ({"quantity": "specific", "specificQuantity": 25}, ExitQuantity(kind="specific", amount=25.0)),
    ],
)
def test_an_exit_closes_all_a_percentage_or_a_number_of_units(document: Json, quantity: ExitQuantity) -> None:
    assert read(order_reader.exit_quantity, document) == (quantity, [])


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"quantity": "percentage"}, "quantityPercentage"),
        ({"quantity": "percentage", "quantityPercentage": 0}, "quantityPercentage"),
        ({"quantity": "percentage", "quantityPercentage": 100.5}, "quantityPercentage"),
        ({"quantity": "specific", "specificQuantity": 0}, "specificQuantity"),
        ({"quantity": "specific", "specificQuantity": 1.5}, "specificQuantity"),
        ({"quantity": "some"}, "quantity"),
    ],
)
def test_a_quantity_out_of_bounds_is_a_fault(document: Json, place: str) -> None:
    assert [field for field, _ in read(order_reader.exit_quantity, document)[1]] == [place]


def test_guards_that_are_switched_on_are_read_in_the_order_in_which_they_trigger() -> None:
    both = {**take_profit(10, "points"), **stop_loss(5), **trailing_stop(300, "pnl", activation=100, step=50)}

    assert read(order_reader.protections, both) == (
        (
            Protection(kind="stop_loss", unit="percentage", distance=5.0),
            Protection(kind="take_profit", unit="points", distance=10.0),
            Protection(kind="trailing_stop", unit="pnl", distance=300.0, activation=100.0, step=50.0),
        ),
        [],
    )


def test_guards_that_are_switched_off_or_missing_are_none_whatever_else_they_say() -> None:
    off = {"stopLoss": {"enabled": False, "stopPercentage": -1}, "takeProfit": {}, "trailingStop": None}

    assert read(order_reader.protections, off) == ((), [])


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"stopLoss": {"enabled": True}}, "stopLoss.stopPercentage"),
        (stop_loss(0), "stopLoss.stopPercentage"),
        ({"stopLoss": {"enabled": True, "triggerType": "points", "stopPercentage": 5}}, "stopLoss.stopPoints"),
        ({"stopLoss": {"enabled": True, "triggerType": "days", "stopPercentage": 5}}, "stopLoss.triggerType"),
        (take_profit(-3, "pnl"), "takeProfit.targetPnl"),
        (take_profit(20_000), "takeProfit.targetPercentage"),
        (trailing_stop(0), "trailingStop.initialDistance"),
        (trailing_stop(1, activation=-1), "trailingStop.activation"),
        (trailing_stop(1, step=-1), "trailingStop.stepSize"),
        ({"stopLoss": {"enabled": "yes"}}, "stopLoss.enabled"),
    ],
)
def test_a_guard_without_a_distance_above_zero_is_a_fault(document: Json, place: str) -> None:
    assert [field for field, _ in read(order_reader.protections, document)[1]] == [place]


@pytest.mark.parametrize(
    ("document", "pick"),
    [
        (option("CE"), OptionPick(expiry=ExpiryPick(cycle="W", index=0), strike_type="ATM", right="CE")),
        (
            option("PE", "ITM15", "M1"),
            OptionPick(expiry=ExpiryPick(cycle="M", index=1), strike_type="ITM", strike_steps=15, right="PE"),
        ),
        (
            option("PE", "premium", "W1", strikeValue=55.5),
            OptionPick(expiry=ExpiryPick(cycle="W", index=1), strike_type="premium", premium=55.5, right="PE"),
        ),
    ],
)
def test_an_option_is_picked_by_expiry_strike_and_right(document: Json, pick: OptionPick) -> None:
    assert read(order_reader.option, document) == (pick, [])


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (option("CE", "premium"), "strikeValue"),
        (option("CE", "premium", strikeValue=0), "strikeValue"),
        (option("CE", "ITM16"), "strikeType"),
        (option("CE", "atm"), "strikeType"),
        (option("call"), "optionType"),
        (option("CE", expiry="W2"), "expiry"),
    ],
)
def test_an_option_that_cannot_be_picked_is_a_fault(document: Json, place: str) -> None:
    assert [field for field, _ in read(order_reader.option, document)[1]] == [place]


def test_a_position_is_as_large_as_its_quantity_times_its_multiplier() -> None:
    document = position("pos", "sell", quantity=3, multiplier=25, max_entries=2, orderType="limit", limitOffset=1)

    assert read(lambda reader: order_reader.position(reader, "stock"), document) == (
        PositionSpec(
            position_id="pos", side="sell", quantity=75, max_entries=2, contract=None,
            limit=LimitPrice(unit="points", amount=1.0),
        ),
        [],
    )  # fmt: skip
