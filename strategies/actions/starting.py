"""How a session begins: its settings checked, its row stored and its job queued."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from procrastinate.contrib.django import app as queue

from strategies.actions.errors import DataSetRefused, SettingsRefused, StepRefused, StrategyRefused
from strategies.models import RESERVED_SESSION_IDS, BacktestSession, DataSet, StrategyVersion, no_costs

#: The queue of the sessions to run, and the name under which the worker registers the task that runs one.
QUEUE: Final = "backtests"
RUN_SESSION_TASK: Final = "streaming.run_session"

_MAX_PREFIX = 52


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """What a session assumes, checked; JSON as the engine writes it back, defaults filled in."""

    fills: dict[str, Any]
    costs: dict[str, Any]
    #: Quote currency; None for none.
    capital: Decimal | None


def check_settings(
    *,
    version: StrategyVersion,
    data_set: DataSet,
    start_date: date | None = None,
    end_date: date | None = None,
    fills: object = None,
    costs: object = None,
    capital: Decimal | None = None,
) -> SessionSettings:
    """
    Check the days, how orders should fill, what they should cost, and the capital.

    Args:
        version: What will run; the rates of all that it trades must be known from the first day on.
        data_set: On what.
        start_date: First day to run, included; None for the data set's first.
        end_date: Last day to run, included; None for the data set's last.
        fills: A JSON mapping; None for the defaults.
        costs: A JSON mapping with `model`; None for no costs.
        capital: Quote currency, above zero; None for none.

    Raises:
        DataSetRefused: If the days lie outside the data set.
        SettingsRefused: With every fault.
        StrategyRefused: If the graph is not valid any more.
    """
    from strategies.engine import results, trade_legs
    from strategies.engine.cost_config import CostConfigInvalid, parse_cost_model
    from strategies.engine.cost_rates import CostDateUnknown
    from strategies.engine.errors import GraphInvalid
    from strategies.engine.fills import FillPolicy, FillPolicyInvalid, read_policy
    from strategies.engine.graph import parse_strategy

    _check_days(data_set, start_date, end_date)
    first_date = max((day for day in (start_date, data_set.first_date) if day is not None), default=None)
    faults: dict[str, str] = {}
    policy, model = FillPolicy(), parse_cost_model(no_costs())
    try:
        policy = read_policy(_mapping({} if fills is None else fills, "fills"))
    except (FillPolicyInvalid, ValueError) as error:
        faults["fills"] = str(error)
    try:
        model = parse_cost_model(no_costs() if costs is None else costs)
        if first_date is not None and model.name != "none":
            trade_legs.check_dates(model, parse_strategy(version.graph), first_date)
    except (CostConfigInvalid, CostDateUnknown) as error:
        faults["costs"] = str(error)
    except GraphInvalid as error:
        raise StrategyRefused(str(error)) from error
    try:
        results.check_capital(capital)
    except results.CapitalInvalid as error:
        faults["capital"] = str(error)
    if faults:
        raise SettingsRefused(faults)
    return SessionSettings(fills=policy.as_document(), costs=dict(model.configuration()), capital=capital)


def _mapping(document: object, name: str) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise ValueError(f"{name} must be a JSON object such as {{}}, not {document!r}")
    return document


@transaction.atomic
def queue_session(
    *,
    version: StrategyVersion,
    data_set: DataSet,
    owner: AbstractBaseUser | None = None,
    pace: float | None = None,
    start_date: date | None = None,
    end_date: date | None = None,
    fills: object = None,
    costs: object = None,
    capital: Decimal | None = None,
    id_prefix: str | None = None,
    session_id: str | None = None,
) -> BacktestSession:
    """
    Create a session and put it into the queue, both or neither.

    Args:
        version: What to run.
        data_set: On what.
        owner: Who may see and cancel it besides staff; None for nobody.
        pace: Market seconds per second of clock, > 0; None for as fast as possible.
        start_date: First day to run, included; None for the data set's first.
        end_date: Last day to run, included; None for the data set's last.
        fills: How orders fill, a JSON mapping; None for the defaults.
        costs: What they cost, a JSON mapping with `model`; None for nothing.
        capital: What the run begins with, quote currency; None leaves the figures that need it undefined.
        id_prefix: The session id is this and the next free number; None for strategy and day.
        session_id: The whole id instead.

    Raises:
        DataSetRefused: If the days lie outside the data set.
        SettingsRefused: If fills, costs or capital are not valid.
        ValidationError: If the id, the pace or the order of days is not allowed.
        StepRefused: If the id is taken.
    """
    chosen = check_settings(
        version=version,
        data_set=data_set,
        start_date=start_date,
        end_date=end_date,
        fills=fills,
        costs=costs,
        capital=capital,
    )
    session = BacktestSession(
        strategy_version=version,
        data_set=data_set,
        owner_id=None if owner is None else owner.pk,
        pace=pace,
        start_date=start_date,
        end_date=end_date,
        fills=chosen.fills,
        costs=chosen.costs,
        capital=chosen.capital,
    )
    if session_id is not None:
        session.session_id = session_id
        if session_id in RESERVED_SESSION_IDS:
            raise StepRefused(f"{session_id} stands for something else in addresses; give another id.")
        session.full_clean(validate_unique=False, validate_constraints=False)
        if not _try_insert(session):
            raise StepRefused(f"There is a session {session_id} already; give another id.")
    else:
        _insert_with_next_id(session, id_prefix or f"{version.strategy.slug}-{start_date or data_set.first_date}")
    enqueue(session.pk)
    return session


def run_again(session: BacktestSession, *, owner: AbstractBaseUser | None) -> BacktestSession:
    """Queue a new session with the same strategy version, data set, days, pace and settings."""
    return queue_session(
        version=session.strategy_version,
        data_set=session.data_set,
        owner=owner,
        pace=session.pace,
        start_date=session.start_date,
        end_date=session.end_date,
        fills=session.fills,
        costs=session.costs,
        capital=session.capital,
        id_prefix=re.sub(r"-\d+$", "", session.session_id),
    )


def enqueue(session_pk: int) -> None:
    """
    Put a job for a session into the queue.

    Raises:
        procrastinate.exceptions.AlreadyEnqueued: If one is waiting there already.
    """
    name = f"session-{session_pk}"
    queue.configure_task(RUN_SESSION_TASK, queue=QUEUE, lock=name, queueing_lock=name).defer(session_pk=session_pk)


def _check_days(data_set: DataSet, start_date: date | None, end_date: date | None) -> None:
    first, last = data_set.first_date, data_set.last_date
    if first is None or last is None:
        return
    if (start_date is not None and start_date > last) or (end_date is not None and end_date < first):
        raise DataSetRefused(
            f"{data_set} has market data from {first} to {last}; "
            f"the days {start_date or first} to {end_date or last} lie outside."
        )


def _insert_with_next_id(session: BacktestSession, prefix: str) -> None:
    prefix = re.sub(r"[^A-Za-z0-9._-]", "-", prefix)[:_MAX_PREFIX]
    number = 1
    while True:
        taken = BacktestSession.objects.filter(session_id__regex=rf"^{re.escape(prefix)}-[0-9]{{1,9}}$")
        numbers = [int(taken_id.rpartition("-")[2]) for taken_id in taken.values_list("session_id", flat=True)]
        number = max([number, *(taken_number + 1 for taken_number in numbers)])
        session.session_id = f"{prefix}-{number}"
        session.full_clean(validate_unique=False, validate_constraints=False)
        if _try_insert(session):
            return
        # Somebody took the number in between; that session is not visible yet when its transaction is still open.
        number += 1


def _try_insert(session: BacktestSession) -> bool:
    try:
        with transaction.atomic():
            session.save(force_insert=True)
    except IntegrityError as error:
        if "session_id" not in str(error) or "unique" not in str(error):
            raise
        session.pk = None
        return False
    return True
