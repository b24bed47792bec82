"""
Why did a node not act? An account of its turns over a range of time.

An ``Explainer`` is shown every turn of one node as it was recorded, either by a run that is made again or from the
stored events of one that was made before: the records are the same, so the answers are. It counts how often each
condition held, keeps the nearest miss, and says what stood in the way last. It is never told about ticks at which the
node was not active; the caller says how many ticks the range has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.engine.evaluations import blockers, leaves
from strategies.engine.outcomes import TickOutcome

NODE_INACTIVE = "node inactive"
CONDITION_FALSE = "condition false"
VALUE_MISSING = "value missing"
SIGNAL = "signal"


@dataclass(frozen=True, slots=True, kw_only=True)
class NearestMiss:
    """The moment at which a condition came closest to holding."""

    tick: int
    #: Exchange time with its offset, as events write it.
    timestamp: str
    lhs_value: float
    rhs_value: float
    #: Distance of the two sides, in their own unit, >= 0.
    distance: float
    evaluated: str

    def as_document(self) -> dict[str, Any]:
        """Return the record as JSON."""
        return {
            "tick": self.tick,
            "timestamp": self.timestamp,
            "lhs_value": self.lhs_value,
            "rhs_value": self.rhs_value,
            "distance": self.distance,
            "evaluated": self.evaluated,
        }


@dataclass(slots=True)
class ConditionAccount:
    """How one condition of a node fared."""

    #: Place in the node's conditions, such as ``0`` or ``1.2`` inside a nested group.
    path: str
    id: str
    raw: str
    evaluated: int = 0
    held: int = 0
    missing: int = 0
    #: Exchange time at which it held last; empty if never.
    last_held: str = ""
    #: Exchange time since which it has had the result that it had last.
    since: str = ""
    last_result: bool | None = None
    last_evaluated: str = ""
    nearest_miss: NearestMiss | None = None

    def add(self, record: Mapping[str, Any], tick: int, timestamp: str) -> None:
        """Take one evaluation."""
        self.evaluated += 1
        result = bool(record["result"])
        self.last_evaluated = str(record["evaluated"])
        if result is not self.last_result:
            self.last_result, self.since = result, timestamp
        if result:
            self.held += 1
            self.last_held = timestamp
            return
        left, right = record["lhs_value"], record["rhs_value"]
        if left is None or right is None:
            self.missing += 1
            return
        if isinstance(left, str | bool) or isinstance(right, str | bool) or _is_beyond(record):
            return
        distance = _distance(float(left), float(right), record.get("rhs_upper_value"))
        if self.nearest_miss is None or distance < self.nearest_miss.distance:
            self.nearest_miss = NearestMiss(
                tick=tick, timestamp=timestamp, lhs_value=left, rhs_value=right, distance=distance,
                evaluated=self.last_evaluated,
            )  # fmt: skip

    def as_document(self) -> dict[str, Any]:
        """Return the account as JSON; shares are of the evaluations, from 0 to 1."""
        return {
            "path": self.path,
            "id": self.id,
            "raw": self.raw,
            "evaluated": self.evaluated,
            "held": self.held,
            "share_held": round(self.held / self.evaluated, 6) if self.evaluated else None,
            "missing": self.missing,
            "last_held": self.last_held or None,
            "last_result": self.last_result,
            "last_evaluated": self.last_evaluated or None,
            "since": self.since or None,
            "nearest_miss": self.nearest_miss.as_document() if self.nearest_miss else None,
        }


@dataclass(slots=True)
class Explainer:
    """Accounts for one node over a range of time. Times of day are compared as events write them."""

    node_id: str
    node_name: str = ""
    node_type: str = ""
    turns: int = 0
    signals: int = 0
    #: By place and text.
    conditions: dict[tuple[str, str], ConditionAccount] = field(default_factory=dict)
    #: What stood in the way, in the words of the records, with counts.
    reasons: dict[str, int] = field(default_factory=dict)
    #: The last turn that did not signal: when, and the first condition that failed (or the node's own words).
    last_blocker: dict[str, Any] | None = None
    #: The turn at which the fewest conditions failed, the earliest of several.
    closest_turn: dict[str, Any] | None = None
    _fewest: int = 1 << 30
    _last_tick: int = 0

    def add(self, tick: int, timestamp: str, execution: Mapping[str, Any]) -> None:
        """
        Take one turn of the node.

        Args:
            tick: The tick of the run.
            timestamp: Exchange time, as events write it.
            execution: The node's entry in ``node_executions`` of that tick's event.
        """
        # A guard and a visit may both fall into one tick; that is one tick in which the node was not inactive.
        self.turns += tick != self._last_tick
        self._last_tick = tick
        self.node_name, self.node_type = execution["node_name"], execution["node_type"]
        conditions = execution["evaluated_conditions"]
        failed: list[Mapping[str, Any]] = []
        if conditions is not None:
            for path, record in leaves(conditions):
                # The text belongs to the key: conditions of a re-entry stand in the same places as the first ones.
                key = (path, record["raw"])
                account = self.conditions.get(key)
                if account is None:
                    account = self.conditions[key] = ConditionAccount(path, record["id"], record["raw"])
                account.add(record, tick, timestamp)
            failed = list(blockers(conditions))
        if execution["signal_emitted"]:
            self.signals += 1
            return
        self._note_blocker(tick, timestamp, str(execution.get("note", "")), failed)

    def as_document(self, *, ticks_in_range: int, first: str, last: str) -> dict[str, Any]:
        """
        Return the account as JSON.

        Args:
            ticks_in_range: Ticks of the run in the range, the node being active or not.
            first: Exchange time at which the range begins.
            last: Exchange time at which it ends, included.
        """
        reasons = dict(self.reasons)
        if inactive := ticks_in_range - self.turns:
            reasons[NODE_INACTIVE] = inactive
        return {
            "node_id": self.node_id,
            "node_name": self.node_name,
            "node_type": self.node_type,
            "from": first,
            "to": last,
            "ticks": ticks_in_range,
            "evaluated": self.turns,
            "signals": self.signals,
            "conditions": [account.as_document() for account in self.conditions.values()],
            "reasons": dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
            "last_blocker": self.last_blocker,
            "closest_turn": self.closest_turn,
        }

    def _note_blocker(self, tick: int, timestamp: str, note: str, failed: list[Mapping[str, Any]]) -> None:
        if note:
            reason = note
            blocker = {"tick": tick, "timestamp": timestamp, "reason": note, "raw": None, "evaluated": None}
        elif failed:
            is_missing = failed[0]["lhs_value"] is None or failed[0]["rhs_value"] is None
            reason = f"{VALUE_MISSING if is_missing else CONDITION_FALSE}: {failed[0]['raw']}"
            blocker = {
                "tick": tick, "timestamp": timestamp, "reason": VALUE_MISSING if is_missing else CONDITION_FALSE,
                "raw": failed[0]["raw"], "evaluated": failed[0]["evaluated"],
            }  # fmt: skip
        else:
            return
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        self.last_blocker = blocker
        if failed and len(failed) < self._fewest:
            self._fewest = len(failed)
            self.closest_turn = {
                "tick": tick,
                "timestamp": timestamp,
                "failed": [{"raw": record["raw"], "evaluated": record["evaluated"]} for record in failed],
            }


class RunExplainer:
    """
    Accounts for the nodes of a run over a range of time, shown one tick after the other.

    Args:
        node_ids: The nodes to account for; None for every node that has a turn.
        first: Exchange time at which the range begins, as events write it; None from the first tick on.
        last: Exchange time at which it ends, included; None up to the last tick.
    """

    def __init__(
        self, node_ids: Collection[str] | None = None, *, first: str | None = None, last: str | None = None
    ) -> None:
        self._wanted = None if node_ids is None else set(node_ids)
        self._first = first
        self._last = last
        self._ticks = 0
        self._seen_first = ""
        self._seen_last = ""
        self._accounts: dict[str, Explainer] = {node_id: Explainer(node_id) for node_id in node_ids or ()}

    def add_tick(self, tick: int, timestamp: str, executions: Iterable[Mapping[str, Any]]) -> None:
        """
        Take one tick; one outside the range is passed over.

        Args:
            tick: The tick of the run.
            timestamp: Exchange time, as events write it.
            executions: The entries of ``node_executions``, in their order.
        """
        if (self._first is not None and timestamp < self._first) or (self._last is not None and timestamp > self._last):
            return
        self._ticks += 1
        self._seen_first = self._seen_first or timestamp
        self._seen_last = timestamp
        for execution in executions:
            node_id = execution["node_id"]
            if self._wanted is not None and node_id not in self._wanted:
                continue
            if node_id not in self._accounts:
                self._accounts[node_id] = Explainer(node_id)
            self._accounts[node_id].add(tick, timestamp, execution)

    def as_document(self) -> dict[str, Any]:
        """Return every account, and the reasons of all nodes with their counts, as JSON."""
        nodes = [
            account.as_document(ticks_in_range=self._ticks, first=self._seen_first, last=self._seen_last)
            for account in self._accounts.values()
        ]
        reasons = [
            {"node_id": node["node_id"], "node_name": node["node_name"], "reason": reason, "ticks": count}
            for node in nodes
            for reason, count in node["reasons"].items()
        ]
        return {
            "from": self._seen_first or None,
            "to": self._seen_last or None,
            "ticks": self._ticks,
            "nodes": nodes,
            "reasons": sorted(reasons, key=lambda row: (-row["ticks"], row["node_id"], row["reason"])),
        }


class ExplainingEngine(CentralizedBacktestEngine):
    """Runs a strategy again, showing every tick to an explainer."""

    def __init__(self, config: BacktestConfig, explainer: RunExplainer) -> None:
        super().__init__(config)
        self._explainer = explainer

    def on_tick(self, outcome: TickOutcome) -> None:
        """Show the tick to the explainer."""
        executions = [execution._asdict() for execution in outcome.executions]
        self._explainer.add_tick(outcome.tick, str(outcome.timestamp), executions)


def explain_by_rerun(config: BacktestConfig, explainer: RunExplainer) -> dict[str, Any]:
    """
    Run a strategy again and account for its nodes.

    Raises:
        EngineError: As the run itself would.
    """
    ExplainingEngine(config, explainer).run()
    return explainer.as_document()


def _is_beyond(record: Mapping[str, Any]) -> bool:
    """Return whether a crossing failed only because its sides had crossed before: then no distance says how near."""
    if record["operator"] == "crosses_above":
        return bool(record["lhs_value"] > record["rhs_value"])
    return bool(record["operator"] == "crosses_below" and record["lhs_value"] < record["rhs_value"])


def _distance(value: float, lower: float, upper: object) -> float:
    if isinstance(upper, int | float) and value > upper:
        return value - float(upper)
    return abs(value - lower)
