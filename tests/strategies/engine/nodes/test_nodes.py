"""The table of node kinds: every kind that a document may hold has a runner."""

from strategies.engine import nodes
from strategies.engine.graph import NODE_READERS, parse_strategy
from strategies.engine.market import Market
from strategies.engine.operand_compiler import OperandCompiler
from strategies.engine.positions import PositionBook
from strategies.samples import sample_strategy


def test_every_kind_of_node_of_the_sample_gets_its_runner_and_no_kind_is_missing() -> None:
    strategy = parse_strategy(sample_strategy())
    compiler = OperandCompiler(Market(strategy, ()), PositionBook(), {}, strategy.printer())

    runners = {type(nodes.runner_of(node, compiler)) for node in strategy.nodes.values()}

    assert runners == set(nodes.NODE_TYPES.values())
    assert len(nodes.NODE_TYPES) == len(NODE_READERS)
