"""
What can be wrong with protocol data.

Family: ProtocolError <- FrameInvalid, SnapshotInvalid, SegmentBroken, EventInvalid
"""


class ProtocolError(Exception):
    """Data that the stream protocol does not allow."""


class FrameInvalid(ProtocolError):
    """A frame could not be written without breaking out of its field."""


class SnapshotInvalid(ProtocolError):
    """A snapshot's text is not base64 of gzip of one JSON document."""


class SegmentBroken(ProtocolError):
    """Blocks were joined that do not follow each other, or whose bytes do not decode."""


class EventInvalid(ProtocolError):
    """An event's type is unknown, or its payload lacks a field that its type requires."""
