"""Scripts and styles: named by their content once collected, found without it, never anything else."""

import gzip
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import Client

from backtest_site import static_files


@pytest.fixture
def collected(settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of collected files, made from a small frontend with two scripts."""
    source = tmp_path / "source" / "monitor"
    source.mkdir(parents=True)
    (source / "chunk-a.js").write_text("export const answer = 42;\n" + "// a comment that is long\n" * 40)
    (source / "session.js").write_text('import { answer } from "./chunk-a.js";\nconsole.log(answer);\n')
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATICFILES_DIRS = [tmp_path / "source"]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    storage = static_files.BuiltFilesStorage()
    monkeypatch.setattr(staticfiles_storage, "_wrapped", storage)
    call_command("collectstatic", interactive=False, verbosity=0)
    return tmp_path / "static"


def test_collected_files_are_named_by_their_content_and_kept_for_ever(collected: Path, client: Client) -> None:
    url = staticfiles_storage.url("monitor/session.js")

    response = client.get(url)

    assert url != "/static/monitor/session.js"
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["Content-Type"].startswith("text/javascript")


def test_chunks_import_each_other_by_their_hashed_names(collected: Path, client: Client) -> None:
    body = client.get(staticfiles_storage.url("monitor/session.js")).content.decode()

    assert staticfiles_storage.url("monitor/chunk-a.js").rpartition("/")[2] in body


def test_a_large_text_is_sent_compressed_to_who_accepts_it(collected: Path, client: Client) -> None:
    url = staticfiles_storage.url("monitor/chunk-a.js")

    plain = client.get(url)
    packed = client.get(url, headers={"accept-encoding": "br, gzip;q=0.8"})
    refused = client.get(url, headers={"accept-encoding": "gzip;q=0"})

    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content == refused.content
    assert packed.headers["Vary"] == "Accept-Encoding"


def test_a_known_file_is_not_sent_again(collected: Path, client: Client) -> None:
    url = staticfiles_storage.url("monitor/chunk-a.js")
    etag = client.get(url).headers["ETag"]

    response = client.get(url, headers={"if-none-match": etag})

    assert (response.status_code, response.content) == (304, b"")


def test_a_missing_script_does_not_break_the_page_that_names_it(collected: Path) -> None:
    assert staticfiles_storage.url("monitor/not-built.js") == "/static/monitor/not-built.js"


def test_before_anything_is_collected_sources_are_served_under_their_own_names(client: Client) -> None:
    response = client.get("/static/admin/css/base.css")

    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "name", ["../settings.py", "..%2fsettings.py", "admin/../../settings.py", "/etc/hostname", "admin", "no"]
)
def test_nothing_outside_is_served(collected: Path, client: Client, name: str) -> None:
    (collected.parent / "settings.py").write_text("secret")

    assert client.get(f"/static/{name}").status_code == 404
