"""Why a node did not act, from the stored events: the answer of a rerun, read from the blocks of the range alone."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django.fixtures import Settings

from strategies import actions, samples, why_not
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.explain import explain_by_rerun
from strategies.engine.graph import parse_strategy
from strategies.models import BacktestSession, DataSet
from strategies.why_not import Question
from streaming import explanations
from streaming.models import EventBlock
from tests import sessions

Json = dict[str, Any]


def ask(session: BacktestSession, **query: str | list[str]) -> Json:
    """Ask the endpoint and return its answer."""
    response = Client().get(f"/api/sessions/{session.session_id}/explain/", query)
    assert response.status_code == 200, response.content
    answer: Json = response.json()
    return answer


def rerun(session: BacktestSession, question: Question) -> Json:
    """Answer by running the session's strategy again."""
    data = actions.load_data_set(session.data_set)
    strategy = parse_strategy(session.strategy_version.graph)
    return explain_by_rerun(BacktestConfig(strategy=strategy, market_data=data), question.explainer())


def read(session: BacktestSession, *nodes: str, from_: str = "", to: str = "", day: str = "") -> Question:
    """Read a question as the endpoint does."""
    assert session.data_set.first_date is not None
    assert session.data_set.last_date is not None
    days = why_not.Days(session.data_set.first_date, session.data_set.last_date)
    names = why_not.names_in(session.strategy_version.graph)
    return why_not.read_question(nodes=nodes, known=names, from_=from_, to=to, day=day, days=days)


RANGES = [("", ""), ("09:15:00", "09:15:00"), ("09:15:21", "09:16:03"), ("9:17", ""), ("", "09:18:30"),
          ("09:19:59", "15:30"), ("09:20", ""), ("", "09:14:59")]  # fmt: skip


def publish_in_blocks(session: BacktestSession, *, of: int) -> None:
    """Publish a session's events in batches of so many, as a paced session does."""
    events = sessions.events_of(session)
    for start in range(0, len(events), of):
        sessions.publish(session, events[start : start + of])


@pytest.mark.parametrize("events_per_block", [7, 1000])
def test_the_stored_events_give_the_answer_of_a_rerun_for_any_range(
    session: BacktestSession, events_per_block: int
) -> None:
    publish_in_blocks(session, of=events_per_block)

    answers = {}
    for from_, to in RANGES:
        question = read(session, from_=from_, to=to)
        answers[from_, to] = explanations.explain_stored(session.pk, question)
        assert answers[from_, to] == rerun(session, question), (from_, to)

    ticks = {key: answer["ticks"] for key, answer in answers.items()}
    assert list(ticks.values()) == [300, 1, 43, 180, 211, 1, 0, 0]
    entered = next(node for node in answers["", ""]["nodes"] if node["node_id"] == "enter-1")
    assert (entered["evaluated"], entered["signals"], entered["conditions"][0]["held"]) == (22, 1, 1)


def test_the_endpoint_answers_with_the_nodes_asked_for_in_that_order(session: BacktestSession) -> None:
    sessions.publish(session, sessions.events_of(session))
    names = why_not.names_in(session.strategy_version.graph)
    expected = rerun(session, read(session, "leave-1", "enter-2", to="09:16"))

    answer = ask(session, node=["leave-1", "enter-2"], to="09:16")

    assert answer == why_not.completed(expected, names)
    assert [node["node_id"] for node in answer["nodes"]] == ["leave-1", "enter-2"]
    assert answer["nodes"][0]["reasons"] == {"condition false: TI.underlying_ltp > 24330": 40, "node inactive": 21}


def test_a_node_that_never_had_a_turn_is_told_by_its_name(session: BacktestSession) -> None:
    sessions.publish(session, sessions.events_of(session))

    (node,) = ask(session, node="buy-2", to="09:16")["nodes"]

    assert (node["node_name"], node["node_type"]) == ("Buy back 2", "ExitNode")
    assert (node["ticks"], node["evaluated"], node["reasons"]) == (61, 0, {"node inactive": 61})


def test_a_running_session_is_explained_as_far_as_it_is_stored(session: BacktestSession) -> None:
    sessions.publish(session, sessions.events_of(session)[:101])

    answer = ask(session)

    assert 0 < answer["ticks"] < 101
    assert ask(session, **{"from": "09:15", "to": "15:30"}) == answer


def test_a_session_without_an_event_has_an_empty_answer(session: BacktestSession) -> None:
    answer = ask(session, **{"from": "09:15"})

    assert (answer["from"], answer["to"], answer["ticks"]) == (None, None, 0)
    assert {node["evaluated"] for node in answer["nodes"]} == {0}
    assert {(node["from"], node["to"]) for node in answer["nodes"]} == {(None, None)}


def test_only_the_blocks_of_the_range_are_read(session: BacktestSession) -> None:
    publish_in_blocks(session, of=5)
    question = read(session, from_="09:17", to="09:17:30")
    expected = explanations.explain_stored(session.pk, question)
    blocks = EventBlock.objects.filter(session=session)
    # The range is events 127 to 157, a few more or less; what lies before and after is made unreadable.
    unread = blocks.filter(last_event_id__lt=115) | blocks.filter(first_event_id__gt=170)

    assert unread.update(body=b"broken") > 40
    assert explanations.explain_stored(session.pk, question) == expected
    assert expected["ticks"] == 31


def test_a_range_longer_than_one_answer_covers_is_refused(
    session: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions.publish(session, sessions.events_of(session))
    monkeypatch.setattr(explanations, "MAX_TICKS", 200)

    response = Client().get(f"/api/sessions/{session.session_id}/explain/")

    assert response.status_code == 400
    assert "more than the 200 that one answer covers; give day, or from and to" in response.json()["from"]
    assert ask(session, **{"from": "09:18"})["ticks"] == 120


@pytest.mark.parametrize(
    ("query", "field", "said"),
    [
        ("node=nope", "node", "'nope' is no node of the strategy; it has start, enter-1,"),
        ("node=", "node", "'' is no node"),
        ("from=9", "from", "'9' is no time; write a time of day as 09:15"),
        ("from=25:00", "from", "'25:00' is no time"),
        ("from=%D9%A0%D9%A9:15", "from", "is no time"),
        ("to=2024-10-29T24:61", "to", "is no time"),
        ("to=%00", "to", "is no time"),
        ("to=" + "9" * 500, "to", "9...' is no time"),
        ("from=11:00&to=10:00", "from", "2024-10-29 11:00:00 lies after 2024-10-29 10:00:00; swap the two"),
        ("day=yesterday", "day", "'yesterday' is no date; write it as 2024-10-29"),
        ("day=2024-10-30", "day", "2024-10-30 is no day of the run, which covers 2024-10-29"),
        ("day=2024-10-29&to=2024-10-29T10:00", "to", "has a date of its own; leave out the day"),
        ("until=10:00", "until", "is not understood; give node, from, to or day"),
    ],
)
def test_a_bad_question_is_refused_with_a_sentence(session: BacktestSession, query: str, field: str, said: str) -> None:
    response = Client().get(f"/api/sessions/{session.session_id}/explain/?{query}")

    assert response.status_code == 400
    ((refused, sentence),) = response.json().items()
    assert refused == field
    assert said in sentence
    assert sentence.endswith(".")


def test_an_explanation_that_somebody_may_not_see_does_not_exist(session: BacktestSession, settings: Settings) -> None:
    settings.PUBLIC_VIEWING = False

    assert Client().get(f"/api/sessions/{session.session_id}/explain/").status_code == 404
    assert Client().get("/api/sessions/no-such/explain/").status_code == 404


def two_days(folder: Path) -> DataSet:
    """Store the rising market twice, on days with another in between."""
    first = sessions.write_ticks(folder / "uploads" / "data_sets" / "two.csv").read_text()
    rows = first.partition("\n")[2].replace("2024-10-29 ", "2024-10-31 ")
    path = Path(django_settings.DATA_DIR) / "uploads" / "data_sets" / "two.csv"
    path.write_text(first + rows)
    data_set = DataSet(slug="two", name="Two days", kind=DataSet.Kind.FILES, ticks_file="data_sets/two.csv")
    actions.describe_data_set(data_set, actions.load_files(ticks=path, warmup=None))
    data_set.save()
    return data_set


def test_a_session_of_several_days_needs_the_day_of_a_time(
    transactional_db: None, data_folder: Path, settings: Settings
) -> None:
    settings.PUBLIC_VIEWING = True
    session = actions.queue_session(version=sessions.create_version(), data_set=two_days(data_folder))
    sessions.publish(session, sessions.events_of(session))
    refused = Client().get(f"/api/sessions/{session.session_id}/explain/", {"from": "09:16"})

    answers = [
        ask(session, **{"from": "2024-10-31 09:16", "to": "2024-10-31T09:17:00+05:30"}),
        ask(session, **{"day": "2024-10-31", "from": "09:16", "to": "09:17"}),
        ask(session, **{"from": "2024-10-31T03:46:00Z", "to": "2024-10-31T03:47:00Z"}),
    ]

    assert refused.status_code == 400
    assert "the run covers 2024-10-29 to 2024-10-31; give the day too" in refused.json()["from"]
    assert answers[0] == answers[1] == answers[2]
    question = read(session, from_="09:16", to="09:17", day="2024-10-31")
    assert answers[0] == why_not.completed(rerun(session, question), why_not.names_in(session.strategy_version.graph))
    assert (answers[0]["ticks"], answers[0]["from"]) == (61, "2024-10-31 09:16:00+05:30")
    assert ask(session, day="2024-10-29")["ticks"] == ask(session, day="2024-10-31")["ticks"] == 300
    assert ask(session, day="2024-10-30")["ticks"] == 0
    assert ask(session)["ticks"] == 600
    # An address that was not quoted has a space for the plus sign.
    spaced = Client().get(
        f"/api/sessions/{session.session_id}/explain/?from=2024-10-31T09:16:00+05:30&to=2024-10-31T09:17:00+05:30"
    )
    assert spaced.json() == answers[0]


@pytest.mark.slow
def test_the_sample_day_is_explained_as_by_a_rerun(transactional_db: None, data_folder: Path) -> None:
    version = actions.create_strategy(slug="sample", name="Sample", document=samples.sample_strategy())
    data_set = DataSet.objects.create(
        slug="sample", name="Sample day", kind=DataSet.Kind.SAMPLE, seed=20241029,
        first_date=date(2024, 10, 29), last_date=date(2024, 10, 29),
    )  # fmt: skip
    session = actions.queue_session(version=version, data_set=data_set)
    sessions.publish(session, sessions.events_of(session))

    for question in (read(session), read(session, "put-stop", from_="10:00", to="11:00:30")):
        answer = explanations.explain_stored(session.pk, question)

        assert answer == rerun(session, question)
        assert answer["ticks"] > 3_500
