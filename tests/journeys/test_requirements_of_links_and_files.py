"""
What is taken away from a session's page: a link to what it shows, and files.

Each test is named after the requirement of the monitor that it proves.
"""

import hashlib
import io
import json
import re
import zipfile

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys import looking
from tests.journeys.looking import PATIENCE
from tests.journeys.running_site import RunningSite

pytestmark = pytest.mark.browser


def test_requirement_27_a_link_opens_the_same_view_elsewhere_and_back_goes_back(
    desk: Page, site: RunningSite, browser: Browser
) -> None:
    looking.open_finished(
        desk, f"{site.url}{site.finished}?t=5532&node=call-signal&range=5000-6000&tab=events&tf=1m&q=stop"
    )
    elsewhere = browser.new_context(timezone_id="America/New_York")
    page = elsewhere.new_page()

    desk.context.grant_permissions(["clipboard-read", "clipboard-write"])
    desk.get_by_role("button", name="Copy link").click()
    expect(desk.locator("#copy-link-words")).to_have_text("Copied")
    link = desk.evaluate("navigator.clipboard.readText()")
    assert link == desk.url
    looking.open_finished(page, link)

    parts = [
        "#scrub-tick",
        "#why-sentence",
        "#range-words",
        "#figure-total",
        "#node-events tbody",
        "#node-events .count",
    ]
    for part in parts:
        expect(page.locator(part)).to_have_text(desk.locator(part).inner_text(), use_inner_text=True, timeout=PATIENCE)
    expect(page.locator("#node-events .count")).to_have_text(re.compile(r"^showing \d of \d+ \(“stop”\)$"))
    expect(page.locator("#session")).to_have_attribute("data-tab", "events")
    expect(page.locator("button[data-timeframe='1m']")).to_have_attribute("aria-pressed", "true")
    page.locator(".graph-node[data-node-id=put-stop]").click()
    expect(page.locator("#why-node")).to_have_value("put-stop")
    page.go_back()
    expect(page.locator("#why-node")).to_have_value("call-signal")
    elsewhere.close()


def test_requirement_28_files_are_those_of_the_interface_to_the_byte(desk: Page, site: RunningSite) -> None:
    looking.open_finished(desk, f"{site.url}{site.finished}")
    desk.get_by_text("Export", exact=True).click()
    files = {}
    for label, name in (
        ("Trades, CSV", "trades.csv"),
        ("Events, CSV", "events.csv"),
        ("Events, JSON lines", "events.jsonl"),
        ("Everything, ZIP", "bundle.zip"),
    ):
        with desk.expect_download(timeout=PATIENCE) as downloading:
            desk.get_by_role("link", name=label).click()
        assert downloading.value.suggested_filename == f"{site.finished_id}-{name}"
        files[name] = downloading.value.path().read_bytes()
        served = httpx.get(f"{site.url}/api/sessions/{site.finished_id}/export/{name}", timeout=120).content
        assert hashlib.sha256(files[name]).digest() == hashlib.sha256(served).digest(), name

    columns = files["trades.csv"].decode().splitlines()[0].split(",")
    assert {"entry_reason", "exit_reason", "mfe", "mae"} <= set(columns)
    bundle = zipfile.ZipFile(io.BytesIO(files["bundle.zip"]))
    manifest = json.loads(bundle.read("manifest.json"))
    assert manifest["session_id"] == site.finished_id
    assert set(manifest["files"]) == {*bundle.namelist()} - {"manifest.json"}
    for name, told in manifest["files"].items():
        content = bundle.read(name)
        assert (told["sha256"], told["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content)), name
        assert content == files.get(name, content), name


def test_requirement_28_the_charts_are_a_picture_that_is_named_after_the_session(desk: Page, site: RunningSite) -> None:
    looking.open_finished(desk, f"{site.url}{site.finished}")
    desk.get_by_text("Export", exact=True).click()

    with desk.expect_download() as downloading:
        desk.get_by_role("button", name="Charts, PNG").click()

    assert downloading.value.suggested_filename == f"{site.finished_id}-charts.png"
    picture = downloading.value.path().read_bytes()
    assert picture.startswith(b"\x89PNG\r\n")
    assert len(picture) > 20_000
