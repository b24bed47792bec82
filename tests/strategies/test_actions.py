"""What can happen to strategies, data sets and sessions, and who may."""

import itertools
import threading
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django.fixtures import Settings

from strategies import actions
from strategies.engine.fills import FillPolicy, read_policy
from strategies.engine.text_documents import as_text_document
from strategies.models import BacktestSession, DataSet, StrategyVersion
from strategies.samples import sample_strategy
from strategies.session_states import FINAL_STATES, NEXT_STATES, SessionState
from streaming import event_log
from tests import sessions


def _put_into(session: BacktestSession, state: SessionState) -> None:
    BacktestSession.objects.filter(pk=session.pk).update(
        state=state,
        attempts=1,
        finished_at=timezone.now() if state in FINAL_STATES else None,
        error="broken" if state == SessionState.FAILED else "",
    )
    session.refresh_from_db()


def _step_into(session: BacktestSession, state: SessionState) -> None:
    if state == SessionState.RUNNING:
        # Claiming a running session is taking it over: not a step, and tested by itself.
        BacktestSession.objects.filter(pk=session.pk, state=SessionState.RUNNING).update(state=SessionState.QUEUED)
        if actions.claim_session(session.pk) is None:
            raise actions.StepRefused
    elif state == SessionState.QUEUED:
        actions.put_back_session(session.pk)
    else:
        actions.finish_session(session.pk, state=state, error="broken" if state == SessionState.FAILED else "")


@pytest.mark.parametrize(
    ("before", "after"), [pair for pair in itertools.product(SessionState, SessionState) if pair != ("running",) * 2]
)
def test_a_session_goes_from_state_to_state_by_the_table(
    session: BacktestSession, before: SessionState, after: SessionState
) -> None:
    _put_into(session, before)
    is_allowed = after in NEXT_STATES[before]

    try:
        _step_into(session, after)
        was_allowed = True
    except actions.StepRefused:
        was_allowed = False
    session.refresh_from_db()

    assert was_allowed == is_allowed
    assert session.state == (after if is_allowed else before)
    assert (session.finished_at is not None) == session.is_finished


# Strategies and data sets


def test_a_graph_with_faults_is_refused_with_all_of_them(db: None) -> None:
    document = sessions.graph()
    document["nodes"][1]["type"] = "teleportNode"
    document["edges"][-1]["target"] = "nowhere"

    with pytest.raises(actions.StrategyRefused) as refused:
        actions.create_strategy(slug="x", name="X", document=document)

    assert "teleportNode" in str(refused.value)
    assert "nowhere" in str(refused.value)
    assert StrategyVersion.objects.count() == 0


@pytest.mark.parametrize("document", [[], "text", None, 5])
def test_a_graph_that_is_no_object_is_refused(document: object) -> None:
    with pytest.raises(actions.StrategyRefused, match="give an object"):
        actions.check_graph(document)


def test_a_graph_with_a_nul_is_refused() -> None:
    with pytest.raises(actions.StrategyRefused, match="NUL"):
        actions.check_graph(sessions.graph(name="a\0b"))


def test_the_same_graph_makes_no_new_version_and_another_one_does(db: None) -> None:
    first = sessions.create_version()

    same = actions.save_graph(first.strategy, sessions.graph())
    other = actions.save_graph(first.strategy, sessions.graph(name="Other"))
    back = actions.save_graph(first.strategy, sessions.graph())

    assert same == first
    assert [version.number for version in (first, other, back)] == [1, 2, 3]
    assert first.strategy.latest_version == back


def test_conditions_written_as_text_are_stored_as_the_builders_objects(db: None) -> None:
    by_hand = as_text_document(sample_strategy())

    version = actions.create_strategy(slug="by-hand", name="By hand", document=by_hand)

    stored = [node["data"]["conditions"] for node in version.graph["nodes"] if "conditions" in node["data"]]
    assert stored
    assert all(isinstance(conditions, list) for conditions in stored)
    assert as_text_document(version.graph) == by_hand


@pytest.mark.django_db(transaction=True)
def test_graphs_saved_at_once_get_numbers_without_a_hole() -> None:
    strategy = sessions.create_version().strategy

    def save(name: str) -> None:
        actions.save_graph(strategy, sessions.graph(name=name))
        connection.close()

    threads = [threading.Thread(target=save, args=(f"graph {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(strategy.versions.values_list("number", flat=True)) == [1, 2, 3, 4, 5]


def test_market_data_that_cannot_be_read_are_refused_by_line(tmp_path: Path) -> None:
    ticks = tmp_path / "ticks.csv"
    ticks.write_text("timestamp,symbol,ltp\n2024-10-29 09:15:00,NIFTY,nan\n")

    with pytest.raises(actions.DataSetRefused, match="line 2"):
        actions.load_files(ticks=ticks, warmup=None)


def test_a_data_set_knows_what_it_holds(db: None, data_folder: Path) -> None:
    data_set = sessions.create_data_set()

    assert (data_set.first_date, data_set.last_date) == (date(2024, 10, 29), date(2024, 10, 29))
    assert data_set.total_ticks == 300
    assert actions.load_data_set(data_set).fingerprint == data_set.fingerprint


# Queueing


def test_queueing_creates_session_and_job_together(session: BacktestSession) -> None:
    job = ProcrastinateJob.objects.get()

    assert session.session_id == "two-calls-2024-10-29-1"
    assert (job.task_name, job.args, job.queue_name) == (
        actions.RUN_SESSION_TASK,
        {"session_pk": session.pk},
        actions.QUEUE,
    )


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_session_leaves_no_job(data_folder: Path) -> None:
    def create_and_fail() -> None:
        with transaction.atomic():
            sessions.create_session()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        create_and_fail()

    assert (BacktestSession.objects.count(), ProcrastinateJob.objects.count()) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_sessions_queued_at_once_get_ids_of_their_own(data_folder: Path) -> None:
    sessions.create_session()

    def queue() -> None:
        sessions.create_session()
        connection.close()

    threads = [threading.Thread(target=queue) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    ids = set(BacktestSession.objects.values_list("session_id", flat=True))
    assert ids == {f"two-calls-2024-10-29-{number}" for number in range(1, 7)}


def test_a_session_id_may_be_given_once(session: BacktestSession) -> None:
    sessions.create_session(session_id="my.own_id-1")

    with pytest.raises(actions.StepRefused, match="already"):
        sessions.create_session(session_id="my.own_id-1")


@pytest.mark.parametrize("changes", [{"session_id": "a b"}, {"session_id": "x" * 65}, {"pace": -1.0}, {"pace": 1e9}])
def test_what_a_session_cannot_be_is_refused_in_words(session: BacktestSession, changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        sessions.create_session(**changes)  # type: ignore[arg-type]  # what is wrong is the point


def test_days_outside_the_data_set_are_refused(session: BacktestSession) -> None:
    with pytest.raises(actions.DataSetRefused, match="lie outside"):
        sessions.create_session(start_date=date(2024, 10, 30))


def test_running_again_makes_the_same_once_more(session: BacktestSession, stranger: User) -> None:
    BacktestSession.objects.filter(pk=session.pk).update(pace=7.0, capital=9, costs={"model": "indian_fno"})
    session.refresh_from_db()

    again = actions.run_again(session, owner=stranger)

    assert again.session_id == "two-calls-2024-10-29-2"
    assert (again.strategy_version, again.data_set, again.pace) == (session.strategy_version, session.data_set, 7.0)
    assert again.owner_id == stranger.pk
    assert (again.fills, again.costs["model"], again.capital) == (session.fills, "indian_fno", Decimal(9))


def test_settings_are_stored_in_full_and_read_back_as_the_same(session: BacktestSession) -> None:
    queued = sessions.create_session(
        fills={"slippage_points": 0.05}, costs={"model": "percent", "percent": 0.05}, capital=Decimal(1000)
    )
    queued.refresh_from_db()

    assert read_policy(queued.fills) == FillPolicy(slippage_points=0.05)
    assert queued.costs == {"model": "percent", "percent": "0.05", "fixed": "0"}
    assert (session.costs, queued.capital) == ({"model": "none"}, Decimal("1000.00"))


def test_every_fault_of_the_settings_is_told_at_once(session: BacktestSession) -> None:
    with pytest.raises(actions.SettingsRefused) as refused:
        sessions.create_session(fills={"timing": "later"}, costs={"broker": "flat_20"}, capital=Decimal(-1))

    assert list(refused.value.faults) == ["fills", "costs", "capital"]
    assert "allowed: this_tick, next_tick" in str(refused.value)
    assert BacktestSession.objects.count() == 1


def test_costs_of_days_whose_rates_are_not_known_are_refused_before_the_run(session: BacktestSession) -> None:
    DataSet.objects.update(first_date=date(2020, 12, 1))

    with pytest.raises(actions.SettingsRefused, match="not known for 2020-12-01"):
        sessions.create_session(costs={"model": "indian_fno"})
    sessions.create_session(costs={"model": "indian_fno"}, start_date=date(2024, 10, 29))


# Cancelling


def test_cancelling_a_queued_session_ends_it_and_tells_its_log(session: BacktestSession) -> None:
    actions.cancel_session(session)

    log = event_log.read_state(session.pk)
    assert session.state == SessionState.CANCELLED
    assert (log.head, log.is_finished) == (1, True)


def test_cancelling_a_running_session_is_a_wish_to_its_worker(session: BacktestSession) -> None:
    actions.claim_session(session.pk)

    actions.cancel_session(session)

    assert (session.state, session.cancel_requested) == (SessionState.RUNNING, True)
    assert actions.is_cancel_requested(session.pk)


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
def test_cancelling_a_finished_session_is_refused(session: BacktestSession, state: SessionState) -> None:
    _put_into(session, state)

    with pytest.raises(actions.StepRefused, match=f"is {state} already"):
        actions.cancel_session(session)


def test_a_claim_takes_over_a_running_session_and_never_a_finished_one(session: BacktestSession) -> None:
    first = actions.claim_session(session.pk)
    second = actions.claim_session(session.pk)
    _put_into(session, SessionState.COMPLETED)

    assert first is not None
    assert second is not None
    assert (first.attempts, second.attempts) == (1, 2)
    assert first.started_at == second.started_at
    assert actions.claim_session(session.pk) is None
    assert actions.claim_session(session.pk + 1) is None


# Who may


def _nobody(_session: BacktestSession) -> None:
    return None


def _anonymous(_session: BacktestSession) -> AnonymousUser:
    return AnonymousUser()


def _owner(session: BacktestSession) -> User:
    assert session.owner is not None
    return User.objects.get(pk=session.owner.pk)


def _stranger(_session: BacktestSession) -> User:
    return User.objects.create_user("somebody")


def _staff(_session: BacktestSession) -> User:
    return User.objects.create_user("clerk", is_staff=True)


def _locked_out_owner(session: BacktestSession) -> User:
    owner = _owner(session)
    owner.is_active = False
    return owner


@pytest.mark.parametrize(
    ("who", "may_view", "may_act"),
    [
        (_nobody, False, False),
        (_anonymous, False, False),
        (_stranger, False, False),
        (_owner, True, True),
        (_staff, True, True),
        (_locked_out_owner, False, False),
    ],
)
def test_owner_and_staff_may_look_and_act_and_public_viewing_opens_only_looking(
    session: BacktestSession,
    settings: Settings,
    who: Callable[[BacktestSession], User | AnonymousUser | None],
    may_view: bool,
    may_act: bool,
) -> None:
    user = who(session)
    settings.PUBLIC_VIEWING = False
    private = (
        actions.can_view(user, session),
        actions.can_act(user, session),
        session in actions.visible_sessions(user),
        session.strategy_version.strategy in actions.visible_strategies(user),
    )
    settings.PUBLIC_VIEWING = True
    public = (actions.can_view(user, session), actions.can_act(user, session))

    assert private[:3] == (may_view, may_act, may_view)
    # The strategy belongs to nobody: whoever is signed in may look at it.
    assert private[3] == (may_view or who is _stranger)
    assert public == (True, may_act)


def test_a_strategy_of_somebody_else_is_not_listed(
    session: BacktestSession, settings: Settings, owner: User, stranger: User
) -> None:
    settings.PUBLIC_VIEWING = False
    strategy = session.strategy_version.strategy
    strategy.owner = User.objects.create_user("author")
    strategy.save()

    assert strategy in actions.visible_strategies(owner)  # through the session
    assert strategy not in actions.visible_strategies(stranger)
    assert DataSet.objects.count() == 1


def test_who_asked_for_the_end_is_kept_and_the_first_one_stays(
    session: BacktestSession, owner: User, staff: User
) -> None:
    assert actions.claim_session(session.pk) is not None
    session.refresh_from_db()

    actions.cancel_session(session, by=owner)
    first = session.cancel_requested_at
    actions.cancel_session(session, by=staff)

    assert (session.cancel_requested, session.cancel_requested_by, session.cancel_requested_at) == (True, owner, first)


@pytest.mark.parametrize("word", ["live", "compare"])
def test_a_session_cannot_take_the_place_of_an_address(data_folder: Path, db: None, word: str) -> None:
    with pytest.raises(actions.StepRefused, match="stands for something else"):
        sessions.create_session(session_id=word)
