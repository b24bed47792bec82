"""The embedded Postgres where root starts it: run by another account, which must reach programs and data."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from backtest_site import embedded_postgres, postgres_binaries


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a folder that takes the place of the machine's /var/lib/backtest-site."""
    folder = Path(tempfile.mkdtemp(prefix="pgs-", dir="/tmp"))
    monkeypatch.setattr(postgres_binaries, "SHARED_STATE", folder)
    yield folder
    shutil.rmtree(folder)


def test_the_data_lie_where_the_servers_account_can_reach_them(shared: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    url = embedded_postgres.ensure(closed / "pg", is_durable=False)
    is_answered = _answers(url)
    embedded_postgres.stop(closed / "pg")

    assert is_answered
    assert str(shared) in url


def test_the_data_are_found_again_after_the_folder_was_opened(shared: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    first = embedded_postgres.ensure(closed / "pg", is_durable=False)
    embedded_postgres.stop(closed / "pg")

    for folder in (closed, *closed.parents[:2]):
        folder.chmod(0o755)

    assert embedded_postgres.url(closed / "pg") == first


def test_programs_in_a_closed_folder_are_copied_out_for_the_servers_account(
    shared: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site_packages = tmp_path / "closed"
    real = postgres_binaries.bin_dir(for_other_account=False).parents[1]
    shutil.copytree(real, site_packages / "embedded_postgres")
    for part in real.parent.glob("embedded_postgres.libs"):
        shutil.copytree(part, site_packages / part.name)
    site_packages.chmod(0o700)
    monkeypatch.syspath_prepend(str(site_packages))

    folder = postgres_binaries.bin_dir(for_other_account=True)
    url = embedded_postgres.ensure(shared / "pg", is_durable=False)
    is_answered = _answers(url)
    embedded_postgres.stop(shared / "pg")

    assert folder.is_relative_to(shared)
    assert is_answered


def _answers(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)
