"""Conditions with the state that they read, and no engine around them."""

from decimal import Decimal
from typing import Any

from strategies.engine.condition_groups import CompiledGroup, compile_group
from strategies.engine.graph import parse_strategy
from strategies.engine.market import Market
from strategies.engine.operand_compiler import OperandCompiler
from strategies.engine.operands import Value
from strategies.engine.positions import Position, PositionBook
from strategies.engine.strategy import EntrySignalNode
from strategies.engine.ticks import TickList, TickSecond
from tests.builders.market_data import DAY, at, minutes
from tests.builders.strategy_documents import (
    Json,
    always,
    candle,
    entry,
    entry_signal,
    indicator_of,
    position,
    re_entry_signal,
    rsi,
    start_node,
    strategy_document,
    timeframe,
)

SMA = indicator_of("sma", length=3)
BANDS = indicator_of("bbands", length=2, deviations=2)


class Bench:
    """
    One entry signal's conditions with the state that they read, and no engine around it.

    Args:
        conditions: Joined by AND.
        warmup: Closes of the minutes before the day.
        supporting: Symbol of a supporting instrument.
        every_tick: Whether the conditions are told that they are evaluated at every second.
    """

    def __init__(
        self,
        *conditions: Json,
        warmup: tuple[float, ...] = (),
        supporting: str | None = None,
        every_tick: bool = True,
    ) -> None:
        enabled: Json = {}
        if supporting is not None:
            config = {"symbol": supporting, "timeframes": [timeframe("1m")]}
            enabled = {"supportingInstrumentEnabled": True, "supportingInstrumentConfig": config}
        frames = (
            timeframe("1m", rsi_2=rsi(2)),
            timeframe("5m", number=5),
            timeframe("1s", unit="seconds", sma=SMA, bb=BANDS),
        )
        document = strategy_document(
            start_node("start", *frames, **enabled),
            entry_signal("signal", *conditions, variables={"Low": candle("Low")}),
            entry("entry", position("pos")),
            re_entry_signal("again", "entry", always()),
        )
        strategy = parse_strategy(document)
        node = strategy.nodes["signal"]
        assert isinstance(node, EntrySignalNode)
        self.market = Market(strategy, minutes(*warmup, start="09:00:00") if warmup else ())
        self.book = PositionBook()
        self.variables: dict[tuple[str, str], Value] = {}
        self._compiler = OperandCompiler(self.market, self.book, self.variables, strategy.printer())
        self.group: CompiledGroup = compile_group(node.conditions, self._compiler)
        self._every_tick = every_tick
        self.second = -1

    def begin(self, *written: TickSecond) -> None:
        """Put a day on the tape."""
        if self.second >= 0:
            self.group.end_day(self.second)
        self.market.begin_day(next(TickList(written).days()))
        self._compiler.begin_day()
        self.group.begin_day(every_tick=self._every_tick)
        self.second = -1

    def next(self) -> bool:
        """Evaluate at the next second."""
        self.second += 1
        self.market.move_to(self.second)
        return self.group.evaluate(self.second)

    def evaluate(self, *new: TickSecond) -> bool:
        """Evaluate at each second of a day; return the last result."""
        self.begin(*new)
        return [self.next() for _ in new][-1]

    def record(self, *new: TickSecond) -> dict[str, Any]:
        """Evaluate at each second of a day, and return the last record of the first condition."""
        self.evaluate(*new)
        first: dict[str, Any] = self.group.record()["conditions"][0]
        return first

    def records(self, *new: TickSecond) -> list[dict[str, Any]]:
        """Evaluate at each second of a day, and return the group's record of each."""
        self.begin(*new)
        return [self.group.record() for _ in new if self.next() is not None]

    def open(self, side: str = "buy", quantity: int = 75, entry_price: str = "100.00") -> None:
        """Open a position as of the current second."""
        self.book.add(
            Position(
                position_id="pos", re_entry_num=0, entry_node_id="entry", entry_trigger="signal", symbol="NIFTY",
                side="buy" if side == "buy" else "sell", quantity=quantity, entry_quantity=quantity,
                entry_price=Decimal(entry_price), entry_time=at("09:15:00"), entry_day=DAY, entry_tick=1,
                last_price=float(entry_price),
            )
        )  # fmt: skip

    def close(self, price: float) -> None:
        """Close the position."""
        self.book.close(
            "pos", price=Decimal(str(price)), at=at("09:15:01"), trigger_price=Decimal(str(price)),
            exit_reason="exit", exit_type="signal",
        )  # fmt: skip
