"""Metrics for tests, as a Prometheus server reads them."""

from __future__ import annotations

from prometheus_client import parser

#: For METRICS_TOKEN.
TOKEN = "a-token-of-the-tests"


class Metrics:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.families = list(parser.text_string_to_metric_families(text))
        self._values = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in self.families
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float | None:
        """Return a sample's value, its name without the product's own prefix; None where it is not there."""
        return self._values.get((f"backtest_{name}", *sorted(labels.items())))

    def since(self, before: Metrics, name: str, **labels: str) -> float:
        """Return by how much a sample has grown."""
        now, then = self.value(name, **labels), before.value(name, **labels)
        assert now is not None
        assert then is not None
        return now - then
