"""Closed trades for the tests of metrics, made from what a case is about."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from strategies.engine.excursions import Excursion
from strategies.engine.trade_statistics import TradeOutcome

INDIA = ZoneInfo("Asia/Kolkata")
START = datetime(2024, 10, 29, 9, 15, tzinfo=INDIA)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeTrade:
    """As much of a trade as the metrics read."""

    pnl: Decimal
    entry_time: datetime = START
    exit_time: datetime = START + timedelta(minutes=1)
    exit_type: str = "signal"
    exit_reason: str = "exit-1"


def outcome(
    pnl: str | int,
    *,
    opened: float = 0,
    closed: float = 1,
    costs: str | int = 0,
    risk: str | int | None = None,
    mae: str | int | None = None,
    mfe: str | int = 0,
    exit_type: str = "signal",
    exit_reason: str = "exit-1",
) -> TradeOutcome:
    """Make a closed trade; times are minutes after 09:15 on 2024-10-29, a Tuesday."""
    return TradeOutcome(
        trade=MadeTrade(
            pnl=Decimal(pnl),
            entry_time=START + timedelta(minutes=opened),
            exit_time=START + timedelta(minutes=closed),
            exit_type=exit_type,
            exit_reason=exit_reason,
        ),
        costs=Decimal(costs),
        risk=None if risk is None else Decimal(risk),
        excursion=None if mae is None else Excursion(mae=Decimal(mae), mfe=Decimal(mfe)),
    )
