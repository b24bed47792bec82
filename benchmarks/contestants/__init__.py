"""
Programs that compete: each runs the day of ``benchmarks.sma_cross`` in a process of its own.

A contestant may live in an environment where nothing of the project is installed; it imports its own package and
``contest``, which needs numpy alone.
"""
