"""LangChain's standard tests of a chat model and of embeddings, with the mock as the model.

The mock is no model: what a test asks of a mind fails directly too. Compared is each outcome.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from . import suites
from .cache import Environment
from .clients import PROGRAMS
from .mock import Mock
from .suites import Suite

PYTHON = Environment(packages=("langchain-tests", "langchain-openai"))


async def suite(mock: Mock, gateway: str) -> Suite:
    """Run it. Raises `Unavailable`."""
    await asyncio.to_thread(PYTHON.ready)
    sides = [await _outcomes(url + "/v1", mock) for url in (mock.url, gateway)]
    return Suite(
        name="LangChain standard tests",
        version=await asyncio.to_thread(PYTHON.version, "langchain-tests"),
        outcomes=suites.counted(sides[0]),
        different=suites.compared(*sides),
    )


async def _outcomes(base: str, mock: Mock) -> dict[str, str]:
    mock.begin()
    with tempfile.TemporaryDirectory() as folder:
        program = PROGRAMS / "langchain_standard.py"
        command = [str(PYTHON.python), "-m", "pytest", str(program), "-c", "/dev/null", "--rootdir", folder]
        command += ["--confcutdir", str(PROGRAMS), "-o", "asyncio_mode=auto"]
        env = {"CONFORMANCE_BASE": base, "OPENAI_API_KEY": "sk-conformance-0123456789"}
        return await suites.pytest_outcomes(command, Path(folder), env)
