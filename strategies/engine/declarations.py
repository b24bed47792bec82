"""What the conditions of one strategy may refer to, and how far they may go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_DEPTH = 20
"""How deep groups and arithmetic may be nested; deeper documents are refused rather than risking the stack."""

MAX_LOOKBACK = 5_000
"""How many candles an offset may reach back."""

MAX_EXACT = 2**53
"""The largest whole number that a viewer's JSON parser reads exactly. RFC 8259 section 6."""


@dataclass(frozen=True, slots=True)
class Declarations:
    """What conditions may refer to."""

    #: ``TI``, and ``SI`` where the start node switches a supporting instrument on.
    roles: frozenset[str]
    #: (instrument role, timeframe id) that the start node declares.
    timeframes: frozenset[tuple[str, str]]
    #: (instrument role, timeframe id, indicator key).
    indicators: frozenset[tuple[str, str, str]]
    #: (node id, variable name) that some node records.
    variables: frozenset[tuple[str, str]]
    #: Position ids that some entry node opens.
    positions: frozenset[str]
    #: The name that people read of an indicator; its key where there is none.
    display_names: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    #: The outputs of an indicator; one whose kind is unknown is missing here.
    outputs: Mapping[tuple[str, str, str], tuple[str, ...]] = field(default_factory=dict)
