"""What pip says becomes one sentence with the way out, and the stamp follows the requirements."""

import subprocess
from pathlib import Path

import pytest

from backtest_site import virtual_environment
from backtest_site.refusals import Refusal

NO_NETWORK = [
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...): Failed to establish a new "
    "connection: [Errno -3] Temporary failure in name resolution'",
    "ERROR: Could not find a version that satisfies the requirement Django==5.2.19 (from versions: none)",
    "ERROR: No matching distribution found for Django==5.2.19",
]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (NO_NETWORK, "the package index cannot be reached. Connect to a network"),
        (
            ["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"],
            "the disk is full",
        ),
        (["SSLError(SSLCertVerificationError: CERTIFICATE_VERIFY_FAILED)"], "Set PIP_CERT"),
        (["ERROR: No matching distribution found for uvloop==9"], "has no uvloop==9 for Python 3."),
        (NO_NETWORK[1:], "the package index cannot be reached"),
        (["Downloading Django-5.2.19.whl", *NO_NETWORK[1:]], "has no Django==5.2.19 for Python 3."),
        (["ERROR: something odd."], "something odd."),
        ([], "it gave no reason."),
    ],
)
def test_a_failed_installation_is_one_sentence_with_its_cause(lines: list[str], words: str) -> None:
    explanation = virtual_environment.explain_pip_failure(lines)

    assert words in explanation
    assert "\n" not in explanation


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project that needs one package, and no index to get it from."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    (tmp_path / "requirements.txt").write_text("# nothing but the wheel beside this file\ntiny==1.0\n")
    return tmp_path


def build_wheel(folder: Path, version: str) -> None:
    """Write the smallest wheel that pip installs."""
    import zipfile

    info = f"tiny-{version}.dist-info"
    with zipfile.ZipFile(folder / f"tiny-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", f"version = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def installed_version(project: Path) -> str:
    python = virtual_environment.python_of(project)
    command = [str(python), "-c", "import tiny; print(tiny.version)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
def test_the_environment_follows_the_requirements(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build_wheel(project, "1.0")
    virtual_environment.ensure(project, "requirements.txt")
    first = (installed_version(project), capsys.readouterr().out)

    virtual_environment.ensure(project, "requirements.txt")
    second = (installed_version(project), capsys.readouterr().out)

    build_wheel(project, "1.1")
    (project / "requirements.txt").write_text("tiny==1.1\n")
    virtual_environment.ensure(project, "requirements.txt")

    assert first[0] == "1.0"
    assert "1 of 1: tiny 1.0" in first[1]
    assert second == ("1.0", "")
    assert installed_version(project) == "1.1"


@pytest.mark.slow
def test_a_failed_installation_is_tried_again_by_the_next_start(project: Path) -> None:
    with pytest.raises(Refusal, match="the package index cannot be reached"):
        virtual_environment.ensure(project, "requirements.txt")

    build_wheel(project, "1.0")
    virtual_environment.ensure(project, "requirements.txt")

    assert installed_version(project) == "1.0"


def test_a_disk_without_room_is_told_before_anything_is_installed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_environment, "_NEEDED_BYTES", 10**18)

    with pytest.raises(Refusal, match="free some space and start again"):
        virtual_environment.ensure(project, "requirements.txt")

    assert not (project / ".venv").exists()
