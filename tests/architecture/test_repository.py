"""What the repository promises as a whole: contracts, places, pins, and nothing of anybody's own machine."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Every folder and file at the top, with what it is for. A new one gets its line here.
PLACES = {
    ".ci": "what the CI server calls",
    ".gitignore": "what a run writes",
    ".importlinter": "who may import whom",
    "CHANGELOG.md": "what changed for users",
    "CONTRIBUTING.md": "how to work on it",
    "LICENSE": "the terms",
    "README.md": "where to begin",
    "backtest_site": "starts the program",
    "benchmarks": "what was measured, and how",
    "clients": "published clients of the stream",
    "docs": "tutorials, guides, reference, explanations, decisions",
    "examples": "small programs that use it",
    "frontend": "the pages' scripts and styles",
    "manage.py": "Django's commands",
    "pyproject.toml": "the tools' settings",
    "requirements-dev.txt": "what ./test needs",
    "requirements.txt": "what the product runs on",
    "run": "starts it",
    "strategies": "computes sessions",
    "streaming": "tells sessions",
    "templates": "pages",
    "test": "checks it",
    "tests": "mirrors the source",
}
PACKAGES = ("backtest_site", "strategies", "streaming")


def tracked_files() -> list[str]:
    answer = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in answer.stdout.split("\0") if name and (ROOT / name).exists()]


def text_files() -> Iterator[tuple[str, str]]:
    for name in tracked_files():
        try:
            yield name, (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


#: What we compare ourselves with: installed by tests/oracles and benchmarks into environments of their own, never here.
PEERS = {"backtesting", "backtrader", "empyrical", "nautilus_trader", "sse_starlette", "vectorbt"}


def pins(file: str) -> dict[str, str]:
    """Return the packages that a requirements file pins, by their normal name."""
    lines = (ROOT / file).read_text().splitlines()
    wanted = [line.partition(";")[0].strip() for line in lines if line and not line.startswith(("#", "-r "))]
    found = {}
    for line in wanted:
        name, _, version = line.partition("==")
        found[normal(name)] = version
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_import_contracts_hold() -> None:
    answer = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert answer.returncode == 0, answer.stdout
    assert "0 broken" in answer.stdout


def test_every_contract_of_layers_inside_a_package_is_exhaustive() -> None:
    contracts = (ROOT / ".importlinter").read_text().split("[importlinter:contract:")[1:]
    inside = [contract for contract in contracts if "containers =" in contract]

    assert {package for package in PACKAGES for contract in inside if f"\n    {package}\n" in contract} == set(PACKAGES)
    assert all("exhaustive = True" in contract for contract in inside)


def test_everything_at_the_top_has_its_place() -> None:
    tops = {name.partition("/")[0] for name in tracked_files()}

    assert tops - PLACES.keys() == set()


def test_nothing_names_anybodys_own_machine() -> None:
    # Built from parts, so that this file does not name what it looks for.
    homes = "|".join(f"/{home}/" for home in ("home", "Users", "root"))
    places = re.compile(rf"(?:{homes})[\w.-]+|{re.escape(str(ROOT))}\b")

    assert [f"{name}: {match[0]}" for name, text in text_files() for match in places.finditer(text)] == []


def test_lock_files_name_no_registry() -> None:
    lock_files = [name for name in tracked_files() if name.endswith("package-lock.json")]

    hosts = {
        host for name in lock_files for host in re.findall(r'"resolved": "https?://([^/"]+)', (ROOT / name).read_text())
    }

    assert lock_files
    assert hosts == set()


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_to_one_version(file: str) -> None:
    versions = pins(file)

    assert versions
    assert [name for name, version in versions.items() if not re.fullmatch(r"\d+(\.\d+)*", version)] == []


def imported_packages(*folders: str) -> dict[str, str]:
    """Return the foreign packages that Python files import, each with one file that does."""
    found: dict[str, str] = {}
    for name in tracked_files():
        if not name.endswith(".py") or not name.startswith(folders):
            continue
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                modules = [node.module]
            for module in modules:
                top = module.partition(".")[0]
                if top not in sys.stdlib_module_names and top not in {*PACKAGES, "benchmarks", "examples", "tests"}:
                    found[top] = name
    return found


def unpinned(imported: dict[str, str], pinned: dict[str, str]) -> list[str]:
    owners = packages_distributions()
    return [
        f"{package} (in {file})"
        for package, file in sorted(imported.items())
        if not {normal(owner) for owner in owners.get(package, [])} & pinned.keys()
    ]


def test_what_the_product_imports_is_pinned() -> None:
    assert unpinned(imported_packages(*(f"{package}/" for package in PACKAGES)), pins("requirements.txt")) == []


def test_what_the_tests_import_is_pinned() -> None:
    everything = pins("requirements.txt") | pins("requirements-dev.txt")

    found = imported_packages("tests/", "benchmarks/", "examples/")

    assert unpinned({name: file for name, file in found.items() if name not in PEERS}, everything) == []


def test_every_direct_dependency_has_its_line_in_the_decisions() -> None:
    decisions = (ROOT / "docs/decisions/dependencies.md").read_text()
    direct: list[str] = []
    for file in ("requirements.txt", "requirements-dev.txt"):
        own_part = (ROOT / file).read_text().partition("# What those bring along.")[0]
        direct += [line.partition("==")[0] for line in own_part.splitlines() if "==" in line]

    assert direct
    assert [name for name in direct if f"`{name}`" not in decisions] == []


@pytest.mark.parametrize("command", ["run", "test", ".ci/run", "manage.py"])
def test_the_commands_can_be_called(command: str) -> None:
    assert (ROOT / command).stat().st_mode & 0o111


def test_the_readme_names_commands_that_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    commands = set(re.findall(r"(?:^|[\s`(])\./([a-z]\w*)", readme))

    assert {"run", "test"} <= commands
    assert [command for command in commands if not (ROOT / command).is_file()] == []


def test_shell_scripts_are_valid_in_the_shell_they_name() -> None:
    for script in ("run", "test", ".ci/run", "backtest_site/python.sh"):
        assert subprocess.run(["bash", "-n", script], cwd=ROOT, check=False).returncode == 0


def test_tests_are_no_packages() -> None:
    # tests/strategies/__init__.py would make pytest take that folder for the package of the same name.
    assert [name for name in tracked_files() if name.startswith("tests/") and name.endswith("/__init__.py")] == []
