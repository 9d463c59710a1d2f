"""Test suites of others, run in their own environments: every outcome, direct and through. Knows no gateway."""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .cache import Unavailable
from .command import ended
from .compare import Difference

SUITE_S = 1500
WORDS = {"failure": "failed", "error": "broken", "skipped": "skipped"}


@dataclass(frozen=True, kw_only=True)
class Suite:
    """What became of one suite."""

    name: str
    version: str
    outcomes: dict[str, int]  # of the direct run
    different: list[Difference]


def compared(direct: dict[str, str], through: dict[str, str]) -> list[Difference]:
    """Give the tests whose outcome differs."""
    names = sorted({*direct, *through})
    sides = [(name, direct.get(name, "not run"), through.get(name, "not run")) for name in names]
    return [Difference(where=name, direct=one, through=two) for name, one, two in sides if one != two]


def counted(outcomes: dict[str, str]) -> dict[str, int]:
    """Give how many tests ended in each way."""
    return dict(sorted(Counter(outcomes.values()).items()))


async def pytest_outcomes(command: list[str], folder: Path, env: dict[str, str]) -> dict[str, str]:
    """Run pytest to its end; give each test's outcome by name. Raises `Unavailable`."""
    with tempfile.TemporaryDirectory() as kept:
        report = Path(kept) / "report.xml"
        told = [*command, "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        end = await ended(told, folder, env, SUITE_S)
        return outcomes(report, end.out + end.err)


def outcomes(report: Path, out: str) -> dict[str, str]:
    """Read a report of pytest, which said `out`. Raises `Unavailable`."""
    if not report.exists():
        raise Unavailable("pytest wrote no report: " + " ".join(out.split())[-200:])
    found = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        ways = [WORDS[child.tag] for child in case if child.tag in WORDS]
        found[f"{case.get('classname')}::{case.get('name')}"] = ways[0] if ways else "passed"
    return found
