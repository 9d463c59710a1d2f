"""Run one client directly and through the gateway. Knows how programs are started, not what they do."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from . import compare
from .clients import PROGRAMS, Client
from .command import ended
from .compare import Difference, Run
from .mock import Mock, Seen

PROGRAM_S = 240
SETTLE_S = 2.0  # for a hang-up to reach the provider
_TAIL = 400
QUIET = {
    "AI_SDK_LOG_WARNINGS": "false",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "PYTHONWARNINGS": "ignore",
}


@dataclass(frozen=True, kw_only=True)
class Driven:
    """What became of one client."""

    name: str
    version: str
    scenarios: int
    requests: int
    failed_directly: list[str]
    different: list[Difference]
    asked: tuple[Seen, ...] = field(repr=False)


class Broken(Exception):  # noqa: N818 - said in the table, not raised further
    """A program did not come to its end."""


async def drive(client: Client, mock: Mock, gateway: str) -> Driven:
    """Run it twice. Raises `Broken` and `Unavailable`."""
    await asyncio.to_thread(client.environment.ready)
    tail = "/v1" if client.with_version else ""
    direct = await run(client, mock, mock.url + tail, 1)
    through = await run(client, mock, gateway + tail, direct.hung_up)
    return Driven(
        name=client.name,
        version=await asyncio.to_thread(client.environment.version, client.package),
        scenarios=len(direct.saw),
        requests=len(direct.asked),
        failed_directly=compare.failures(direct),
        different=compare.differences(direct, through),
        asked=direct.asked,
    )


async def run(client: Client, mock: Mock, base: str, hangs_up: int, *more: str) -> Run:
    """Run its program once, and wait a little for so many hang-ups to be heard of. Raises `Broken`."""
    mock.begin()
    out = await _said([*client.environment.command(PROGRAMS / client.program), base, *more], client)
    saw: dict[str, Any] = {}
    for line in out.split("\n"):  # not splitlines: what is told may hold other line separators
        if line.startswith('{"scenario"'):
            told = json.loads(line)
            saw[told["scenario"]] = told["saw"]
    for _ in range(int(SETTLE_S / 0.05)):
        if len(mock.left) >= hangs_up:
            break
        await asyncio.sleep(0.05)
    return Run(saw=saw, asked=tuple(mock.seen), hung_up=len(mock.left))


async def _said(command: list[str], client: Client) -> str:
    place = client.environment.place
    end = await ended(command, place, {**QUIET, "LLM_USER_PATH": str(place / "llm")}, PROGRAM_S)
    if end.code:
        late = f" (it has {PROGRAM_S} s)" if end.code < 0 else ""
        raise Broken(f"{client.program} ended with {end.code}{late}: {end.err[-_TAIL:]}")
    return end.out
