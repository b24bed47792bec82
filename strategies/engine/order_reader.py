"""Reads what a strategy says about contracts, orders and protections into records."""

from __future__ import annotations

import re
from typing import Literal

from strategies.engine.document import Reader
from strategies.engine.strategy import (
    ExitQuantity,
    ExpiryCycle,
    ExpiryPick,
    FuturePick,
    LimitPrice,
    OptionPick,
    PositionSpec,
    Protection,
    ProtectionKind,
    StrikeType,
    Unit,
)

EXPIRIES = ("W0", "W1", "M0", "M1")
UNITS: tuple[Unit, ...] = ("percentage", "points", "pnl")

_STRIKE = re.compile(r"(ITM|OTM)(1[0-5]|[1-9])")
_STOP_FIELDS = {"percentage": "stopPercentage", "points": "stopPoints", "pnl": "stopPnl"}
_TARGET_FIELDS = {"percentage": "targetPercentage", "points": "targetPoints", "pnl": "targetPnl"}


def position(reader: Reader, traded: str) -> PositionSpec:
    """
    Read one position of an entry node.

    Args:
        reader: The position's object.
        traded: What the start node says is traded: ``options``, ``futures``, or something else for the underlying.
    """
    product = reader.text("productType", default="intraday")
    if product.lower() not in ("intraday", "mis"):
        reader.fault("productType", f"{product!r} is not supported; positions are for the day: intraday")
    contract: OptionPick | FuturePick | None = None
    if reader.has("optionDetails"):
        contract = option(reader.child("optionDetails"))
    elif traded == "options":
        reader.fault("optionDetails", "is missing; the start node trades options, so the position must name one")
    elif traded == "futures":
        details = reader.optional_child("futureDetails")
        contract = FuturePick(expiry=expiry(details, default="M0"))
    return PositionSpec(
        position_id=reader.text("vpi"),
        side=reader.choice("positionType", ("buy", "sell")),
        quantity=reader.whole("quantity", least=1, most=1_000_000)
        * reader.whole("multiplier", least=1, most=1_000_000, default=1),
        max_entries=reader.whole("maxEntries", least=1, most=100_000, default=1),
        contract=contract,
        limit=limit_price(reader),
    )


def option(reader: Reader) -> OptionPick:
    """Read which option contract a position takes."""
    strike_type: StrikeType = "ATM"
    steps = 0
    premium: float | None = None
    text = reader.text("strikeType")
    if found := _STRIKE.fullmatch(text):
        strike_type = "ITM" if found[1] == "ITM" else "OTM"
        steps = int(found[2])
    elif text == "premium":
        strike_type, premium = "premium", reader.number("strikeValue", above=0.0)
    elif text and text != "ATM":
        reader.fault("strikeType", f"{text!r} is unknown; allowed: ATM, ITM1 to ITM15, OTM1 to OTM15, premium")
    return OptionPick(
        expiry=expiry(reader),
        strike_type=strike_type,
        strike_steps=steps,
        premium=premium,
        right=reader.choice("optionType", ("CE", "PE")),
    )


def expiry(reader: Reader, default: str | None = None) -> ExpiryPick:
    """Read which expiry is meant."""
    text = reader.choice("expiry", EXPIRIES, default)
    cycle: ExpiryCycle = "W" if text[0] == "W" else "M"
    return ExpiryPick(cycle=cycle, index=int(text[1]))


def limit_price(reader: Reader) -> LimitPrice | None:
    """Read the limit of an order; None for a market order."""
    if reader.choice("orderType", ("market", "limit"), "market") == "market":
        return None
    if reader.has("limitOffset"):
        unit: Literal["points", "percentage"] = reader.choice("limitOffsetType", ("points", "percentage"), "points")
        return LimitPrice(unit=unit, amount=reader.number("limitOffset", above=0.0))
    return LimitPrice(unit="price", amount=reader.number("limitPrice", above=0.0))


def exit_quantity(reader: Reader) -> ExitQuantity:
    """Read how much of a position an exit closes."""
    kind: Literal["all", "percentage", "specific"] = reader.choice("quantity", ("all", "percentage", "specific"), "all")
    if kind == "all":
        return ExitQuantity(kind="all")
    if kind == "percentage":
        return ExitQuantity(kind="percentage", amount=reader.number("quantityPercentage", above=0.0, most=100.0))
    return ExitQuantity(kind="specific", amount=float(reader.whole("specificQuantity", least=1, most=100_000_000)))


def protections(reader: Reader) -> tuple[Protection, ...]:
    """Read the stop loss, take profit and trailing stop that are switched on."""
    found: list[Protection] = []
    for field, kind, names in (
        ("stopLoss", "stop_loss", _STOP_FIELDS),
        ("takeProfit", "take_profit", _TARGET_FIELDS),
    ):
        inner = reader.optional_child(field)
        if inner.flag("enabled"):
            unit = inner.choice("triggerType", UNITS, "percentage")
            protection_kind: ProtectionKind = "stop_loss" if kind == "stop_loss" else "take_profit"
            found.append(Protection(kind=protection_kind, unit=unit, distance=_distance(inner, names[unit], unit)))
    trailing = reader.optional_child("trailingStop")
    if trailing.flag("enabled"):
        unit = trailing.choice("triggerType", UNITS, "percentage")
        found.append(
            Protection(
                kind="trailing_stop",
                unit=unit,
                distance=_distance(trailing, "initialDistance", unit),
                activation=_at_least_zero(trailing, "activation"),
                step=_at_least_zero(trailing, "stepSize"),
            )
        )
    return tuple(found)


def _distance(reader: Reader, field: str, unit: Unit) -> float:
    return reader.number(field, above=0.0, most=10_000.0 if unit == "percentage" else 1e12)


def _at_least_zero(reader: Reader, field: str) -> float:
    if reader.raw(field) == 0:
        return 0.0
    return reader.optional_number(field, above=0.0) or 0.0
