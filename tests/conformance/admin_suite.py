"""schemathesis against our own admin API: whatever is sent, no answer is a 5xx or belies the schema.

The two orders that write where they are told (`backup`, `export`) are left out.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from stillhouse.admin import app as admin

from .cache import Environment, Unavailable
from .command import ended
from .compare import Difference
from .house import Up
from .suites import SUITE_S, Suite

TOOL = Environment(packages=("schemathesis",))
EXAMPLES = 20  # an operation
WRITES = "/(backup|export)"


class _Unasked:
    """Stands for stores, desk and loopback: to be described, the API needs nothing of them."""

    def __getattr__(self, name: str) -> _Unasked:
        return self

    def __call__(self, *_: object) -> _Unasked:
        return self


def schema() -> dict[str, Any]:
    """Give the admin API's own description, which it does not serve."""
    nobody: Any = _Unasked()
    guarded: Any = admin.build(nobody, nobody, (), token="", hosts=())
    described: dict[str, Any] = guarded._app.openapi()
    return described


async def suite(house: Up) -> Suite:
    """Run it. Raises `Unavailable`."""
    await asyncio.to_thread(TOOL.ready)
    token = (house.data / "admin.token").read_text().strip()
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "schema.json"
        written.write_text(json.dumps(schema()))
        told = [str(TOOL.place / "bin" / "schemathesis"), "run", str(written), "--no-color"]
        told += ["--url", f"http://127.0.0.1:{house.control_port}", "-H", f"Authorization: Bearer {token}"]
        told += ["--phases", "examples,coverage,fuzzing", "-n", str(EXAMPLES), "--seed", "1"]
        told += ["--exclude-path-regex", WRITES, "--checks", "not_a_server_error,response_schema_conformance"]
        end = await ended(told, Path(folder), {}, SUITE_S)
    found = counts(end.out + end.err)
    return Suite(
        name="schemathesis, on the admin API",
        version=await asyncio.to_thread(TOOL.version, "schemathesis"),
        outcomes=found,
        different=failures(found),
    )


def counts(out: str) -> dict[str, int]:
    """Read how many cases were generated, and what became of them. Raises `Unavailable`."""
    found = re.search(r"Test cases:\s+([^\n]+)", out)
    if found is None:
        raise Unavailable("schemathesis ended early: " + " ".join(out.split())[-200:])
    told = re.findall(r"([\d,]+) ([a-z ]+)", found[1])
    return {what.strip(): int(count.replace(",", "")) for count, what in told if what.strip() != "skipped"}


def failures(found: dict[str, int]) -> list[Difference]:
    """Say where not every case passed."""
    generated, passed = found.get("generated", 0), found.get("passed", 0)
    if generated == passed:
        return []
    return [Difference(where="cases that did not pass", direct=str(generated), through=str(passed))]
