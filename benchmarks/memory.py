"""
Peak memory of one day: the sample day, a whole option chain, with full diagnostics to final JSON bytes.

    python -m benchmarks.memory

Prints the process's largest resident size as JSON, everything counted: interpreter, libraries, market data, run.
"""

from __future__ import annotations

import json
import resource

from benchmarks.contestants.our_day import run_encoded
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.graph import parse_strategy
from strategies.market_data.simulator import sample_day
from strategies.samples import sample_strategy


def main() -> None:
    """Run and print."""
    data = sample_day()
    encoded = run_encoded(BacktestConfig(strategy=parse_strategy(sample_strategy()), market_data=data))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "peak_mb": peak_mb,
                "raw_ticks": data.total_raw_ticks,
                "events": encoded.events,
                "event_bytes": encoded.total_bytes,
            }
        )
    )


if __name__ == "__main__":
    main()
