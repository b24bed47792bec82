"""strategies.engine.explain: the accounts of single nodes."""

from typing import Any

from strategies.engine.explain import Explainer, RunExplainer


def condition(raw: str, left: float | None, right: float | None, *, operator: str = "<") -> dict[str, Any]:
    is_true = left is not None and right is not None and (left < right if operator == "<" else False)
    return {
        "id": raw,
        "raw": raw,
        "evaluated": f"{left} {operator} {right}",
        "lhs_value": left,
        "rhs_value": right,
        "operator": operator,
        "result": is_true,
    }


def group(*members: dict[str, Any], logic: str = "AND") -> dict[str, Any]:
    results = [member["result"] for member in members]
    return {"logic": logic, "result": all(results) if logic == "AND" else any(results), "conditions": list(members)}


def turn(conditions: dict[str, Any] | None, *, note: str = "", signal: bool = False) -> dict[str, Any]:
    return {
        "node_id": "signal",
        "node_name": "Signal",
        "node_type": "EntrySignalNode",
        "signal_emitted": signal,
        "evaluated_conditions": conditions,
        "note": note,
    }


def test_the_nearest_miss_is_the_smallest_distance_while_false() -> None:
    account = Explainer("signal")

    for tick, value in enumerate((34.0, 30.5, 29.0, 31.0), start=1):
        account.add(tick, f"t{tick}", turn(group(condition("rsi < 30", value, 30.0)), signal=value < 30))

    found = account.as_document(ticks_in_range=10, first="t1", last="t4")
    (told,) = found["conditions"]
    assert (found["evaluated"], found["signals"], told["held"], told["share_held"]) == (4, 1, 1, 0.25)
    assert (told["last_held"], told["since"], told["last_result"]) == ("t3", "t4", False)
    assert told["nearest_miss"] == {
        "tick": 2, "timestamp": "t2", "lhs_value": 30.5, "rhs_value": 30.0, "distance": 0.5, "evaluated": "30.5 < 30.0",
    }  # fmt: skip
    assert found["reasons"] == {"node inactive": 6, "condition false: rsi < 30": 3}


def test_conditions_of_a_re_entry_are_not_mixed_with_the_first_ones() -> None:
    account = Explainer("signal")

    account.add(1, "t1", turn(group(condition("close < first.Low", 5.0, 4.0))))
    account.add(2, "t2", turn(group(condition("close < again.Low", 5.0, 6.0)), signal=True))

    told = account.as_document(ticks_in_range=2, first="t1", last="t2")["conditions"]
    assert [(item["raw"], item["evaluated"], item["held"]) for item in told] == [
        ("close < first.Low", 1, 0),
        ("close < again.Low", 1, 1),
    ]


def test_two_turns_in_one_tick_are_one_tick() -> None:
    account = Explainer("signal")

    account.add(1, "t1", turn(None, note="closed by its stop loss", signal=True))
    account.add(1, "t1", turn(None, note="entry-pos1 is not open"))

    assert account.as_document(ticks_in_range=1, first="t1", last="t1")["reasons"] == {"entry-pos1 is not open": 1}


def test_a_missing_value_is_a_reason_of_its_own_and_no_near_miss() -> None:
    account = Explainer("signal")

    account.add(1, "t1", turn(group(condition("rsi < 30", None, 30.0))))

    found = account.as_document(ticks_in_range=1, first="t1", last="t1")
    assert found["reasons"] == {"value missing: rsi < 30": 1}
    assert found["conditions"][0]["nearest_miss"] is None
    assert found["last_blocker"]["reason"] == "value missing"


def test_sides_that_have_crossed_before_are_no_near_miss() -> None:
    account = Explainer("signal")

    account.add(1, "t1", turn(group(condition("fast crosses_above slow", 101.0, 100.0, operator="crosses_above"))))
    account.add(2, "t2", turn(group(condition("fast crosses_above slow", 99.0, 100.0, operator="crosses_above"))))

    miss = account.as_document(ticks_in_range=2, first="t1", last="t2")["conditions"][0]["nearest_miss"]
    assert (miss["tick"], miss["distance"]) == (2, 1.0)


def test_a_group_that_held_blocks_nothing() -> None:
    either = group(condition("a < 1", 2.0, 1.0), condition("b < 1", 0.0, 1.0), logic="OR")
    account = Explainer("signal")

    account.add(1, "t1", turn(group(either, condition("c < 1", 5.0, 1.0))))

    found = account.as_document(ticks_in_range=1, first="t1", last="t1")
    assert found["reasons"] == {"condition false: c < 1": 1}
    assert [item["path"] for item in found["conditions"]] == ["0.0", "0.1", "1"]
    assert found["closest_turn"]["failed"] == [{"raw": "c < 1", "evaluated": "5.0 < 1.0"}]


def test_ticks_outside_the_range_are_passed_over_and_both_ends_belong_to_it() -> None:
    explainer = RunExplainer(["signal"], first="t2", last="t3")

    for tick in range(1, 6):
        explainer.add_tick(tick, f"t{tick}", [turn(group(condition("a < 1", 2.0, 1.0)))])

    found = explainer.as_document()
    assert (found["from"], found["to"], found["ticks"], found["nodes"][0]["evaluated"]) == ("t2", "t3", 2, 2)
    assert found["reasons"] == [
        {"node_id": "signal", "node_name": "Signal", "reason": "condition false: a < 1", "ticks": 2}
    ]
