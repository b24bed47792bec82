"""
Where the nodes of a strategy graph are drawn: in layers, the start on top.

A node stands one layer below the lowest of its parents; edges that lead back up (a re-entry) are set aside first, so
that cycles do no harm. Within a layer nodes are ordered by where their neighbours stand, and moved towards them. The
same graph always gives the same picture. Lengths are the picture's own units, x to the right, y down.

Source:
    Sugiyama, Tagawa, Toda: Methods for Visual Understanding of Hierarchical System Structures (1981): layers, then
    order by barycentre.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

BOX_WIDTH: Final = 128.0
BOX_HEIGHT: Final = 46.0
GAP_X: Final = 16.0
GAP_Y: Final = 28.0
MARGIN: Final = 14.0
#: How far an edge that leads back bulges out.
BULGE: Final = 24.0

_SWEEPS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where one node is drawn: its upper left corner."""

    x: float
    y: float

    @property
    def middle(self) -> float:
        """The x of its middle."""
        return self.x + BOX_WIDTH / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A line between two boxes, as an SVG path."""

    source: str
    target: str
    path: str
    is_back: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A drawn graph."""

    width: float
    height: float
    #: By node id, from top to bottom and from left to right.
    boxes: Mapping[str, Box]
    edges: tuple[Edge, ...]


def lay_out(node_ids: Sequence[str], edges: Iterable[tuple[str, str]]) -> Layout:
    """
    Draw a graph.

    Args:
        node_ids: Its nodes, each once.
        edges: Pairs of source and target; those that name a node which is not there are passed over.
    """
    known = dict.fromkeys(node_ids)
    pairs = [(source, target) for source, target in dict.fromkeys(edges) if source in known and target in known]
    back = _back_edges(list(known), pairs)
    forward = [pair for pair in pairs if pair not in back]
    layers = _ordered(_layers(list(known), forward), forward)
    middles = _middles(layers, forward)
    left = min(middles.values(), default=0.0) - BOX_WIDTH / 2 - MARGIN - BULGE
    boxes = {
        node: Box(x=round(middles[node] - BOX_WIDTH / 2 - left, 1), y=MARGIN + depth * (BOX_HEIGHT + GAP_Y))
        for depth, layer in enumerate(layers)
        for node in layer
    }
    width = max((box.x for box in boxes.values()), default=0.0) + BOX_WIDTH + MARGIN + BULGE
    return Layout(
        width=round(width, 1),
        height=2 * MARGIN + max(len(layers), 1) * (BOX_HEIGHT + GAP_Y) - GAP_Y,
        boxes=boxes,
        edges=tuple(_edge(source, target, boxes, width, (source, target) in back) for source, target in pairs),
    )


def _children(nodes: Sequence[str], pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in pairs:
        found[source].append(target)
    return found


def _back_edges(nodes: Sequence[str], pairs: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Find the edges that close a cycle when the graph is walked from its roots, depth first."""
    children = _children(nodes, pairs)
    targets = {target for _, target in pairs}
    back: set[tuple[str, str]] = set()
    open_nodes: set[str] = set()
    done: set[str] = set()
    for root in [*(node for node in nodes if node not in targets), *nodes]:
        # By hand, for a chain may be longer than Python's own stack.
        stack = [] if root in done else [(root, iter(children[root]))]
        open_nodes.update(node for node, _ in stack)
        while stack:
            node, rest = stack[-1]
            child = next(rest, None)
            if child is None:
                stack.pop()
                open_nodes.discard(node)
                done.add(node)
            elif child in open_nodes:
                back.add((node, child))
            elif child not in done:
                open_nodes.add(child)
                stack.append((child, iter(children[child])))
    return frozenset(back)


def _layers(nodes: Sequence[str], forward: Sequence[tuple[str, str]]) -> list[list[str]]:
    children = _children(nodes, forward)
    waiting = dict.fromkeys(nodes, 0)
    for _, target in forward:
        waiting[target] += 1
    depth = dict.fromkeys(nodes, 0)
    ready = [node for node in nodes if not waiting[node]]
    for node in ready:
        for child in children[node]:
            depth[child] = max(depth[child], depth[node] + 1)
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in nodes:
        layers[depth[node]].append(node)
    return layers


def _ordered(layers: list[list[str]], forward: Sequence[tuple[str, str]]) -> list[list[str]]:
    up, down = _neighbours(layers, forward)
    for _ in range(_SWEEPS):
        for links, rows in ((up, layers), (down, layers[::-1])):
            place = {node: index / max(len(layer) - 1, 1) for layer in layers for index, node in enumerate(layer)}
            for layer in rows:
                layer.sort(key=lambda node: _mean([place[other] for other in links[node]], place[node]))
                place.update({node: index / max(len(layer) - 1, 1) for index, node in enumerate(layer)})
    return layers


def _neighbours(
    layers: Sequence[Sequence[str]], forward: Sequence[tuple[str, str]]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    up: dict[str, list[str]] = {node: [] for layer in layers for node in layer}
    down: dict[str, list[str]] = {node: [] for node in up}
    for source, target in forward:
        up[target].append(source)
        down[source].append(target)
    return up, down


def _middles(layers: Sequence[Sequence[str]], forward: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Move the boxes of each layer towards their neighbours, in their order and without touching."""
    up, down = _neighbours(layers, forward)
    step = BOX_WIDTH + GAP_X
    middles = {node: (index - (len(layer) - 1) / 2) * step for layer in layers for index, node in enumerate(layer)}
    for _ in range(_SWEEPS):
        for links, rows in ((down, layers[::-1]), (up, layers)):
            for layer in rows:
                wanted = [_mean([middles[other] for other in links[node]], middles[node]) for node in layer]
                placed: list[float] = []
                for middle in wanted:
                    placed.append(middle if not placed else max(middle, placed[-1] + step))
                # What was pushed to the right is spread to both sides.
                shift = _mean([want - got for want, got in zip(wanted, placed, strict=True)], 0.0)
                middles.update({node: middle + shift for node, middle in zip(layer, placed, strict=True)})
    return middles


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _edge(source: str, target: str, boxes: Mapping[str, Box], width: float, is_back: bool) -> Edge:
    start, end = boxes[source], boxes[target]
    if not is_back:
        x1, y1, x2, y2 = start.middle, start.y + BOX_HEIGHT, end.middle, end.y
        bend = (y2 - y1) / 2
        path = f"M{x1:g} {y1:g}C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}"
        return Edge(source=source, target=target, path=path, is_back=False)
    # Around the outside of all that stands between the two, on the side that is nearer. A curve comes three quarters
    # of the way to its two control points.
    is_right = start.middle + end.middle >= width
    x1, x2 = (box.x + (BOX_WIDTH if is_right else 0) for box in (start, end))
    between = [box.x for box in boxes.values() if end.y <= box.y <= start.y]
    reach = max(between) + BOX_WIDTH + BULGE / 2 if is_right else min(between) - BULGE / 2
    nearest = min(x1, x2) if is_right else max(x1, x2)
    outer = round(nearest + (reach - nearest) / 0.75, 1)
    y1, y2 = start.y + BOX_HEIGHT / 2, end.y + BOX_HEIGHT / 2
    path = f"M{x1:g} {y1:g}C{outer:g} {y1:g} {outer:g} {y2:g} {x2:g} {y2:g}"
    return Edge(source=source, target=target, path=path, is_back=True)
