"""
Scripts, styles and pictures: their names, and how they are served.

`collectstatic` copies them to STATIC_ROOT under names that hold a hash of their content, so a browser may keep them for
ever. Before that (tests, development), and where the frontend could not be built, a plain name is used and pages still
render. A few hundred small files: read into memory once, compressed once, served without a second server in front.
"""

import functools
import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.exceptions import SuspiciousFileOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils._os import safe_join
from django.views.decorators.http import require_safe

#: What Django puts before the suffix when it collects: such a file never changes.
_HASHED_BY_DJANGO = re.compile(r"\.[0-9a-f]{12}\.\w+$")
_COMPRESSIBLE = ("text/", "application/javascript", "application/json", "image/svg+xml")
#: Below this many bytes compression wins nothing.
_SMALL = 500


class BuiltFilesStorage(ManifestStaticFilesStorage):
    """Hashed names where files have been collected, plain names where not."""

    # Vite's chunks import each other by name; without this only the entry file's name would be hashed.
    support_js_module_import_aggregation = True
    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """Return the name under which a file is served."""
        # A missing file is a missing script, not a page that fails: ./run has told why it could not be built.
        return super().stored_name(name) if self.hash_key(self.clean_name(name)) in self.hashed_files else name


@dataclass(frozen=True, slots=True)
class _File:
    """One file as it is sent."""

    body: bytes
    #: None where it is not worth it.
    gzipped: bytes | None
    content_type: str
    etag: str


@require_safe
def serve(request: HttpRequest, name: str) -> HttpResponse:
    """Serve one file by its name under STATIC_URL."""
    path = _find(name)
    if path is None:
        raise Http404(f"no static file {name!r}")
    changed_ns = path.stat().st_mtime_ns
    file = _read(path, changed_ns)
    if request.headers.get("If-None-Match") == file.etag:
        response: HttpResponse = HttpResponseNotModified()
    elif file.gzipped is not None and _accepts_gzip(request):
        response = HttpResponse(file.gzipped, content_type=file.content_type)
        response.headers["Content-Encoding"] = "gzip"
    else:
        response = HttpResponse(file.body, content_type=file.content_type)
    is_for_ever = _HASHED_BY_DJANGO.search(name) is not None
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if is_for_ever else "no-cache"
    response.headers["ETag"] = file.etag
    response.headers["Vary"] = "Accept-Encoding"
    return response


def _find(name: str) -> Path | None:
    """Find a file among the collected ones, then among the sources."""
    try:
        collected = Path(safe_join(str(settings.STATIC_ROOT), name))
    except (SuspiciousFileOperation, ValueError):
        return None
    if collected.is_file():
        return collected
    try:
        found = finders.find(name)
    except SuspiciousFileOperation:
        return None
    return Path(found) if isinstance(found, str) and Path(found).is_file() else None


@functools.lru_cache(maxsize=500)
def _read(path: Path, changed_ns: int) -> _File:
    body = path.read_bytes()
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    is_text = content_type.startswith(_COMPRESSIBLE)
    gzipped = gzip.compress(body, mtime=0) if is_text and len(body) > _SMALL else None
    return _File(
        body=body,
        gzipped=gzipped,
        content_type=f"{content_type}; charset=utf-8" if is_text else content_type,
        etag=f'"{hashlib.sha256(body).hexdigest()[:16]}"',
    )


def _accepts_gzip(request: HttpRequest) -> bool:
    for part in request.headers.get("Accept-Encoding", "").lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";q=")
        if coding == "gzip":
            return weight == "" or re.fullmatch(r"0(\.0*)?", weight) is None
    return False
