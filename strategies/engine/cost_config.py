"""
A cost configuration, as a session stores it, becomes a cost model.

    {"model": "indian_fno", "broker": "flat_20"}
    {"model": "indian_fno", "exchange": "BSE", "brokerage_per_order": 15, "gst_on_ipft": false}
    {"model": "percent", "percent": 0.05, "fixed": 20}
    {"model": "none"}

Every fault is listed at once, by field. An unknown field is a fault: a misspelt one must not cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final, TypeVar

from strategies.engine import costs
from strategies.engine.cost_rates import EXCHANGES, Exchange
from strategies.engine.costs import CostModel, FnoProfile
from strategies.engine.errors import EngineError

#: Brokerage per executed order by broker profile, rupees.
BROKERS: Final[Mapping[str, Decimal]] = MappingProxyType({"flat_20": Decimal(20), "zero": Decimal(0)})

Choice = TypeVar("Choice", bound=str)

_LARGEST_AMOUNT = Decimal(1_000_000)
_LARGEST_PERCENT = Decimal(100)


class CostConfigInvalid(EngineError):
    """A cost configuration is refused; every fault is listed."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        #: (field, what is wrong and what is allowed)
        self.faults = tuple(faults)
        super().__init__("\n".join(f"costs.{field}: {message}" if field else message for field, message in faults))


def parse_cost_model(document: object) -> CostModel:
    """
    Read a cost configuration into the model that it names.

    Args:
        document: A JSON mapping. Amounts may be numbers or decimal text ("0.05").

    Raises:
        CostConfigInvalid: With every fault, by field.
    """
    if not isinstance(document, Mapping):
        raise CostConfigInvalid([("", f"costs must be a mapping such as {{'model': 'none'}}, not {document!r}")])
    name = document.get("model")
    parser = _PARSERS.get(name) if isinstance(name, str) else None
    if parser is None:
        found = f"{name!r} is not a cost model" if "model" in document else "is missing"
        raise CostConfigInvalid([("model", f"{found}; allowed: {', '.join(_PARSERS)}")])
    fields = _Fields(document)
    model = parser(fields)
    fields.refuse_unread()
    if fields.faults:
        raise CostConfigInvalid(fields.faults)
    return model


class _Fields:
    """The fields of one configuration, the faults found in them, and which of them were read."""

    def __init__(self, document: Mapping[object, object]) -> None:
        self._document = document
        self._read: list[str] = ["model"]
        self.faults: list[tuple[str, str]] = []

    def has(self, name: str) -> bool:
        return name in self._document

    def choice(self, name: str, allowed: Sequence[Choice], default: Choice) -> Choice:
        value = self._take(name, default)
        for item in allowed:
            if value == item:
                return item
        self.faults.append((name, f"{value!r} is not allowed; allowed: {', '.join(allowed)}"))
        return default

    def flag(self, name: str, default: bool) -> bool:
        value = self._take(name, default)
        if isinstance(value, bool):
            return value
        self.faults.append((name, f"{value!r} is neither true nor false"))
        return default

    def amount(self, name: str, *, unit: str, largest: Decimal, default: Decimal | None = None) -> Decimal:
        """Read a decimal from 0 to ``largest``; without a default the field must be there."""
        value = self._take(name, default)
        number = _decimal(value)
        if number is not None and 0 <= number <= largest:
            return number
        found = f"{value!r} is not allowed" if self.has(name) else "is missing"
        self.faults.append((name, f"{found}; allowed: {unit} from 0 to {largest}"))
        return Decimal(0)

    def refuse_unread(self) -> None:
        for name in self._document:
            if name not in self._read:
                allowed = ", ".join(self._read)
                self.faults.append((str(name), f"is not a field of this cost model; allowed: {allowed}"))

    def _take(self, name: str, default: object) -> object:
        self._read.append(name)
        return self._document.get(name, default)


def _decimal(value: object) -> Decimal | None:
    """Return a JSON number or decimal text exactly as it is written; None if it is neither or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _indian_fno(fields: _Fields) -> CostModel:
    exchange: Exchange = fields.choice("exchange", EXCHANGES, "NSE")
    if fields.has("broker") and fields.has("brokerage_per_order"):
        fields.faults.append(("broker", "and brokerage_per_order exclude each other; leave one out"))
    broker = fields.choice("broker", tuple(BROKERS), "flat_20")
    return costs.indian_fno(
        FnoProfile(
            exchange=exchange,
            brokerage_per_order=fields.amount(
                "brokerage_per_order", unit="rupees", largest=_LARGEST_AMOUNT, default=BROKERS[broker]
            ),
            is_gst_on_ipft=fields.flag("gst_on_ipft", True),
        )
    )


def _percent(fields: _Fields) -> CostModel:
    return costs.percent_and_fixed(
        percent_per_side=fields.amount("percent", unit="percent of each side's turnover", largest=_LARGEST_PERCENT),
        fixed_per_order=fields.amount("fixed", unit="an amount per order", largest=_LARGEST_AMOUNT, default=Decimal(0)),
    )


def _none(fields: _Fields) -> CostModel:
    return costs.no_costs()


_PARSERS: Final[Mapping[str, Callable[[_Fields], CostModel]]] = MappingProxyType(
    {"indian_fno": _indian_fno, "percent": _percent, "none": _none}
)
