"""Strategies, market data and sessions: what is run, on what, and what came of it. Knows nothing of streaming."""
