"""The student's agreement with labels that nobody showed it: asked directly, by a server of its own.

Runs after the house is stopped, so it neither disturbs the rollout nor needs one: a student that was refused is
measured as well. Knows no route.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import openai

from distiller.serving.engines import WEIGHTS
from distiller.serving.servers import Servers
from stillhouse.demo import dataset
from stillhouse.demo.options import DemoOptions
from stillhouse.demo.tickets import Pair
from store.control import Control
from store.paths import DataFolder
from store.program import rewrite
from store.vocabulary import Student

_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """A student's answers against a file of labels it never saw."""

    file: str
    n: int
    agree: int


def agreement(options: DemoOptions, data: Path, instructions: str) -> Agreement | None:
    """Ask the newest student every input of `--holdout`; None without a file or a student."""
    folder = DataFolder(data)
    student = max(Control.open(folder.control).students(), key=lambda s: s.created, default=None)
    if options.holdout is None or student is None or not student.weights:
        return None
    pairs = dataset.load(options.holdout, options.input_field, options.output_field)
    weights = {student.model: folder.artifacts / student.weights / WEIGHTS[student.engine]}
    with Servers(weights, parallel=_AT_ONCE, context=1024, threads=2, engine=student.engine) as servers:
        agree = asyncio.run(_count(servers.url(student.model), student, instructions, pairs))
    return Agreement(file=options.holdout.name, n=len(pairs), agree=agree)


async def _count(url: str, student: Student, instructions: str, pairs: list[Pair]) -> int:
    room = asyncio.Semaphore(_AT_ONCE)
    async with openai.AsyncOpenAI(base_url=url, api_key="local") as client:

        async def right(pair: Pair) -> bool:
            async with room:
                return await _answer(client, student, instructions, pair.input) == pair.output

        return sum(await asyncio.gather(*(right(pair) for pair in pairs)))


async def _answer(client: openai.AsyncOpenAI, student: Student, instructions: str, text: str) -> str:
    messages = [{"role": "system", "content": instructions}, {"role": "user", "content": text}]
    request = rewrite({"messages": messages}, student.program) or {"messages": messages}
    answer = await client.chat.completions.create(
        model=student.model, messages=request["messages"], temperature=0, max_tokens=64
    )
    return (answer.choices[0].message.content or "").strip()
