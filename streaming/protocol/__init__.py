"""
The stream protocol, sans I/O: messages, frames, snapshots, the fold, the resume decision, segments.

Nothing in this package knows Django, a clock, a network or the engine. Each module takes bytes and records and gives
bytes and records back; whoever calls it does the reading, the writing and the waiting.
"""
