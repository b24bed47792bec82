"""
The pictures of the documentation, taken of the real site: each is what its name says.

They are written to var/pictures; `PICTURES=docs/images` in the environment takes the documentation's own anew.
"""

import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.conftest import Complaints
from tests.journeys.pictures import PICTURES, Stage
from tests.journeys.running_site import ROOT, RunningSite

pytestmark = pytest.mark.browser

#: What no picture may show: that something is missing, waits or went wrong.
_FAULTS = ".notice, .transport-fault, .form-fault, .status:is([data-kind=offline], [data-kind=stale])"
_WAITING = re.compile(r"no data yet|no tick yet|loading|connecting|reading \d|cannot be", re.IGNORECASE)
#: Of every chart's canvas, how many colours without a shimmer of another stand on it.
_COLOURS = """() => {
    const all = [...document.querySelectorAll('.chart-canvas canvas')]
    return all.filter((canvas) => canvas.offsetParent !== null).map((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
        const seen = new Set()
        for (let at = 0; at < data.length; at += 4)
            if (data[at + 3] === 255) seen.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2])
        return seen.size }) }"""
#: Bytes. A page that is empty is smaller; what is larger makes the documentation slow.
_SIZES = range(25_000, 420_000)


@pytest.fixture(scope="module")
def stage(site: RunningSite) -> Iterator[Stage]:
    """Yield a site on which a session is live, one has failed and two have completed."""
    staged = site.stage()
    yield Stage(
        url=site.url,
        finished=site.finished,
        live=f"/sessions/{staged['live']}/",
        failed=f"/sessions/{staged['failed']}/",
        compare=f"/sessions/compare/?s={site.finished_id}&s={staged['other']}",
    )
    site.cancel(staged["live"])


@pytest.fixture(scope="module")
def folder() -> Path:
    """Return where pictures are written."""
    folder = ROOT / (os.environ.get("PICTURES") or "var/pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_shows_what_it_is_named_after(browser: Browser, stage: Stage, folder: Path, name: str) -> None:
    picture = PICTURES[name]
    context = browser.new_context(
        color_scheme=picture.theme,
        viewport={"width": picture.width, "height": picture.height},
        device_scale_factor=picture.scale,
        locale="en-GB",
    )
    page = context.new_page()
    found = Complaints()
    found.watch(page, server=stage.url)

    picture.go(page, stage)

    taken = page.screenshot(path=folder / name, caret="initial")
    assert _faults(page) == (["failure"] if name.startswith("failed") else [])
    assert _WAITING.search(page.inner_text("main")) is None
    assert min(page.evaluate(_COLOURS), default=9) > 3
    assert struct.unpack(">II", taken[16:24]) == (picture.width * picture.scale, picture.height * picture.scale)
    assert len(taken) in _SIZES
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert found == Complaints()
    context.close()


def _faults(page: Page) -> list[str]:
    """Name what of the faults' faces is in sight; the one that belongs to a failed session is called `failure`."""
    return [
        "failure" if "failure" in (node.get_attribute("class") or "").split() else node.inner_text()
        for node in page.locator(_FAULTS).filter(visible=True).all()
    ]
