"""
What this process has done so far, in whole numbers: the work that must not grow with the number of viewers.

Each number is only ever counted up by its own module, and read by tests, benchmarks and metrics.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Numbers since the process began."""

    #: Events written as JSON, and compressed into blocks of a log.
    events_encoded: int = 0
    events_compressed: int = 0
    #: Bytes of those events as they were written, and of the blocks that they became.
    bytes_encoded: int = 0
    bytes_compressed: int = 0
    #: Blocks decoded for viewers without compression, or such as join inside a segment.
    blocks_decoded: int = 0
    #: Texts compressed outside the log: snapshots, and what stands between a viewer and the next segment.
    texts_compressed: int = 0
    #: Snapshots built.
    snapshots_built: int = 0
    #: How often a viewer was given a snapshot because it was far behind.
    skips_ahead: int = 0
    #: How often the relay could not read, or lost its connection.
    relay_failures: int = 0
    #: Batches that could not be committed.
    batches_failed: int = 0


counts = Counts()
