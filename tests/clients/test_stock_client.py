"""django-eventstream's own client follows a session in Chromium, unchanged."""

import pytest
from playwright.sync_api import Page

from strategies.models import BacktestSession
from tests import sessions

LAST = 312


@pytest.mark.browser
def test_the_packages_own_client_follows_a_session_in_chromium(
    page: Page, asgi_server: str, session: BacktestSession
) -> None:
    """Its ReconnectingEventSource, served from the package's static files."""
    events = sessions.events_of(session)
    sessions.publish(session, events[:50])
    name = session.session_id
    page.goto(f"{asgi_server}/accounts/login/")
    page.add_script_tag(url="/static/django_eventstream/reconnecting-eventsource.js")
    # Promises rather than Playwright's own waiting, which the page's content policy forbids.
    page.evaluate(
        """([url, cursor]) => {
            const source = new ReconnectingEventSource(url, { lastEventId: cursor })
            const ids = []
            window.heard = new Promise((resolve) => {
                for (const kind of ["tick_update", "node_event", "trade_update", "backtest_complete"]) {
                    source.addEventListener(kind, (event) => {
                        ids.push(JSON.parse(event.data).event_id)
                        if (kind === "backtest_complete") {
                            source.close()
                            resolve(ids)
                        }
                    })
                }
            })
            return new Promise((resolve) => source.addEventListener("stream-open", () => resolve(null)))
        }""",
        [f"/events/{name}/", f"{name}:40"],
    )

    sessions.publish(session, events)

    assert page.evaluate("window.heard") == list(range(41, LAST + 1))
