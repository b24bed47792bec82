"""
The state of each node of a strategy at a moment of its run, as words that the pages and the interface share.

    idle      it is not active, and has not completed yet
    active    it has its turns
    fired     it completed in this very tick
    done      it completed earlier, and is not active now
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

#: Nodes that the builder draws for itself; they take no part in a run.
VIRTUAL_KINDS: Final = frozenset({"strategyOverview"})

_KINDS: Final = {
    "startnode": "Start",
    "entrysignalnode": "Entry signal",
    "entrynode": "Entry",
    "exitsignalnode": "Exit signal",
    "exitnode": "Exit",
    "reentrysignalnode": "Re-entry signal",
    "squareoffnode": "Square-off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """How one node stands."""

    status: str
    #: How often it completed so far.
    fired: int = 0

    @property
    def words(self) -> str:
        """The state as the graph writes it: "active", "active ×2", "fired ×3"."""
        return f"{self.status} ×{self.fired}" if self.fired else self.status


def state_of(*, is_active: bool, fires_now: bool, fired: int) -> NodeState:
    """Say how a node stands at a tick: active after it, completing in it, completed so often."""
    if fires_now:
        return NodeState(status="fired", fired=fired)
    if is_active:
        return NodeState(status="active", fired=fired)
    return NodeState(status="done" if fired else "idle", fired=fired)


def kind_words(kind: str) -> str:
    """Write a kind of node in words, from the graph's spelling or the events'."""
    return _KINDS.get(kind.lower(), kind)


def drawn_nodes(graph: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the nodes of a stored document that take part in a run, in its order."""
    return [node for node in graph.get("nodes", ()) if node.get("type") not in VIRTUAL_KINDS]


def name_of(node: Mapping[str, Any]) -> str:
    """Return what people call a node."""
    return str((node.get("data") or {}).get("label") or node["id"])


def edge_pairs(graph: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the edges of a stored document, from its list or from the nodes' children."""
    edges = [(str(edge["source"]), str(edge["target"])) for edge in graph.get("edges", ())]
    for node in graph.get("nodes", ()):
        edges += [(str(node["id"]), str(child)) for child in node.get("children", ())]
    return list(dict.fromkeys(edges))
