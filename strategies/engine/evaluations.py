"""
Evaluated conditions as ticks and node events record them: a group with its members, each a group or one comparison.

Reads records alone, so that whoever has only stored events can use it without the rest of the engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def leaves(group: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Iterate over the records of single conditions in a group, each with its place."""
    for place, member in enumerate(group["conditions"]):
        path = f"{prefix}{place}"
        if "conditions" in member:
            yield from leaves(member, f"{path}.")
        else:
            yield path, member


def blockers(group: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Iterate over the conditions that kept a group from holding: all that failed, but none of a group that held."""
    if group["result"]:
        return
    for member in group["conditions"]:
        if "conditions" in member:
            yield from blockers(member)
        elif not member["result"]:
            yield member
