"""
What differs between JSON documents: two versions of a strategy, or the settings of several sessions.

A document is taken apart into places, such as ``nodes[put-signal].data.label``; members of a list that have an id are
told apart by it, so that a node that was moved within its list is no difference. Where the builder drew a node is none
either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

#: Where the builder put a node on its canvas; it means nothing to a run.
_DRAWING: Final = frozenset({"position", "measured", "width", "height", "selected", "dragging", "conditionsPreview"})


class _Absent:
    """Nothing stands at a place."""


_ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place at which documents differ."""

    path: str
    #: What each document has there, as text; None where it has nothing.
    values: tuple[str | None, ...]


def differences(documents: Sequence[Any]) -> list[Difference]:
    """Compare documents place by place; places stand in the order in which the documents first have them."""
    places = [dict(_places(document, "")) for document in documents]
    paths = dict.fromkeys(path for found in places for path in found)
    rows = [(path, [found.get(path, _ABSENT) for found in places]) for path in paths]
    return [
        Difference(path=path, values=tuple(None if value is _ABSENT else _text(value) for value in values))
        for path, values in rows
        if any(type(value) is not type(values[0]) or value != values[0] for value in values[1:])
    ]


def _places(value: Any, path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON has no narrower type
    if isinstance(value, dict) and value:
        for key, member in value.items():
            if key not in _DRAWING:
                yield from _places(member, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for number, member in enumerate(value):
            yield from _places(member, f"{path}[{_name(member, number)}]")
    else:
        yield path, value


def _name(member: Any, number: int) -> object:  # noqa: ANN401 - JSON has no narrower type
    if isinstance(member, dict):
        if "source" in member and "target" in member:
            return f"{member['source']} to {member['target']}"
        return member.get("id", number)
    return number


def _text(value: Any) -> str:  # noqa: ANN401 - JSON has no narrower type
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "empty" if value in ({}, [], "") else str(value)
