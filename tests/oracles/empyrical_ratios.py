"""
A program for empyrical's own environment: its ratios of daily returns.

It reads a list of return series as JSON and prints one record for each.
"""

import json
import sys

import empyrical  # type: ignore[import-not-found]
import numpy as np


def main() -> None:
    """Read, compute, print."""
    answers = []
    for series in json.load(sys.stdin):
        returns = np.array(series)
        answers.append(
            {
                "annual_return": float(empyrical.annual_return(returns)),
                "annual_volatility": float(empyrical.annual_volatility(returns)),
                "downside_risk": float(empyrical.downside_risk(returns)),
                "max_drawdown": float(empyrical.max_drawdown(returns)),
                "sharpe": float(empyrical.sharpe_ratio(returns)),
                "sortino": float(empyrical.sortino_ratio(returns)),
                "calmar": float(empyrical.calmar_ratio(returns)),
            }
        )
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
