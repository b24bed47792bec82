"""
A strategy graph as SVG: complete without a script, in no colours of its own.

Every node is one group that can be reached by keyboard and says its name, kind and state; kinds differ by shape, states
by text, by a mark of its own shape, and by `data-status`. Scripts change the text and the attribute, stylesheets give
the colours and show the mark; without any it is drawn in the colour of the text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any, Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from strategies import node_states
from strategies.graph_layout import BOX_HEIGHT, BOX_WIDTH, Box, lay_out
from strategies.node_states import NodeState

_LINE_LENGTH: Final = 18
#: Of kinds whose outlines leave less room at the sides.
_SHORT_LINE_LENGTH: Final = 14
_SLANTED: Final = frozenset({"entrySignalNode", "exitSignalNode", "reEntrySignalNode"})
_W, _H = BOX_WIDTH, BOX_HEIGHT

#: Outlines of a box at (0, 0), by kind of node.
_HEXAGON: Final = f"M10 0H{_W - 10:g}L{_W:g} {_H / 2:g}L{_W - 10:g} {_H:g}H10L0 {_H / 2:g}Z"
_R = _H / 2
_STADIUM: Final = f"M{_R:g} 0H{_W - _R:g}a{_R:g} {_R:g} 0 0 1 0 {_H:g}H{_R:g}a{_R:g} {_R:g} 0 0 1 0 {-_H:g}Z"
_ROUNDED: Final = f"M6 0H{_W - 6:g}a6 6 0 0 1 6 6V{_H - 6:g}a6 6 0 0 1 -6 6H6a6 6 0 0 1 -6 -6V6a6 6 0 0 1 6 -6Z"
_CHAMFERED: Final = f"M0 0H{_W:g}V{_H - 10:g}L{_W - 10:g} {_H:g}H10L0 {_H - 10:g}Z"
_LEANING: Final = f"M10 0H{_W:g}L{_W - 10:g} {_H:g}H0Z"
_OCTAGON: Final = f"M10 0H{_W - 10:g}L{_W:g} 10V{_H - 10:g}L{_W - 10:g} {_H:g}H10L0 {_H - 10:g}V10Z"
_OUTLINES: Final[Mapping[str, str]] = {
    "startNode": _STADIUM,
    "entrySignalNode": _HEXAGON,
    "exitSignalNode": _HEXAGON,
    "reEntrySignalNode": _LEANING,
    "entryNode": _ROUNDED,
    "exitNode": _CHAMFERED,
    "squareOffNode": _OCTAGON,
}

#: Marks of the states about (0, 0): a ring, a triangle, a star, a tick, a cross, a bar.
_MARKS: Final[Mapping[str, str]] = {
    "idle": "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0Z",
    "active": "M-3 -4L4 0L-3 4Z",
    "fired": "M0 -5L1.4 -1.4L5 0L1.4 1.4L0 5L-1.4 1.4L-5 0L-1.4 -1.4Z",
    "done": "M-4 0.5L-1.2 3.3L4 -3",
    "failed": "M-3.2 -3.2L3.2 3.2M3.2 -3.2L-3.2 3.2",
    "disabled": "M-4 0H4",
}

_HIDDEN: Final = SafeString(' display="none"')


def graph_svg(graph: Mapping[str, Any], states: Mapping[str, NodeState] | None = None) -> SafeString:
    """
    Draw a strategy.

    Args:
        graph: Its document.
        states: How its nodes stand, by id; None for a strategy that is not run, which shows kinds in place of states.
    """
    nodes = {str(node["id"]): node for node in node_states.drawn_nodes(graph)}
    layout = lay_out(list(nodes), node_states.edge_pairs(graph))
    edges = format_html_join(
        "\n",
        '<path class="graph-edge{}" data-source="{}" data-target="{}" d="{}" fill="none" '
        'stroke="currentColor" marker-end="url(#graph-arrow)"></path>',
        ((" back" if edge.is_back else "", edge.source, edge.target, edge.path) for edge in layout.edges),
    )
    boxes = format_html_join(
        "\n",
        "{}",
        (
            (_node(nodes[node_id], box, None if states is None else states.get(node_id, NodeState(status="idle"))),)
            for node_id, box in layout.boxes.items()
        ),
    )
    return format_html(
        '<svg class="graph" viewBox="0 0 {} {}" role="group" aria-label="Strategy graph">\n'
        '<defs><marker id="graph-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path class="graph-arrow" d="M0 0L8 4L0 8Z" fill="currentColor"></path></marker>'
        "</defs>\n"
        "{}\n{}\n</svg>",
        f"{layout.width:g}",
        f"{layout.height:g}",
        edges,
        boxes,
    )


def _node(node: Mapping[str, Any], box: Box, state: NodeState | None) -> SafeString:
    name, kind = node_states.name_of(node), str(node.get("type", ""))
    words = node_states.kind_words(kind)
    lines = _lines(name, _SHORT_LINE_LENGTH if kind in _SLANTED else _LINE_LENGTH)
    first = 19 if len(lines) == 1 else 14
    tspans = format_html_join(
        " ",
        '<tspan x="{}" y="{}">{}</tspan>',
        ((f"{_W / 2:g}", first + 13 * number, line) for number, line in enumerate(lines)),
    )
    return format_html(
        '<g class="graph-node" data-node-id="{}" data-name="{}" data-kind="{}"{} tabindex="0" role="button" '
        'aria-label="{}" transform="translate({})"><title>{}</title>'
        '<path class="node-shape" d="{}" fill="none" stroke="currentColor"></path>'
        '<text class="node-name" text-anchor="middle" fill="currentColor">{}</text> '
        '<text class="node-state" text-anchor="middle" fill="currentColor" x="{}" y="{}">{}</text>{}</g>',
        node["id"],
        name,
        kind,
        "" if state is None else format_html(' data-status="{}"', state.status),
        # What is seen stands in it word by word, in the same order: who speaks to the page says what is seen.
        f"{name} {words}" if state is None else f"{name} {state.words}, {words}",
        f"{box.x:g} {box.y:g}",
        name,
        _OUTLINES.get(kind, _ROUNDED),
        tspans,
        f"{_W / 2:g}",
        first + 13 * (len(lines) - 1) + 15,
        words if state is None else state.words,
        "" if state is None else _marks(state.status, y=first + 13 * (len(lines) - 1) + 11),
    )


def _marks(status: str, *, y: float) -> SafeString:
    """Draw the mark of every state at one place, all but the node's own hidden: a style sheet shows another one."""
    marks = format_html_join(
        "",
        '<path class="state-mark" data-mark="{}" d="{}" fill="none" stroke="currentColor"{}></path>',
        ((name, d, "" if name == status else _HIDDEN) for name, d in _MARKS.items()),
    )
    return format_html('<g transform="translate({} {})" aria-hidden="true">{}</g>', 17, f"{y:g}", marks)


def _lines(name: str, length: int) -> list[str]:
    """Break a name into at most two lines; what does not fit is cut, and stands in the title."""
    lines = textwrap.wrap(name, length) or [""]
    if len(lines) > 2:
        lines = [lines[0], textwrap.shorten(" ".join(lines[1:]), length, placeholder=" …")]
    return lines
