"""The fault suite: what the openai SDK sees of each fault, direct and through, and whether that is as good."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from .clients import Client
from .compare import Run, failed
from .drive import run
from .mock import Mock
from .mock.faults import FAULTS, MARK


class Judged(StrEnum):
    """How a fault looks through the gateway."""

    SAME = "same"
    OTHER_ERROR = "another error"  # a failure stays a failure, told otherwise
    CAUGHT = "caught"  # the provider broke off, and the app did not take it for an answer
    HIDDEN = "hidden"  # a failure became an answer
    WORSE = "worse"  # an answer became a failure, or another answer


UNFINISHED = ("short", "empty")  # a stream that ends in good order, but early


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault, asked for one way."""

    name: str
    direct: str
    through: str
    asked_direct: int
    asked_through: int
    judged: Judged


def judged(fault: str, direct: Any, through: Any) -> Judged:
    """Compare what an app saw."""
    if direct == through:
        return Judged.SAME
    if failed(direct):
        return Judged.OTHER_ERROR if failed(through) else Judged.HIDDEN
    return Judged.CAUGHT if failed(through) and fault in UNFINISHED else Judged.WORSE


def shown(saw: Any) -> str:
    """Say what an app saw in a few words."""
    if failed(saw):
        return f"{saw['error']} {saw['status'] or ''}".strip()
    return "nothing" if saw is None else repr(saw)


async def suite(client: Client, mock: Mock, gateway: str) -> list[Fault]:
    """Try every fault with a client's environment. Raises `Broken` and `Unavailable`."""
    await asyncio.to_thread(client.environment.ready)
    program = replace(client, program="with_faults.py")
    sides = [await run(program, mock, url + "/v1", 0, *FAULTS) for url in (mock.url, gateway)]
    direct, through = sides
    return [
        Fault(
            name=scenario,
            direct=shown(saw),
            through=shown(through.saw.get(scenario)),
            asked_direct=asked(direct, scenario),
            asked_through=asked(through, scenario),
            judged=judged(scenario.rpartition(" ")[0], saw, through.saw.get(scenario)),
        )
        for scenario, saw in direct.saw.items()
    ]


def asked(side: Run, scenario: str) -> int:
    """Count the requests of a scenario that reached the provider, retries included."""
    fault, _, way = scenario.rpartition(" ")
    bodies = [seen.json for seen in side.asked]
    ways = [body["stream"] for body in bodies if body["model"].endswith(f"{MARK}{fault}")]
    return sum(bool(streamed) == (way == "streamed") for streamed in ways)
