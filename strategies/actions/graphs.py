"""Strategies: checked as the engine does, stored in versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from strategies.actions.errors import StrategyRefused
from strategies.models import Strategy, StrategyVersion


def check_graph(document: object) -> str:
    """
    Check a strategy graph as the engine does.

    Returns:
        The graph's fingerprint.

    Raises:
        StrategyRefused: With every fault, one a line.
    """
    from strategies.engine.errors import GraphInvalid
    from strategies.engine.graph import parse_strategy

    if "\\u0000" in json.dumps(document):
        raise StrategyRefused("The graph holds a NUL character (\\u0000), which no name or text can have; remove it.")
    if not isinstance(document, Mapping):
        raise StrategyRefused(
            f"The graph is a JSON {type(document).__name__}; give an object with `nodes` and `edges`."
        )
    try:
        return parse_strategy(document).fingerprint
    except GraphInvalid as error:
        raise StrategyRefused(str(error)) from error


@transaction.atomic
def save_graph(strategy: Strategy, document: Mapping[str, Any]) -> StrategyVersion:
    """
    Store a graph as the strategy's next version; the latest version is returned where it holds that graph already.

    Conditions that are written as text are stored as the builder's objects.

    Raises:
        StrategyRefused: If the graph is not valid.
    """
    from strategies.engine.text_documents import as_builder_document

    check_graph(document)
    # Pages, clients and older versions meet one form only; what the builder wrote stays as it is.
    document = as_builder_document(document)
    fingerprint = check_graph(document)
    graph_json = json.dumps(document)
    # Two saves at once take turns, so that the numbers have no hole and no repeat.
    Strategy.objects.select_for_update().get(pk=strategy.pk)
    latest = strategy.latest_version
    if latest is not None and latest.graph_json == graph_json:
        return latest
    number = 1 if latest is None else latest.number + 1
    return strategy.versions.create(number=number, graph_json=graph_json, fingerprint=fingerprint)


@transaction.atomic
def create_strategy(
    *, slug: str, name: str, document: Mapping[str, Any], owner: AbstractBaseUser | None = None
) -> StrategyVersion:
    """Create a strategy with its first version. Raises StrategyRefused as `save_graph` does."""
    strategy = Strategy.objects.create(slug=slug, name=name, owner_id=None if owner is None else owner.pk)
    return save_graph(strategy, document)
