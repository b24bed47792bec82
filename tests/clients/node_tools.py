"""Node for tests: programs of the TypeScript client's own installation, started and ended in one call."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from backtest_site.frontend_build import Node

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients" / "typescript"
_MODULES = CLIENT / "node_modules"


@contextmanager
def alone() -> Iterator[None]:
    """Keep other processes of the tests out: npm empties and fills folders of the client, to install and to pack it."""
    with (CLIENT / "package-lock.json").open("rb") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True)
class NodeTools:
    """Runs Node, npm and the programs that the client's package.json names."""

    node: Node

    def install(self) -> None:
        """Install exactly what the client's lock file names, unless that is there."""
        stamp = _MODULES / ".installed-lock"
        with alone():
            wanted = sha256((CLIENT / "package-lock.json").read_bytes()).hexdigest()
            if stamp.is_file() and stamp.read_text() == wanted:
                return
            self.npm("ci", "--no-audit", "--no-fund", cwd=CLIENT)
            stamp.write_text(wanted)

    def npm(self, *words: str, cwd: Path) -> str:
        """Run npm and return what it prints."""
        return self._run([*self.node.npm, *words], cwd=cwd)

    def program(self, name: str, *words: str, cwd: Path) -> str:
        """Run a program of the client's packages, such as tsc or vite, and return what it prints."""
        return self._run([str(_MODULES / ".bin" / name), *words], cwd=cwd)

    def script(self, *words: str, cwd: Path) -> str:
        """Run Node itself and return what it prints."""
        return self._run([str(self.node.folder / "node"), *words], cwd=cwd)

    def start_script(self, *words: str, cwd: Path) -> subprocess.Popen[str]:
        """Start Node itself; the caller waits for it, or ends it."""
        command = [str(self.node.folder / "node"), *words]
        return subprocess.Popen(
            command, cwd=cwd, env=self._environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def _run(self, command: Sequence[str], *, cwd: Path) -> str:
        outcome = subprocess.run(
            command,
            cwd=cwd,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        said = f"{' '.join(command)} failed:\n{outcome.stdout[-8000:]}\n{outcome.stderr[-4000:]}"
        assert outcome.returncode == 0, said
        return outcome.stdout

    def _environment(self) -> dict[str, str]:
        path = f"{self.node.folder}{os.pathsep}{os.environ.get('PATH', '')}"
        return {**os.environ, "PATH": path, "CI": "true", "NO_COLOR": "1"}
