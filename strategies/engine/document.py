"""
Checked reading of a document from outside.

A ``Reader`` stands at one place of the document. What it cannot read it notes as a fault with that place, and hands
back a harmless value, so that one pass finds every fault.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeGuard, TypeVar

from strategies.engine.errors import GraphFault

Choice = TypeVar("Choice", bound=str)


class Faults:
    """Collects what is wrong with a document."""

    def __init__(self) -> None:
        self.found: list[GraphFault] = []

    def add(self, node_id: str, field: str, message: str) -> None:
        """Note one fault."""
        self.found.append(GraphFault(node_id=node_id, field=field, message=message))


class Reader:
    """
    Reads one JSON object.

    Args:
        value: What stands at this place; anything but an object is a fault.
        faults: Where faults are noted.
        node_id: The node that the object belongs to.
        path: The place inside the node, such as ``data.conditions[0]``.
    """

    def __init__(self, value: object, faults: Faults, *, node_id: str, path: str) -> None:
        self._faults = faults
        self.node_id = node_id
        self.path = path
        self._map: Mapping[str, Any] = {}
        if isinstance(value, Mapping):
            self._map = value
        else:
            self.fault("", f"expected an object, found {_kind(value)}")

    def fault(self, field: str, message: str) -> None:
        """Note a fault at a field of this object (or at the object itself)."""
        self._faults.add(self.node_id, self._place(field), message)

    def has(self, field: str) -> bool:
        """Return whether a field is there and not null."""
        return self._map.get(field) is not None

    def raw(self, field: str) -> object:
        """Return a field as it is; None where it is missing."""
        return self._map.get(field)

    def text(self, field: str, default: str | None = None) -> str:
        """Return a text that is not blank; a missing or blank one is a fault unless a default is given."""
        value = self._map.get(field)
        is_missing = value is None or (isinstance(value, str) and not value.strip())
        if is_missing and default is not None:
            return default
        if isinstance(value, str) and not is_missing:
            return value
        if is_missing:
            self.fault(field, "is missing; expected a text")
        else:
            self.fault(field, f"expected a text, found {_kind(value)}")
        return default or ""

    def choice(self, field: str, allowed: Sequence[Choice], default: Choice | None = None) -> Choice:
        """Return one of the allowed texts."""
        value = self._map.get(field)
        if value is None and default is not None:
            return default
        for option in allowed:
            if value == option:
                return option
        found = "is missing" if value is None else f"{value!r} is unknown"
        self.fault(field, f"{found}; allowed: {', '.join(allowed)}")
        return default if default is not None else allowed[0]

    def whole(self, field: str, *, least: int, most: int, default: int | None = None) -> int:
        """Return a whole number between two bounds, both included."""
        value = self._map.get(field)
        if value is None and default is not None:
            return default
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        found = "is missing" if value is None else f"{value!r} does not fit"
        self.fault(field, f"{found}; expected a whole number from {least} to {most}")
        return default if default is not None else least

    def flag(self, field: str, default: bool = False) -> bool:
        """Return true or false; a missing one is the default."""
        value = self._map.get(field)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        self.fault(field, f"expected true or false, found {_kind(value)}")
        return default

    def child(self, field: str) -> Reader:
        """Return a reader of an object inside this one; a missing one is a fault."""
        if field not in self._map:
            self.fault(field, "is missing; expected an object")
            return Reader({}, self._faults, node_id=self.node_id, path=self._place(field))
        return Reader(self._map[field], self._faults, node_id=self.node_id, path=self._place(field))

    def optional_child(self, field: str) -> Reader:
        """Return a reader of an object inside this one, an empty one where it is missing."""
        value = self._map.get(field)
        return Reader({} if value is None else value, self._faults, node_id=self.node_id, path=self._place(field))

    def items(self, field: str, *, required: bool = True) -> Iterator[Reader]:
        """Iterate over the objects of a list inside this one."""
        value = self._map.get(field)
        if value is None:
            if required:
                self.fault(field, "is missing; expected a list")
            return
        if not isinstance(value, Sequence) or isinstance(value, str):
            self.fault(field, f"expected a list, found {_kind(value)}")
            return
        for index, item in enumerate(value):
            yield Reader(item, self._faults, node_id=self.node_id, path=f"{self._place(field)}[{index}]")

    def entries(self, field: str) -> Iterator[tuple[str, Reader]]:
        """Iterate over the named objects of an object inside this one; a missing one has none."""
        value = self._map.get(field)
        if value is None:
            return
        if not isinstance(value, Mapping):
            self.fault(field, f"expected an object, found {_kind(value)}")
            return
        for key, item in value.items():
            yield str(key), Reader(item, self._faults, node_id=self.node_id, path=f"{self._place(field)}.{key}")

    def _place(self, field: str) -> str:
        return ".".join(part for part in (self.path, field) if part)


def is_deeper_than(value: object, levels: int) -> bool:
    """Return whether lists and objects stand inside each other more than so many levels deep."""
    inside = [value]
    for _ in range(levels + 1):
        # One level after the other, not by recursion: the stack is what is to be protected.
        inside = [
            part
            for outer in inside
            for part in (outer.values() if isinstance(outer, Mapping) else outer if isinstance(outer, list) else ())
            if isinstance(part, Mapping | list)
        ]
        if not inside:
            return False
    return True


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a JSON value is a finite number within the range of floats (a truth value is none)."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _kind(
    value: object,
) -> Literal["null", "a truth value", "a number", "a text", "a list", "an object", "something else"]:
    match value:
        case None:
            return "null"
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "an object"
        case _:
            return "something else"
