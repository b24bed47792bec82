"""The strategy of the tutorial: what the pages say of it is what happens."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.market_data import simulator
from strategies.strategy_documents import StrategyFileInvalid, load_strategy_graph

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the file that the tutorial has its reader write."""
    page = (ROOT / "docs/tutorial/write-a-strategy.md").read_text(encoding="utf-8")
    path = tmp_path / "breakout.yaml"
    path.write_text(page.partition("```yaml\n")[2].partition("```")[0], encoding="utf-8")
    return path


def change(file: Path, before: str, after: str) -> None:
    """Change a file as its reader would."""
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


@pytest.mark.parametrize(("least_rsi", "profits"), [("75", []), ("60", [Decimal("1031.25")])])
def test_it_trades_on_the_sample_day_as_the_tutorial_says(file: Path, least_rsi: str, profits: list[Decimal]) -> None:
    change(file, "> 75", f"> {least_rsi}")
    config = BacktestConfig(strategy=load_strategy_graph(file), market_data=simulator.sample_day())

    result = CentralizedBacktestEngine(config).run()

    assert [trade.pnl for trade in result.trades] == profits


def test_the_fault_that_the_pages_show_is_the_one_that_the_loader_tells(file: Path) -> None:
    change(file, "Previous[TI.5m.High]", "Previous[TI.1m.High]")

    with pytest.raises(StrategyFileInvalid) as refused:
        load_strategy_graph(file)

    shown = str(refused.value).replace(str(file), file.name)
    for page in ("docs/tutorial/write-a-strategy.md", "docs/reference/condition-text.md"):
        assert f"```text\n{shown}\n```" in (ROOT / page).read_text(encoding="utf-8")
