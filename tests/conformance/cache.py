"""Environments of clients, each of its own, in a folder outside the checkout. Knows no client.

An environment is made once for its list of packages, from PyPI or npm by their ordinary clients.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

INSTALL_S = 900


class Unavailable(Exception):  # noqa: N818 - a reason to skip, not a fault
    """What is needed is not here, in one sentence."""


def folder() -> Path:
    """Where environments are kept."""
    given = os.environ.get("STILLHOUSE_CONFORMANCE_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "stillhouse-conformance"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What a client needs: packages of one registry. The first is what is tested."""

    packages: tuple[str, ...]
    node: bool = False
    _made: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def place(self) -> Path:
        """Its folder."""
        mark = hashlib.sha256("\n".join(self.packages).encode()).hexdigest()[:10]
        name = "".join(c if c.isalnum() else "-" for c in self.packages[0]).strip("-")
        return folder() / f"{'npm' if self.node else 'pip'}-{name}-{mark}"

    def ready(self) -> None:
        """Make it, if it is not there. Raises `Unavailable`."""
        done = self.place / ".ready"
        if done.exists():
            return
        self.place.mkdir(parents=True, exist_ok=True)
        if self.node:
            (self.place / "package.json").write_text('{"private": true, "type": "module"}')
            told = ["npm", "install", "--silent", "--no-audit", "--no-fund", *self.packages]
        else:
            _told([sys.executable, "-m", "venv", str(self.place)], self.place)
            told = [str(self.python), "-m", "pip", "install", "--quiet", *self.packages]
        _told(told, self.place)
        done.touch()

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.place / "bin" / "python"

    def command(self, program: Path) -> list[str]:
        """Give what runs a program in it."""
        own = self.place / "node_modules" / "node" / "bin" / "node"
        node = str(own) if own.exists() else "node"
        return [node if self.node else str(self.python), str(program)]

    def version(self, package: str) -> str:
        """Say which version of a package stands in it."""
        if self.node:
            manifest = self.place / "node_modules" / package / "package.json"
            return str(json.loads(manifest.read_text())["version"])
        asks = f"from importlib.metadata import version; print(version({package!r}))"
        found = subprocess.run(
            [str(self.python), "-c", asks], capture_output=True, text=True, timeout=60, check=True
        )
        return found.stdout.strip()


def _told(command: list[str], place: Path) -> None:
    try:
        subprocess.run(
            command, cwd=place, timeout=INSTALL_S, check=True, capture_output=True, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        raise Unavailable(f"{command[0]} is not installed.") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr or error.stdout).decode(errors="replace").strip().splitlines()[-1:]
        raise Unavailable(f"{' '.join(command[-3:])} failed: {' '.join(last)[:200]}") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{' '.join(command[-3:])} took longer than {INSTALL_S} s.") from error
