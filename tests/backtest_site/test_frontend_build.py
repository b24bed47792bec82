"""The pages' scripts are built once for the same sources, and a failure is one sentence."""

import json
from pathlib import Path

import pytest

from backtest_site import frontend_build
from backtest_site.refusals import Refusal


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project whose frontend counts how often it is built and needs no package."""
    folder = tmp_path / "frontend"
    folder.mkdir()
    (tmp_path / "clients" / "typescript").mkdir(parents=True)
    script = "const f = require('fs'); f.mkdirSync('dist', {recursive: true}); f.appendFileSync('dist/built', 'x')"
    (folder / "build.cjs").write_text(script)
    package = {"name": "tiny", "version": "1.0.0", "scripts": {"build": "node build.cjs"}}
    (folder / "package.json").write_text(json.dumps(package))
    lock = {"name": "tiny", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": package}}
    (folder / "package-lock.json").write_text(json.dumps(lock))
    return tmp_path


def times_built(project: Path) -> int:
    return len((project / "frontend" / "dist" / "built").read_text())


@pytest.mark.slow
def test_the_same_sources_are_built_once(project: Path) -> None:
    frontend_build.ensure_built(project)
    frontend_build.ensure_built(project)

    assert times_built(project) == 1


@pytest.mark.slow
def test_changed_sources_are_built_again_the_clients_too(project: Path) -> None:
    frontend_build.ensure_built(project)
    (project / "clients" / "typescript" / "index.ts").write_text("export {}\n")

    frontend_build.ensure_built(project)

    assert times_built(project) == 2


@pytest.mark.slow
def test_a_failing_build_is_told_and_tried_again(project: Path) -> None:
    (project / "frontend" / "build.cjs").write_text("throw new Error('no semicolon')")

    for _ in range(2):
        with pytest.raises(Refusal, match="'npm run build' failed"):
            frontend_build.ensure_built(project)


@pytest.mark.slow
def test_without_a_registry_the_build_is_one_sentence(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock_file = project / "frontend" / "package-lock.json"
    lock = json.loads(lock_file.read_text())
    nowhere = "http://127.0.0.1:9/uplot/-/uplot-1.6.32.tgz"
    lock["packages"]["node_modules/uplot"] = {"version": "1.6.32", "resolved": nowhere}
    lock["packages"][""]["dependencies"] = {"uplot": "1.6.32"}
    lock_file.write_text(json.dumps(lock))
    package_file = project / "frontend" / "package.json"
    package_file.write_text(json.dumps(json.loads(package_file.read_text()) | {"dependencies": {"uplot": "1.6.32"}}))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_cache", str(project / "empty"))

    with pytest.raises(Refusal, match="the npm registry cannot be reached"):
        frontend_build.ensure_built(project)


@pytest.mark.parametrize("code", ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT"])
def test_an_unreachable_registry_is_told(code: str) -> None:
    explanation = frontend_build.explain_npm_failure(
        f"npm error code {code}\nnpm error network request failed", task="ci"
    )

    assert "the npm registry cannot be reached" in explanation
    assert "npm_config_registry" in explanation


def test_a_full_disk_is_told() -> None:
    explanation = frontend_build.explain_npm_failure("npm error code ENOSPC", task="ci")

    assert "the disk is full" in explanation
