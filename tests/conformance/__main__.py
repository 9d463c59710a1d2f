"""`python -m tests.conformance`: run clients and suites, write `results.json` and `docs/compatibility.md`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path

from . import admin_suite, faults, langchain_suite, openai_suite, results
from .cache import Unavailable
from .clients import CLIENTS
from .drive import Broken, drive
from .house import ROOT, Up, kept, standing
from .mock import Mock
from .replay import replay
from .results import Results
from .suites import Suite

ENGINE = os.environ.get(
    "ENGINE_UNDER_TEST", "native"
)  # the page is of the default one; the other must show the same
FAULTS_SEEN_BY = CLIENTS[1]


def main() -> int:
    """Run what was asked for; 1 where anything differs."""
    given = _arguments()
    found = asyncio.run(run(given))
    told = not given.only and ENGINE == "native"
    if told:
        results.write(found, ROOT)
    print(results.page(found) if not told else f"docs/compatibility.md written; well: {found.well}")
    return 0 if found.well else 1


async def run(given: argparse.Namespace) -> Results:
    """Stand a house before the mock, and drive everybody."""
    found = Results(date=time.strftime("%Y-%m-%d"), gateway=version("stillhouse"))
    async with Mock() as mock:
        with tempfile.TemporaryDirectory() as folder:
            house = standing(Path(folder), mock.url + "/v1")
            up = await asyncio.to_thread(house.__enter__)
            try:
                await _before_the_mock(found, mock, up, given.only)
            finally:
                await asyncio.to_thread(house.__exit__, None, None, None)
            found.kept = kept(up)
    own = "openai-python tests/api_resources"
    if _wanted(own, given.only):
        await _suite(found, own, lambda: openai_suite.suite(given.openai_python, given.openapi))
    return found


async def _before_the_mock(found: Results, mock: Mock, up: Up, only: list[str]) -> None:
    gateway = f"http://127.0.0.1:{up.gateway_port}"
    for client in CLIENTS:
        if _wanted(client.name, only):
            _say(client.name)
            try:
                found.clients.append(await drive(client, mock, gateway))
            except (Broken, Unavailable) as why:
                found.skipped[client.name] = str(why)
    _say("replay")
    found.replayed = await replay((seen for one in found.clients for seen in one.asked), mock, gateway)
    if _wanted("faults", only):
        _say("faults")
        found.faults_of = FAULTS_SEEN_BY.name
        try:
            found.faults = await faults.suite(FAULTS_SEEN_BY, mock, gateway)
        except (Broken, Unavailable) as why:
            found.skipped["faults"] = str(why)
    if _wanted("LangChain standard tests", only):
        await _suite(found, "LangChain standard tests", lambda: langchain_suite.suite(mock, gateway))
    if _wanted("schemathesis", only):
        await _suite(found, "schemathesis", lambda: admin_suite.suite(up))


async def _suite(found: Results, name: str, start: Callable[[], Awaitable[Suite]]) -> None:
    _say(name)
    try:
        found.suites.append(await start())
    except (Broken, Unavailable) as why:
        found.skipped[name] = str(why)


def _wanted(name: str, only: list[str]) -> bool:
    return not only or any(part.lower() in name.lower() for part in only)


def _say(name: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {name}", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("only", nargs="*", help="parts of names: run these, print the page, write nothing")
    parser.add_argument("--openai-python", type=Path, help="a checkout of openai-python, with its tests")
    parser.add_argument("--openapi", type=Path, help="OpenAI's specification, where the checkout has none")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
