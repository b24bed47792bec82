"""What the documentation promises of itself: its links lead somewhere, its pictures are those that a test takes."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from tests.architecture.test_repository import ROOT, tracked_files
from tests.journeys.pictures import PICTURES

_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *#*$", re.MULTILINE)


def pages() -> dict[str, str]:
    """Return the documentation's pages by name, without what stands in them as code."""
    names = [name for name in tracked_files() if name.endswith(".md")]
    return {name: _CODE.sub("", _FENCE.sub("", (ROOT / name).read_text())) for name in names}


def links() -> list[tuple[str, str]]:
    """Return every link inside the repository: the page and what it names."""
    found = [(name, target) for name, text in pages().items() for target in _LINK.findall(text)]
    return [(name, target) for name, target in found if not re.match(r"[a-z]+:", target)]


@cache
def anchors_of(page: Path) -> frozenset[str]:
    """Return what can be linked to in a page: its headings, as code hosts spell them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text()))
    words = [re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)).lower() for heading in headings]
    return frozenset(word.strip().replace(" ", "-") for word in words)


def is_dead(page: str, target: str) -> bool:
    path, _, anchor = unquote(target).partition("#")
    file = (ROOT / page).parent / path if path else ROOT / page
    if not file.exists() or not file.resolve().is_relative_to(ROOT):
        return True
    return bool(anchor) and (not file.is_file() or anchor not in anchors_of(file))


def test_every_link_inside_the_documentation_leads_somewhere() -> None:
    found = links()

    assert len(found) > 60
    assert [f"{page}: {target}" for page, target in found if is_dead(page, target)] == []


def test_a_link_to_a_missing_file_or_heading_is_found_dead() -> None:
    assert not is_dead("README.md", "docs/README.md")
    assert not is_dead("README.md", "CONTRIBUTING.md#the-database-while-working")
    assert is_dead("README.md", "docs/no-such-page.md")
    assert is_dead("README.md", "CONTRIBUTING.md#no-such-heading")
    assert is_dead("docs/README.md", "docs/README.md")


def test_the_documentation_shows_every_picture_that_a_test_takes_and_no_other() -> None:
    kept = {name.removeprefix("docs/images/") for name in tracked_files() if name.startswith("docs/images/")}
    shown = {Path(target).name for _, target in links() if target.endswith(".png")}

    assert kept == set(PICTURES)
    assert shown == set(PICTURES)


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set[str](), ["README.md"]
    by_page: dict[str, list[str]] = {}
    for page, target in links():
        by_page.setdefault(page, []).append(target.partition("#")[0])
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in filter(None, by_page.get(page, [])):
            place = ((ROOT / page).parent / target).resolve()
            if place.is_dir():
                waiting += [str(file.relative_to(ROOT)) for file in place.glob("*.md")]
            elif place.suffix == ".md" and place.exists():
                waiting.append(str(place.relative_to(ROOT)))

    documentation = {name for name in tracked_files() if name.startswith("docs/") and name.endswith(".md")}
    assert documentation - reached == set()
