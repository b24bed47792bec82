"""
Importers: market data of other layouts become ticks, with a report of what was found. Imports no Django.

A format's module reads a file into rows (tick_rows.py) or candles (candle_rows.py, which candle_walk.py turns into
rows); assembly.py joins the rows of all files, checks them and writes the report; formats.py is the way in.
"""
