"""Where the nodes of a graph are drawn: in layers, without touching, the same way every time."""

import random
import re
from itertools import combinations

import pytest

from strategies import graph_svg, node_states, samples
from strategies.graph_layout import BOX_HEIGHT, BOX_WIDTH, GAP_X, Layout, lay_out
from strategies.node_states import NodeState


def random_graph(nodes: int, seed: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Make a graph with forward edges and a few that lead back."""
    chance = random.Random(seed)
    names = [f"n{number}" for number in range(nodes)]
    edges = [(names[chance.randrange(number)], names[number]) for number in range(1, nodes)]
    edges += [(chance.choice(names), chance.choice(names)) for _ in range(nodes // 4)]
    return names, edges


def touching(layout: Layout) -> list[tuple[str, str]]:
    """Find pairs of boxes that touch."""
    return [
        (one, other)
        for (one, box), (other, another) in combinations(layout.boxes.items(), 2)
        if abs(box.x - another.x) < BOX_WIDTH + GAP_X - 0.2 and abs(box.y - another.y) < BOX_HEIGHT
    ]


@pytest.mark.parametrize("nodes", [1, 2, 30, 200])
def test_no_two_boxes_touch_and_all_lie_inside_the_picture(nodes: int) -> None:
    for seed in range(3):
        layout = lay_out(*random_graph(nodes, seed))

        assert len(layout.boxes) == nodes
        assert touching(layout) == []
        for box in layout.boxes.values():
            assert 0 < box.x <= layout.width - BOX_WIDTH
            assert 0 < box.y <= layout.height - BOX_HEIGHT


def test_a_node_stands_below_every_parent_but_one_that_an_edge_leads_back_from() -> None:
    names, edges = random_graph(60, 7)
    layout = lay_out(names, [*edges, (names[-1], names[0]), (names[40], names[0])])

    back = [edge for edge in layout.edges if edge.is_back]
    assert back
    for edge in layout.edges:
        is_below = layout.boxes[edge.target].y > layout.boxes[edge.source].y
        assert is_below is not edge.is_back, edge


def test_the_same_graph_gives_the_same_picture() -> None:
    assert lay_out(*random_graph(40, 3)) == lay_out(*random_graph(40, 3))


def test_a_graph_without_nodes_and_edges_to_nowhere_do_no_harm() -> None:
    assert lay_out([], []).boxes == {}
    assert lay_out(["a"], [("a", "b"), ("a", "a")]).edges[0].is_back


def test_the_sample_starts_on_top_and_its_re_entries_lead_back() -> None:
    sample = samples.sample_strategy()
    layout = lay_out([node["id"] for node in sample["nodes"]], node_states.edge_pairs(sample))

    assert min(layout.boxes, key=lambda node: layout.boxes[node].y) == "start"
    assert {edge.source for edge in layout.edges if edge.is_back} == {"put-re-entry", "call-re-entry"}
    rows = sorted({box.y for box in layout.boxes.values()})
    assert len(rows) == 6


def test_the_picture_says_every_name_kind_and_state_without_a_style() -> None:
    sample = samples.sample_strategy()
    states = {"put-signal": NodeState(status="fired", fired=3), "start": NodeState(status="done", fired=1)}

    picture = graph_svg.graph_svg(sample, states)

    assert len(re.findall('class="graph-node"', picture)) == len(sample["nodes"])
    assert 'aria-label="Bullish breakout fired ×3, Entry signal"' in picture
    assert 'data-status="fired"' in picture
    assert 'tabindex="0" role="button"' in picture
    assert "style" not in picture
    assert "idle" not in graph_svg.graph_svg(sample)


def test_names_are_written_as_text_and_cut_where_they_are_long() -> None:
    evil = '<script>alert("1")</script>'
    graph = {
        "nodes": [
            {"id": "a", "type": "entryNode", "data": {"label": evil}},
            {"id": "b", "type": "odd", "data": {"label": "A name that is much too long for one box of the picture"}},
            {"id": "c", "type": "strategyOverview", "data": {}},
        ],
        "edges": [],
    }

    picture = graph_svg.graph_svg(graph, {})

    assert "<script" not in picture
    assert "&lt;script&gt;" in picture
    assert "<title>A name that is much too long for one box of the picture</title>" in picture
    assert "…</tspan>" in picture
    assert 'data-node-id="c"' not in picture
