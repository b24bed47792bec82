"""
The engine: ticks in, engine events out.

Pure Python. It knows no clock, no database, no file, no network and no viewer: the same strategy and the same
market data give the same outcomes, run for run and machine for machine.
"""
