"""Store the sample strategy and the sample day: `python manage.py load_sample`. Doing it twice changes nothing."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from strategies import actions
from strategies.models import DataSet, Strategy

SAMPLE_STRATEGY = "rsi-breakout"
SAMPLE_DATA_SET = "sample-2024-10-29"


class Command(BaseCommand):
    """Store the sample strategy and the sample day."""

    help = "Store the sample strategy and the sample day, if they are not there yet."

    @transaction.atomic
    def handle(self, *_args: Any, **_options: Any) -> None:  # noqa: ANN401 - Django's own signature
        """Store what is missing."""
        from strategies.market_data.simulator import SAMPLE_SEED
        from strategies.samples import sample_strategy

        document = sample_strategy()
        strategy, is_new = Strategy.objects.get_or_create(
            slug=SAMPLE_STRATEGY, defaults={"name": str(document.get("name") or "RSI breakout")}
        )
        # A strategy that somebody went on working on stays as it is, unless it never got a graph.
        if is_new or strategy.latest_version is None:
            actions.save_graph(strategy, document)
        data_set, is_new_set = DataSet.objects.get_or_create(
            slug=SAMPLE_DATA_SET,
            defaults={"name": "Sample day, 2024-10-29 (simulated)", "kind": DataSet.Kind.SAMPLE, "seed": SAMPLE_SEED},
        )
        if is_new_set or not data_set.fingerprint:
            actions.describe_data_set(data_set, actions.load_data_set(data_set))
            data_set.save()
        self.stdout.write(f"Strategy {strategy.slug} and data set {data_set.slug} are there.")
