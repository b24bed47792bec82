"""
Where the guards of a session's positions stood, as steps: the ticks at which a level became another one.

Shown what every tick says of its open positions. Kept are the changes alone, sixteen bytes each: a stop that stays is
one, a trailing stop has at most one a tick.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

#: The levels of an entry of `open_positions`.
LEVELS: Final = ("stop_loss_price", "take_profit_price", "trailing_stop_price")
#: In place of a level where there is none.
_NONE: Final = -(2**63)


class LevelSteps:
    """One level of one position: none before its first step, and each step holds until the next."""

    __slots__ = ("_hundredths", "_ticks", "newest")

    def __init__(self) -> None:
        self._ticks = array("q")
        self._hundredths = array("q")
        #: What it is since the last step.
        self.newest: str | None = None

    def add(self, tick: int, level: str | None) -> None:
        """Take what it is from a tick on: decimal text with two places, None for none."""
        self.newest = level
        self._ticks.append(tick)
        self._hundredths.append(_NONE if level is None else int(level.replace(".", "")))

    def between(self, after: int, through: int) -> list[tuple[int, str | None]]:
        """List the steps after a tick, through another."""
        places = slice(bisect_right(self._ticks, after), bisect_right(self._ticks, through))
        return [
            (at, None if level == _NONE else decimal_text(level))
            for at, level in zip(self._ticks[places], self._hundredths[places], strict=True)
        ]


@dataclass(slots=True, kw_only=True)
class PositionGuards:
    """The guards of one position, from its entry to its exit."""

    position_id: str
    entry_time: str
    symbol: str
    #: By the name of the level; only those that there ever were.
    steps: dict[str, LevelSteps] = field(default_factory=dict)

    def take(self, tick: int, position: Mapping[str, Any]) -> None:
        """Take the levels as of a tick; those that are not told are none."""
        for name in LEVELS:
            level = position.get(name)
            known = self.steps.get(name)
            if known is None:
                if level is None:
                    continue
                known = self.steps[name] = LevelSteps()
            if level != known.newest:
                known.add(tick, level)


class GuardHistory:
    """The guards of all positions of one session that had any."""

    def __init__(self) -> None:
        # By position and entry: it may be entered again.
        self._positions: dict[tuple[str, str], PositionGuards] = {}
        self._open: dict[tuple[str, str], PositionGuards] = {}

    def add_tick(self, tick: int, open_positions: Sequence[Mapping[str, Any]]) -> None:
        """Take what the next tick says of its open positions."""
        if not open_positions and not self._open:
            return
        still_open: dict[tuple[str, str], PositionGuards] = {}
        for position in open_positions:
            key = (position["position_id"], position["entry_time"])
            guards = self._open.pop(key, None)
            if guards is None:
                guards = PositionGuards(position_id=key[0], entry_time=key[1], symbol=position["symbol"])
            guards.take(tick, position)
            if guards.steps:
                self._positions[key] = guards
            still_open[key] = guards
        for closed in self._open.values():
            closed.take(tick, {})
        self._open = still_open

    def of_symbols(self, symbols: Container[str], *, after_tick: int, through_tick: int) -> list[dict[str, Any]]:
        """
        List the guards of positions in some contracts.

        Args:
            symbols: Which contracts.
            after_tick: The tick before the first step wanted.
            through_tick: The last tick wanted.

        Returns:
            In the order of entry, for each position that has such steps: `position_id`, `entry_time`, `symbol`, and by
            the name of each level its steps, `[tick, level]`: what it is from that tick on, None once it is none.
        """
        found = []
        for guards in self._positions.values():
            if guards.symbol in symbols:
                about = {"position_id": guards.position_id, "entry_time": guards.entry_time, "symbol": guards.symbol}
                steps = {name: kept.between(after_tick, through_tick) for name, kept in guards.steps.items()}
                if wanted := {name: each for name, each in steps.items() if each}:
                    found.append(about | wanted)
        return found


def decimal_text(hundredths: int) -> str:
    """Write hundredths as decimal text with two places."""
    whole, part = divmod(abs(hundredths), 100)
    return f"{'-' if hundredths < 0 else ''}{whole}.{part:02d}"
