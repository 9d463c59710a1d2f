"""openai-python's own tests of every endpoint, against the mock server of OpenAI's specification.

Both come from a checkout of openai-python; the server (`steady`) from npm, the test runner from PyPI.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from . import suites
from .cache import Environment, Unavailable
from .house import free_port, standing
from .suites import Suite

PYTHON = Environment(
    packages=(
        "openai[aiohttp]>=3,<4",
        "pytest",
        "pytest-asyncio",
        "pytest-xdist",
        "rich",
        "inline-snapshot",
        "trio",
    )
)
STEADY = Environment(packages=("@stdy/cli",), node=True)
SPECIFICATION = Path("api_reference") / "openapi.transformed.yml"
FORMATS = ("query-array", "form-array", "query-object", "form-object")


async def suite(checkout: Path | None, specification: Path | None) -> Suite:
    """Run it. Raises `Unavailable`."""
    if checkout is None:
        raise Unavailable("no --openai-python PATH was given")
    specification = specification or checkout / SPECIFICATION
    if not specification.exists():
        raise Unavailable(f"{specification.name} is not in the checkout; give --openapi PATH")
    for environment in (PYTHON, STEADY):
        await asyncio.to_thread(environment.ready)
    async with _steady(specification) as steady:
        with tempfile.TemporaryDirectory() as folder:
            direct = await _outcomes(checkout, steady)
            house = standing(Path(folder), steady, administration=True)
            up = await asyncio.to_thread(house.__enter__)
            try:
                through = await _outcomes(checkout, up.base_url)
            finally:
                await asyncio.to_thread(house.__exit__, None, None, None)
    found = re.search(r'__version__ = "([^"]+)"', (checkout / "src" / "openai" / "_version.py").read_text())
    return Suite(
        name="openai-python tests/api_resources",
        version=found[1] if found else "?",
        outcomes=suites.counted(direct),
        different=suites.compared(direct, through),
    )


async def _outcomes(checkout: Path, base: str) -> dict[str, str]:
    command = [str(PYTHON.python), "-m", "pytest", "-n", "0", "tests/api_resources"]
    env = {"TEST_API_BASE_URL": base, "PYTHONPATH": str(checkout / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    return await suites.pytest_outcomes(command, checkout, env)


@asynccontextmanager
async def _steady(specification: Path) -> AsyncIterator[str]:
    port = free_port()
    told = [f"--validator-{name}-format=brackets" for name in FORMATS]
    process = await asyncio.create_subprocess_exec(
        *("nice", "-n", "19", str(STEADY.place / "node_modules" / ".bin" / "steady")),
        *("--host", "127.0.0.1", "-p", str(port), *told, str(specification)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        await _listening(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # what npm installs is a starter of the server
        await process.wait()


async def _listening(port: int) -> None:
    for _ in range(600):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise Unavailable("the mock server of the specification did not start")
