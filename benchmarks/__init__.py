"""
Benchmarks: what a run costs, beside its peers on the same machine at the same time.

One module each: ``python -m benchmarks.NAME [--quick] [--json]``. Machines are noisy, so contestants take turns,
medians are taken, and what is promised is a ratio.
"""
