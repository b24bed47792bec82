"""The series of a log: what the charts need of each tick, packed beside the block that has it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import chain
from typing import Final, NamedTuple

from isal import isal_zlib

_POINT: Final = struct.Struct("<Iqdq")


class SeriesPoint(NamedTuple):
    """What the charts need of one tick."""

    tick: int
    #: Unix time of the tick.
    epoch_second: int
    #: Last price of the underlying; NaN where it has none yet.
    underlying: float
    #: Total P&L in hundredths.
    total_pnl_cents: int


#: A `SeriesPoint`, or its values alone: making 22,000 of the former takes longer than packing them.
Point = tuple[int, int, float, int]


def pack_series(points: Sequence[Point]) -> bytes:
    """Pack the points of a block; empty for none."""
    if not points:
        return b""
    # One call for all of them, and a fast coder: this is done on the engine's thread, for every tick of a run.
    packed = struct.pack("<" + _POINT.format[1:] * len(points), *chain.from_iterable(points))
    return isal_zlib.compress(packed, isal_zlib.Z_BEST_SPEED)


def unpack_series(packed: bytes | memoryview) -> list[SeriesPoint]:
    """Read what `pack_series` wrote."""
    if not packed:
        return []
    return [SeriesPoint(*values) for values in _POINT.iter_unpack(zlib.decompress(packed))]
