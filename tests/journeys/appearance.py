"""
Pictures of a page: read as pixels, seen as other eyes see them, and laid on a sheet for people to look at.

Nothing is compared with a picture of another machine or another day: fonts and rasterisers differ. A test compares
pictures of one run with each other, or computes on their pixels.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, Locator, Page

from tests.journeys.running_site import ROOT

Pixels = NDArray[np.uint8]

#: Where sheets are left; not under version control.
FOLDER: Final = ROOT / "test-results" / "pictures"
#: The deficiencies that Chromium simulates.
COLOUR_BLINDNESS: Final = ("protanopia", "deuteranopia", "tritanopia", "achromatopsia")
#: Decodes a picture and gives its pixels as RGBA, four bytes each.
_DECODE: Final = """async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }))
    const { width, height } = bitmap
    const context = new OffscreenCanvas(width, height).getContext('2d')
    context.drawImage(bitmap, 0, 0)
    const { data } = context.getImageData(0, 0, width, height)
    let text = ''
    for (let at = 0; at < data.length; at += 32768) text += String.fromCharCode(...data.subarray(at, at + 32768))
    return { width, height, data: btoa(text) } }"""


def pixels(page: Page, png: bytes) -> Pixels:
    """Decode a picture, shape (height, width, 3), with the browser's own decoder."""
    found = page.evaluate(_DECODE, base64.b64encode(png).decode())
    flat = np.frombuffer(base64.b64decode(found["data"]), np.uint8)
    return flat.reshape(found["height"], found["width"], 4)[:, :, :3]


def luminance(colours: NDArray[Any]) -> NDArray[np.float64]:
    """
    Return relative luminance, 0 to 1, of sRGB colours of 0 to 255 on the last axis.

    Source:
        WCAG 2.2, definition of relative luminance.
    """
    share = np.asarray(colours, np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.2126, 0.7152, 0.0722]))


def contrast(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the contrast ratio of two sRGB colours, 1 to 21. WCAG 2.2, definition of contrast ratio."""
    dark, light = sorted(float(luminance(colour)) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def ground(picture: Pixels) -> Pixels:
    """Return the commonest colour."""
    colours, counts = _colours(picture)
    return np.asarray(colours[counts.argmax()], np.uint8)


def ink_contrast(picture: Pixels) -> float:
    """Return the contrast of what is drawn, where it is strongest, with the commonest colour about it."""
    colours, counts = _colours(picture)
    light, behind = luminance(colours), float(luminance(colours[counts.argmax()]))
    return float(((np.maximum(light, behind) + 0.05) / (np.minimum(light, behind) + 0.05)).max())


def shape(picture: Pixels) -> NDArray[np.bool_]:
    """Return where something is drawn, whatever its colour: pixels that stand off the ground by a contrast of 1.5."""
    light, behind = luminance(picture), float(luminance(ground(picture)))
    ratio = (np.maximum(light, behind) + 0.05) / (np.minimum(light, behind) + 0.05)
    return np.asarray(ratio >= 1.5)


def difference(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return how much two shapes differ: pixels of only one of them, as a share of those of either."""
    height, width = (max(sizes) for sizes in zip(one.shape, other.shape, strict=True))
    first, second = (np.zeros((height, width), bool) for _ in range(2))
    first[: one.shape[0], : one.shape[1]] = one
    second[: other.shape[0], : other.shape[1]] = other
    either = int((first | second).sum())
    return float((first ^ second).sum() / either) if either else 0.0


@contextmanager
def seen_with(page: Page, deficiency: str) -> Iterator[None]:
    """Have the browser paint a page as eyes with a deficiency see it: "protanopia", "achromatopsia" and so on."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Emulation.setEmulatedVisionDeficiency", {"type": deficiency})
    try:
        yield
    finally:
        devtools.send("Emulation.setEmulatedVisionDeficiency", {"type": "none"})
        devtools.detach()


def take(place: Locator | Page) -> bytes:
    """Take a picture in which nothing moves."""
    return place.screenshot(animations="disabled", caret="hide")


class Sheet:
    """Pictures beside each other with a line of words under each."""

    def __init__(self, name: str, *, columns: int = 3) -> None:
        self._name = name
        self._columns = columns
        self._pictures: list[tuple[str, bytes]] = []

    def add(self, words: str, png: bytes) -> None:
        """Add a picture."""
        self._pictures.append((words, png))

    def write(self, browser: Browser) -> None:
        """Write the sheet as one PNG, for people: no test reads it."""
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        figures = "".join(
            f'<figure><img src="data:image/png;base64,{base64.b64encode(png).decode()}">'
            f"<figcaption>{escape(words)}</figcaption></figure>"
            for words, png in self._pictures
        )
        style = (
            "body{font:14px sans-serif;margin:16px;background:#ddd}figure{margin:0}img{max-width:100%;display:block}"
            f"main{{display:grid;grid-template-columns:repeat({self._columns},1fr);gap:16px;align-items:start}}"
        )
        page.set_content(f"<style>{style}</style><h1>{escape(self._name)}</h1><main>{figures}</main>")
        FOLDER.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=FOLDER / f"{self._name}.png", full_page=True)
        page.close()


def _colours(picture: Pixels) -> tuple[Pixels, NDArray[np.intp]]:
    """Return each colour once, and how many pixels have it."""
    # One number a pixel: to sort rows of three takes ten times as long.
    packed = picture.astype(np.uint32) @ np.array([65_536, 256, 1], np.uint32)
    found, counts = np.unique(packed, return_counts=True)
    return np.stack([found >> 16, found >> 8 & 255, found & 255], axis=-1).astype(np.uint8), counts
