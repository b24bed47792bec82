"""
What can happen to strategies, data sets and sessions: one function for each happening.

Views, admin buttons, commands and the worker make one call here and translate the result. A session's state changes
only by the table in `session_states`, by an update that names the state before: whoever comes second finds no row.

    ActionError
    ├── StrategyRefused    the graph is not valid; every fault in the message
    ├── DataSetRefused     the market data cannot be read, or do not cover the days asked for
    ├── SettingsRefused    how orders should fill, what they should cost, or the capital
    └── StepRefused        the session is not in a state that allows it
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.dispatch import Signal
from django.utils import timezone
from procrastinate.contrib.django import app as queue

from strategies.models import (
    BacktestSession,
    DataSet,
    SessionResult,
    Strategy,
    StrategyVersion,
    Trade,
    no_costs,
)
from strategies.session_states import ACTIVE_STATES, SessionState, states_before

if TYPE_CHECKING:
    from strategies.engine.ticks import MarketData

logger = logging.getLogger(__name__)

#: The queue of the sessions to run, and the name under which the worker registers the task that runs one.
QUEUE: Final = "backtests"
RUN_SESSION_TASK: Final = "streaming.run_session"

#: A session came to its end without a worker telling its log. Sent with `session`, inside the same transaction.
session_ended = Signal()

_MAX_PREFIX = 52


class ActionError(Exception):
    """Something that was asked for cannot be done."""


class StrategyRefused(ActionError):
    """The strategy graph is not valid."""


class DataSetRefused(ActionError):
    """The market data cannot be used."""


class SettingsRefused(ActionError):
    """
    A session's settings are not valid.

    `faults` has every fault by the setting: fills, costs or capital.
    """

    def __init__(self, faults: Mapping[str, str]) -> None:
        self.faults = dict(faults)
        super().__init__("\n".join(faults.values()))


class StepRefused(ActionError):
    """The session's state does not allow the step."""


# Who may


def can_view(user: AbstractBaseUser | AnonymousUser | None, session: BacktestSession) -> bool:
    """Tell whether somebody may look at a session: its owner and staff, and anyone where viewing is public."""
    if settings.PUBLIC_VIEWING:
        return True
    return can_act(user, session)


def can_act(user: AbstractBaseUser | AnonymousUser | None, session: BacktestSession) -> bool:
    """Tell whether somebody may cancel a session or run it again: its owner and staff, signed in."""
    if user is None or not user.is_authenticated or not user.is_active:
        return False
    return bool(getattr(user, "is_staff", False)) or session.owner_id == user.pk


def visible_sessions(user: AbstractBaseUser | AnonymousUser | None) -> QuerySet[BacktestSession]:
    """Select the sessions for which `can_view` is true, newest first."""
    sessions = BacktestSession.objects.select_related("strategy_version__strategy", "data_set", "owner")
    if settings.PUBLIC_VIEWING:
        return sessions
    if user is None or not user.is_authenticated or not user.is_active:
        return sessions.none()
    return sessions if getattr(user, "is_staff", False) else sessions.filter(owner_id=user.pk)


def visible_strategies(user: AbstractBaseUser | AnonymousUser | None) -> QuerySet[Strategy]:
    """Select the strategies that somebody may look at: own ones, those of visible sessions, and those of nobody."""
    if settings.PUBLIC_VIEWING:
        return Strategy.objects.all()
    if user is None or not user.is_authenticated or not user.is_active:
        return Strategy.objects.none()
    if getattr(user, "is_staff", False):
        return Strategy.objects.all()
    seen = BacktestSession.objects.filter(owner_id=user.pk).values("strategy_version__strategy_id")
    return Strategy.objects.filter(Q(owner_id=user.pk) | Q(owner__isnull=True) | Q(pk__in=seen))


# Strategies and data sets


def check_graph(document: object) -> str:
    """
    Check a strategy graph as the engine does.

    Returns:
        The graph's fingerprint.

    Raises:
        StrategyRefused: With every fault, one a line.
    """
    from strategies.engine.errors import GraphInvalid
    from strategies.engine.graph import parse_strategy

    if "\\u0000" in json.dumps(document):
        raise StrategyRefused("The graph holds a NUL character (\\u0000), which no name or text can have; remove it.")
    if not isinstance(document, Mapping):
        raise StrategyRefused(
            f"The graph is a JSON {type(document).__name__}; give an object with `nodes` and `edges`."
        )
    try:
        return parse_strategy(document).fingerprint
    except GraphInvalid as error:
        raise StrategyRefused(str(error)) from error


@transaction.atomic
def save_graph(strategy: Strategy, document: Mapping[str, Any]) -> StrategyVersion:
    """
    Store a graph as the strategy's next version; the latest version is returned where it holds that graph already.

    Conditions that are written as text are stored as the builder's objects.

    Raises:
        StrategyRefused: If the graph is not valid.
    """
    from strategies.engine.text_documents import as_builder_document

    check_graph(document)
    # Pages, clients and older versions meet one form only; what the builder wrote stays as it is.
    document = as_builder_document(document)
    fingerprint = check_graph(document)
    graph_json = json.dumps(document)
    # Two saves at once take turns, so that the numbers have no hole and no repeat.
    Strategy.objects.select_for_update().get(pk=strategy.pk)
    latest = strategy.latest_version
    if latest is not None and latest.graph_json == graph_json:
        return latest
    number = 1 if latest is None else latest.number + 1
    return strategy.versions.create(number=number, graph_json=graph_json, fingerprint=fingerprint)


@transaction.atomic
def create_strategy(
    *, slug: str, name: str, document: Mapping[str, Any], owner: AbstractBaseUser | None = None
) -> StrategyVersion:
    """Create a strategy with its first version. Raises StrategyRefused as `save_graph` does."""
    strategy = Strategy.objects.create(slug=slug, name=name, owner_id=None if owner is None else owner.pk)
    return save_graph(strategy, document)


def load_data_set(data_set: DataSet) -> MarketData:
    """
    Read a data set's market data.

    Raises:
        DataSetRefused: If it cannot be read, or is not what it was when the data set was stored.
    """
    if data_set.kind == DataSet.Kind.SAMPLE:
        from strategies.market_data import simulator

        return simulator.sample_day() if data_set.seed is None else simulator.sample_day(data_set.seed)
    market_data = load_files(
        ticks=Path(data_set.ticks_file.path), warmup=Path(data_set.warmup_file.path) if data_set.warmup_file else None
    )
    # A sample's content is the simulator's; files are somebody's, and runs on them must stay repeatable.
    if data_set.fingerprint and market_data.fingerprint != data_set.fingerprint:
        raise DataSetRefused(
            f"The files of the data set {data_set.slug} have changed since it was stored. "
            "Put the old ones back, or store the new ones as another data set."
        )
    return market_data


def load_files(*, ticks: Path, warmup: Path | None) -> MarketData:
    """Read market data from files. Raises DataSetRefused if they cannot be read."""
    # Reading files brings pandas along, which the web side needs only when somebody uploads.
    from strategies.engine.errors import EngineError
    from strategies.market_data.files import load_market_data

    try:
        return load_market_data(ticks, warmup=warmup)
    except (EngineError, OSError) as error:
        raise DataSetRefused(str(error)) from error


def describe_data_set(data_set: DataSet, market_data: MarketData) -> None:
    """Note on a data set what its market data hold; the caller saves it."""
    data_set.fingerprint = market_data.fingerprint
    data_set.first_date = market_data.first_date
    data_set.last_date = market_data.last_date
    data_set.total_ticks = market_data.total_ticks


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


# The life of a session


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


def claim_session(session_pk: int) -> BacktestSession | None:
    """
    Take a session to run it.

    The caller holds the session's lock, so a session found running has lost its worker and is taken over.

    Returns:
        The session, running now; None where it is finished or gone.
    """
    claimed = BacktestSession.objects.filter(pk=session_pk, state__in=ACTIVE_STATES).update(
        state=SessionState.RUNNING, started_at=Coalesce("started_at", timezone.now()), attempts=F("attempts") + 1
    )
    if not claimed:
        return None
    return BacktestSession.objects.select_related("strategy_version__strategy", "data_set").get(pk=session_pk)


def put_back_session(session_pk: int) -> None:
    """Return a running session to the queue's states: its worker stops, the next one goes on."""
    # A planned stop is not a failed attempt.
    _step(session_pk, SessionState.QUEUED, attempts=F("attempts") - 1)


def note_total_ticks(session_pk: int, total_ticks: int) -> None:
    """Note how many ticks a session will have."""
    BacktestSession.objects.filter(pk=session_pk).update(total_ticks=total_ticks)


def cancel_session(session: BacktestSession) -> None:
    """
    Cancel a session: a queued one at once, a running one as soon as its worker sees it (within a second).

    Raises:
        StepRefused: If it is finished.
    """
    with transaction.atomic():
        if _try_step(session.pk, SessionState.CANCELLED, only_from=SessionState.QUEUED, finished_at=timezone.now()):
            session.refresh_from_db()
            session_ended.send(sender=BacktestSession, session=session)
            return
        # Not only a running one: its worker may be putting it back right now, and the next one sees the wish.
        unfinished = BacktestSession.objects.filter(pk=session.pk, state__in=ACTIVE_STATES)
        if not unfinished.update(cancel_requested=True):
            session.refresh_from_db()
            raise StepRefused(f"Session {session} is {session.state} already; only an unfinished one can be cancelled.")
    session.refresh_from_db()


def finish_session(
    session_pk: int, *, state: SessionState, error: str = "", result: Mapping[str, Any] | None = None
) -> None:
    """
    Bring a session to its end, in the transaction in which its log tells it.

    Args:
        session_pk: Which.
        state: A final state.
        error: Why it failed; only for a failed one, and never empty there.
        result: The trade summary.

    Raises:
        StepRefused: If it is finished already.
    """
    _step(session_pk, state, finished_at=timezone.now(), error=error, result=result)


def store_results(session_pk: int, document: Mapping[str, Any]) -> None:
    """
    Store what a run came to, in the transaction that ends its session: the document, and the costs of its trades.

    Args:
        session_pk: Whose.
        document: As `strategies.engine.result_document` writes it; the session's trades are stored already.
    """
    SessionResult.objects.create(session_id=session_pk, document_json=json.dumps(document, separators=(",", ":")))
    by_id = {trade["trade_id"]: trade for trade in document["trades"]}
    trades = list(Trade.objects.filter(session_id=session_pk, trade_id__in=by_id).only("trade_id"))
    for trade in trades:
        costed = by_id[trade.trade_id]
        trade.costs, trade.net_pnl = Decimal(costed["costs"]["total"]), Decimal(costed["net_pnl"])
    Trade.objects.bulk_update(trades, ["costs", "net_pnl"], batch_size=1000)


@transaction.atomic
def end_session(session_pk: int, *, state: SessionState, error: str = "") -> None:
    """Bring a session to its end where no engine tells its log so; `session_ended` lets the log hear of it."""
    finish_session(session_pk, state=state, error=error)
    session = BacktestSession.objects.get(pk=session_pk)
    session_ended.send(sender=BacktestSession, session=session)


def is_cancel_requested(session_pk: int) -> bool:
    """Tell whether a running session is to be cancelled; one that was deleted is, too."""
    flags = BacktestSession.objects.filter(pk=session_pk).values_list("cancel_requested", flat=True)
    return next(iter(flags), True)


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


def _try_step(
    session_pk: int,
    state: SessionState,
    *,
    only_from: SessionState | None = None,
    **changes: Any,  # noqa: ANN401 - values of any column
) -> bool:
    before = states_before(state) if only_from is None else states_before(state) & {only_from}
    return bool(BacktestSession.objects.filter(pk=session_pk, state__in=before).update(state=state, **changes))


def _step(session_pk: int, state: SessionState, **changes: Any) -> None:  # noqa: ANN401 - values of any column
    if not _try_step(session_pk, state, **changes):
        present = BacktestSession.objects.filter(pk=session_pk).values_list("state", flat=True).first()
        allowed = " or ".join(sorted(states_before(state)))
        raise StepRefused(
            f"Session {session_pk} is {present or 'gone'}; only a session that is {allowed} can be {state}."
        )
