"""
The stream behind a GRIP proxy: real viewers, through a real Pushpin, of sessions that another process writes.

What comes through the proxy is what the rules S5 to S12 promise, frame for frame what comes directly.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import jwt
import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from streaming.sse_event_emitter import SSEEvent
from tests import sessions, viewers
from tests.streaming import proxied_site
from tests.streaming.proxied_site import Site, Watching

pytestmark = pytest.mark.slow

#: Enough for snapshots and replays, and not the end.
HEAD = 200
LAST = 312


@pytest.fixture
def session(transactional_db: None, data_folder: Path, settings: Settings) -> BacktestSession:
    """Return a queued session of a name of its own: the proxy remembers for a minute what it sent of another."""
    settings.PUBLIC_VIEWING = True
    return sessions.create_session(session_id=f"held-{secrets.token_hex(4)}")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Yield threads for viewers."""
    with ThreadPoolExecutor(16) as threads:
        yield threads


def _publish_unheard(settings: Settings, session: BacktestSession, events: Sequence[SSEEvent]) -> None:
    """Commit events of which the proxy never hears, as if they had been lost on the way."""
    url, settings.GRIP_URL = settings.GRIP_URL, None
    sessions.publish(session, events)
    settings.GRIP_URL = url


def test_a_viewer_from_before_the_first_event_gets_every_frame_and_the_end(
    site: Site, session: BacktestSession, events: Sequence[SSEEvent], pool: ThreadPoolExecutor
) -> None:
    """S5, S8, S11: and the same frames as a viewer past the proxy."""
    held = [Watching(pool, site.url, session).opened() for _ in range(3)]
    direct = Watching(pool, site.direct_url, session).opened()

    for end in (1, 2, 40, HEAD, len(events)):
        sessions.publish(session, events[:end])
    seen = [one.seen.result(30) for one in held]

    assert seen[0].ids == list(range(LAST + 1))
    assert all(one.frames == direct.seen.result(30).frames and one.was_ended for one in seen)
    assert {one.headers["X-Backtest-Stream"] for one in seen} == {"live; head=-1"}
    assert viewers.state_of(seen[0].frames) == viewers.state_after(events)


#: Cursor, query, mode, first event.
RESUMED = (
    (None, "", "snapshot", HEAD),
    ("nonsense", "", "snapshot", HEAD),
    (HEAD - 99, "", "replay", HEAD - 98),
    (HEAD - 100, "", "snapshot", HEAD),
    (HEAD, "", "live", HEAD + 1),
    (None, f"?last_event_id={HEAD - 3}", "replay", HEAD - 2),
    (HEAD - 1, "?last_event_id=7", "replay", HEAD),
)


def test_a_running_session_resumes_as_it_does_directly_and_goes_on_live(
    site: Site, session: BacktestSession, events: Sequence[SSEEvent], pool: ThreadPoolExecutor
) -> None:
    """S5, S6, S7, S8: by header and by query, the header first."""
    sessions.publish(session, events[: HEAD + 1])
    held, direct = (
        [Watching(pool, url, session, cursor=cursor, query=query).opened() for cursor, query, _, _ in RESUMED]
        for url in (site.url, site.direct_url)
    )

    sessions.publish(session, events[: HEAD + 51])
    sessions.publish(session, events)
    seen = [one.seen.result(30) for one in held]

    assert [one.headers["X-Backtest-Stream"] for one in seen] == [f"{mode}; head={HEAD}" for _, _, mode, _ in RESUMED]
    assert [one.ids for one in seen] == [list(range(first, LAST + 1)) for _, _, _, first in RESUMED]
    assert [one.frames for one in seen] == [one.seen.result(30).frames for one in direct]
    assert all(one.was_ended for one in seen)


def test_a_finished_session_is_told_to_its_end_and_closed(
    site: Site, session: BacktestSession, events: Sequence[SSEEvent]
) -> None:
    """S11: the rest or a snapshot, the last event, the end; 204 at the last id. S12: an unknown session is 404."""
    sessions.publish(session, events)

    for cursor, ids in ((None, [LAST - 1, LAST]), (LAST - 40, [*range(LAST - 39, LAST + 1)])):
        seen = viewers.read(site.url, session.session_id, cursor=cursor)
        assert (seen.ids, seen.was_ended) == (ids, True)
        assert seen.frames == viewers.read(site.direct_url, session.session_id, cursor=cursor).frames
    assert viewers.read(site.url, session.session_id, cursor=LAST).status == 204
    assert viewers.read(site.url, "no-such").status == 404


def test_what_was_lost_on_the_way_is_asked_for(
    site: Site, session: BacktestSession, events: Sequence[SSEEvent], settings: Settings, pool: ThreadPoolExecutor
) -> None:
    """S8, S9: by viewers who stand at different events, at the same time."""
    sessions.publish(session, events[:21])
    at_20 = Watching(pool, site.url, session, cursor=20).opened()
    _publish_unheard(settings, session, events[:31])
    at_30 = Watching(pool, site.url, session, cursor=30).opened()
    _publish_unheard(settings, session, events[:41])

    sessions.publish(session, events[:51])
    # More than the hundred for which a viewer that comes anew gets a snapshot: these never went away.
    _publish_unheard(settings, session, events[:HEAD])
    sessions.publish(session, events)

    for watching, first in ((at_20, 21), (at_30, 31)):
        assert watching.seen.result(30).ids == list(range(first, LAST + 1))
        assert watching.seen.result().was_ended


def test_a_silent_line_is_kept_alive_and_an_end_that_was_lost_is_found_out(
    site: Site, session: BacktestSession, events: Sequence[SSEEvent], settings: Settings, pool: ThreadPoolExecutor
) -> None:
    """S15: a comment after 15 s. S9: where no item will come that shows a hole, the proxy asks all the same."""
    sessions.publish(session, events[:1])
    watching = Watching(pool, site.url, session, cursor=0, within_seconds=45).opened()
    site.wait_until_asked(session)

    _publish_unheard(settings, session, events)

    seen = watching.seen.result(45)
    assert seen.raw.startswith(b"retry: ")
    assert b": still here\n" in seen.raw
    assert seen.ids == list(range(1, LAST + 1))
    assert seen.was_ended


def test_an_answer_may_be_long_and_hold_what_the_proxy_has_a_meaning_for(
    site: Site, session: BacktestSession, events: Sequence[SSEEvent], pool: ThreadPoolExecutor
) -> None:
    """S6, S17: more than the 100,000 bytes that Pushpin keeps of an answer, and per cent signs."""
    text = '%I %% %(backtest)s "\u2028\0\r\n' * 100
    for event in events[:-1]:
        event["data"] = {**event["data"], "note": text}
    sessions.publish(session, events[: HEAD + 1])
    watching = Watching(pool, site.url, session, cursor=HEAD - 99, until=lambda seen: len(seen.frames) >= 149).opened()

    sessions.publish(session, events[: HEAD + 51])

    seen = watching.seen.result(30)
    direct = viewers.read(
        site.direct_url, session.session_id, cursor=HEAD - 49, until=lambda seen: len(seen.frames) >= 99
    )
    assert len(seen.raw) > 300_000
    assert seen.ids == list(range(HEAD - 98, HEAD + 51))
    assert seen.frames[50:] == direct.frames


@pytest.fixture
def private_site(pushpin_programs: None, database_address: str, settings: Settings) -> Iterator[Site]:
    """Run a site where only owners and staff may look."""
    with proxied_site.started(database_address=database_address, PUBLIC_VIEWING="0") as site:
        settings.GRIP_URL = site.control_url
        yield site


def test_the_right_to_look_is_looked_at_again(
    private_site: Site, session: BacktestSession, events: Sequence[SSEEvent], pool: ThreadPoolExecutor
) -> None:
    """S12: a viewer of a busy session who is no staff any more, one who signs out, and one whom neither concerns."""
    sessions.publish(session, events[: HEAD + 1])
    cookies = [_signed_in(name) for name in ("demoted", "leaving", "staying")]
    demoted, leaving, staying = (
        Watching(pool, private_site.url, session, cursor=HEAD, cookies=jar).opened() for jar in cookies
    )

    User.objects.filter(username="demoted").update(is_staff=False)
    _sign_out(private_site, cookies[1])
    began, end = time.monotonic(), HEAD + 1
    while not (demoted.seen.done() and leaving.seen.done()):
        assert time.monotonic() - began < 10
        end = min(end + 1, LAST)
        sessions.publish(session, events[:end])
        time.sleep(0.1)

    sessions.publish(session, events)
    assert staying.seen.result(20).ids == list(range(HEAD + 1, LAST + 1))
    assert demoted.seen.result().was_ended
    assert leaving.seen.result().was_ended
    assert viewers.read(private_site.url, session.session_id).status == 404


def _signed_in(name: str) -> dict[str, str]:
    client = Client()
    client.force_login(User.objects.create_user(name, is_staff=True))
    return {"sessionid": client.cookies["sessionid"].value}


def _sign_out(site: Site, cookies: dict[str, str]) -> None:
    token = "a" * 32
    with httpx.Client(cookies={**cookies, "csrftoken": token}) as client:
        assert client.post(f"{site.url}/accounts/logout/", headers={"X-CSRFToken": token}).is_redirect


def test_who_cannot_sign_is_a_viewer_and_not_the_proxy(
    site: Site, session: BacktestSession, events: Sequence[SSEEvent]
) -> None:
    sessions.publish(session, events[: HEAD + 1])
    claim = {"iss": "pushpin", "exp": datetime.now(UTC) + timedelta(hours=1)}
    forged = jwt.encode(claim, "another key, which is long enough as well", algorithm="HS256")

    for signature in (forged, "no signature"):
        with viewers.connect(site.direct_url, session.session_id, headers={"Grip-Sig": signature}) as (response, _):
            assert not [name for name in response.headers if name.lower().startswith("grip-")]
            assert response.headers["Transfer-Encoding"] == "chunked"


def test_a_worker_process_publishes_what_it_commits(
    site: Site,
    session: BacktestSession,
    events: Sequence[SSEEvent],
    pool: ThreadPoolExecutor,
    start_worker_process: Callable[..., object],
) -> None:
    """S8, S13: for viewers from before the run, to its end."""
    held = [Watching(pool, site.url, session).opened() for _ in range(2)]

    start_worker_process()
    seen = [one.seen.result(60) for one in held]

    assert all(one.ids == list(range(LAST + 1)) and one.was_ended for one in seen)
    assert viewers.state_of(seen[0].frames) == viewers.state_after(events)
