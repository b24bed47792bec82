"""A cost configuration names its model, and every fault in one is named."""

from decimal import Decimal

import pytest
from hypothesis import given

from strategies.engine import cost_config, costs
from strategies.engine.cost_config import CostConfigInvalid
from strategies.engine.costs import CostModel, FnoProfile
from tests.strategies.engine.cost_examples import models


@pytest.mark.parametrize(
    ("document", "model"),
    [
        ({"model": "indian_fno", "broker": "flat_20"}, costs.indian_fno()),
        ({"model": "indian_fno"}, costs.indian_fno()),
        ({"model": "indian_fno", "broker": "zero"}, costs.indian_fno(FnoProfile(brokerage_per_order=Decimal(0)))),
        (
            {"model": "indian_fno", "exchange": "BSE", "brokerage_per_order": 15.5, "gst_on_ipft": False},
            costs.indian_fno(FnoProfile(exchange="BSE", brokerage_per_order=Decimal("15.5"), is_gst_on_ipft=False)),
        ),
        ({"model": "percent", "percent": 0.05, "fixed": 20}, costs.percent_and_fixed(Decimal("0.05"), Decimal(20))),
        ({"model": "percent", "percent": "0.05"}, costs.percent_and_fixed(Decimal("0.05"), Decimal(0))),
        ({"model": "none"}, costs.no_costs()),
    ],
)
def test_a_configuration_names_its_model(document: dict[str, object], model: CostModel) -> None:
    assert cost_config.parse_cost_model(document) == model


@given(model=models())
def test_a_models_configuration_reads_back_as_the_same_model(model: CostModel) -> None:
    if not isinstance(model, costs.PercentAndFixed):
        assert cost_config.parse_cost_model(model.configuration()) == model
        return
    capped = costs.percent_and_fixed(min(model.percent_per_side, Decimal(100)), model.fixed_per_order)
    assert cost_config.parse_cost_model(capped.configuration()) == capped


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ([], [""]),
        ({}, ["model"]),
        ({"model": "indian"}, ["model"]),
        ({"model": ["none"]}, ["model"]),
        ({"model": "none", "percent": 1}, ["percent"]),
        ({"model": "percent"}, ["percent"]),
        ({"model": "percent", "percent": -1, "fixed": float("nan")}, ["percent", "fixed"]),
        ({"model": "percent", "percent": True, "fixed": "twenty"}, ["percent", "fixed"]),
        ({"model": "percent", "percent": 101, "fixed": None}, ["percent", "fixed"]),
        (
            {"model": "indian_fno", "broker": "flat_15", "exchange": "MCX", "gst_on_ipft": 1, "brokrage": 3},
            ["exchange", "broker", "gst_on_ipft", "brokrage"],
        ),
        ({"model": "indian_fno", "broker": "zero", "brokerage_per_order": 5}, ["broker"]),
    ],
)
def test_every_fault_of_a_configuration_is_named(document: object, fields: list[str]) -> None:
    with pytest.raises(CostConfigInvalid) as refused:
        cost_config.parse_cost_model(document)

    assert [field for field, _ in refused.value.faults] == fields


def test_a_fault_says_what_is_allowed() -> None:
    with pytest.raises(CostConfigInvalid) as refused:
        cost_config.parse_cost_model({"model": "percent", "percent": -1, "fixd": 20})

    assert str(refused.value) == (
        "costs.percent: -1 is not allowed; allowed: percent of each side's turnover from 0 to 100\n"
        "costs.fixd: is not a field of this cost model; allowed: model, percent, fixed"
    )
