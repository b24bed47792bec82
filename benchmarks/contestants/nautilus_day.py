"""
nautilus_trader: quote ticks with bid = ask = last for the index and the option, two events a second.

Market orders fill at the current quote of its simulated exchange, so at this tick's price. Risk engine and logging are
off, the averages are its own. A fresh engine for each run; adding data is not timed, its run is.
"""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import Any

import nautilus_trader  # type: ignore[import-not-found]
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig  # type: ignore[import-not-found]
from nautilus_trader.config import LoggingConfig, RiskEngineConfig  # type: ignore[import-not-found]
from nautilus_trader.indicators import SimpleMovingAverage  # type: ignore[import-not-found]
from nautilus_trader.model.currencies import Currency  # type: ignore[import-not-found]
from nautilus_trader.model.data import QuoteTick  # type: ignore[import-not-found]
from nautilus_trader.model.enums import (  # type: ignore[import-not-found]
    AccountType,
    AssetClass,
    OmsType,
    OptionKind,
    OrderSide,
)
from nautilus_trader.model.identifiers import (  # type: ignore[import-not-found]
    InstrumentId,
    Symbol,
    TraderId,
    Venue,
)
from nautilus_trader.model.instruments import IndexInstrument, OptionContract  # type: ignore[import-not-found]
from nautilus_trader.model.objects import Money, Price, Quantity  # type: ignore[import-not-found]
from nautilus_trader.trading.strategy import Strategy  # type: ignore[import-not-found]

from benchmarks.contestants.contest import ENTRY_FROM, FAST, MIDNIGHT, SLOW, SQUARE_OFF, STOP, Day, Trade, serve

INR = Currency.from_str("INR")
NSE = Venue("NSE")
INDEX = InstrumentId(Symbol("NIFTY"), NSE)
OPTION = InstrumentId(Symbol("NIFTY24122624350PE"), NSE)
ONE = Quantity.from_int(1)
SECOND = 1_000_000_000
# The wall clock kept as if it were UTC.
BASE = int(MIDNIGHT.replace(tzinfo=UTC).timestamp()) * SECOND


class Cross(Strategy):  # type: ignore[misc]  # the package has no types
    """The rule."""

    def on_start(self) -> None:
        """Subscribe."""
        self.fast, self.slow = SimpleMovingAverage(FAST), SimpleMovingAverage(SLOW)
        self.before: float | None = None
        self.now: float | None = None
        self.tick = -1
        self.entry: float | None = None
        self.entered_at = -1
        self.done: list[Trade] = []
        self.subscribe_quote_ticks(INDEX)
        self.subscribe_quote_ticks(OPTION)

    def on_quote_tick(self, quote: Any) -> None:  # noqa: ANN401 - the package has no types
        """Take one tick's decisions; the index comes before the option."""
        if quote.instrument_id == INDEX:
            price = quote.bid_price.as_double()
            self.fast.update_raw(price)
            self.slow.update_raw(price)
            self.before = self.now
            self.now = round(self.fast.value - self.slow.value, 9) if self.slow.initialized else None
            return
        self.tick += 1
        now, before = self.now, self.before
        second = (quote.ts_event - BASE) // SECOND
        if self.entry is not None:
            is_down = now is not None and before is not None and now < 0 <= before
            if second >= SQUARE_OFF or quote.bid_price.as_double() >= self.entry * STOP or is_down:
                self.submit_order(self.order_factory.market(OPTION, OrderSide.BUY, ONE))
        elif now is not None and before is not None and before <= 0 < now and ENTRY_FROM <= second < SQUARE_OFF:
            self.submit_order(self.order_factory.market(OPTION, OrderSide.SELL, ONE))

    def on_order_filled(self, fill: Any) -> None:  # noqa: ANN401
        """Keep the trades."""
        price = fill.last_px.as_double()
        if fill.order_side == OrderSide.SELL:
            self.entry, self.entered_at = price, self.tick
        elif self.entry is not None:
            self.done.append((self.entered_at, self.entry, self.tick, price))
            self.entry = None


def prepare(day: Day) -> Any:  # noqa: ANN401
    """Return an engine with instruments and data."""
    engine = BacktestEngine(
        BacktestEngineConfig(
            trader_id=TraderId("BENCH-001"),
            run_analysis=False,
            logging=LoggingConfig(bypass_logging=True),
            risk_engine=RiskEngineConfig(bypass=True),
        )
    )
    engine.add_venue(
        NSE, OmsType.NETTING, AccountType.MARGIN, [Money(100_000_000, INR)], base_currency=INR,
        default_leverage=Decimal(1),
    )  # fmt: skip
    step = Price.from_str("0.05")
    engine.add_instrument(IndexInstrument(INDEX, INDEX.symbol, INR, 2, 0, step, ONE, 0, 0))
    strike, forever = Price.from_str("24350.00"), 2**62
    kind = (AssetClass.INDEX, INR, 2, step, ONE, ONE, "NIFTY", OptionKind.PUT)
    engine.add_instrument(OptionContract(OPTION, OPTION.symbol, *kind, strike, 0, forever, 0, 0))
    engine.add_data(_quotes(day))
    strategy = Cross()
    engine.add_strategy(strategy)
    return engine, strategy


def run(ready: Any) -> list[Trade]:  # noqa: ANN401
    """Run it."""
    engine, strategy = ready
    engine.run()
    done: list[Trade] = strategy.done
    return done


_MADE: list[Any] = []


def _quotes(day: Day) -> list[Any]:
    """Return the quotes, made once: making them is not what is compared."""
    if not _MADE:
        size = Quantity.from_int(1_000_000)
        for second, index, option in zip(day.seconds.tolist(), day.index.tolist(), day.option.tolist(), strict=True):
            at = BASE + second * SECOND
            level, price = Price(index, 2), Price(option, 2)
            _MADE.append(QuoteTick(INDEX, level, level, size, size, at, at))
            _MADE.append(QuoteTick(OPTION, price, price, size, size, at, at + 1))
    return _MADE


if __name__ == "__main__":
    serve(prepare, run, f"nautilus_trader {nautilus_trader.__version__}")
