"""The recurring tasks of an imagined app: what each asks and how its answers look. Knows no time and no person."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from benchmarks._ledger.words import Prose
from gateway.fingerprint import fingerprint

TENANT = "shop"
_ARGUMENTS = ("order", "reason")  # of every tool


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedTask:
    """One kind of call, ready to be asked many times."""

    name: str
    model: str
    share: float  # of all calls
    streamed: float  # share of its calls
    asked: tuple[int, int]  # characters of a user message, from and to; drawn evenly on a log scale
    answered: tuple[int, int]  # characters of an answer's text
    turns: int  # user messages of the longest conversation
    fields: tuple[str, ...]  # of an answer that is an object, or of a tool's arguments; none: it is text
    tools: tuple[str, ...]  # that it may call
    before: bytes  # body up to the first user message
    after: bytes  # body after the last message, up to what is the call's own
    fingerprint: str


def tasks() -> tuple[AskedTask, ...]:
    """Return the tasks; their shares add up to 1."""
    small, large = "gpt-4o-mini", "gpt-4o"
    return (
        _task("triage", small, share=0.38, head=1_200, asked=(50, 900), answered=(40, 90), fields="queue team urgency"),
        _task("extract", small, share=0.24, head=1_500, asked=(200, 4_000), answered=(150, 500),
              fields="customer order amount currency due address reason summary"),
        _task("reply", large, share=0.12, head=2_400, asked=(80, 1_000), answered=(150, 700), streamed=0.25, turns=4),
        _task("route", small, share=0.16, head=600, asked=(50, 600), answered=(60, 160),
              tools="refund cancel_order change_address open_ticket find_parcel"),
        _task("summary", large, share=0.06, head=500, asked=(800, 4_000), answered=(200, 600)),
        _task("policy", small, share=0.04, head=6_000, asked=(50, 700), answered=(60, 200), fields="allowed rule reason"),
    )  # fmt: skip


def _task(
    name: str,
    model: str,
    *,
    share: float,
    head: int,
    asked: tuple[int, int],
    answered: tuple[int, int],
    streamed: float = 0.0,
    turns: int = 1,
    fields: str = "",
    tools: str = "",
) -> AskedTask:
    """Make one: with `fields` it answers with an object, with `tools` it calls one, else it writes."""
    prose = Prose(int.from_bytes(name.encode()))
    system = {"role": "system", "content": prose.text(head)}
    more: dict[str, Any] = {"temperature": 0.2}
    if fields:
        more["response_format"] = _format(name, fields.split(), prose)
    if tools:
        more["tools"] = [_tool(tool, prose) for tool in tools.split()]
    request = {"model": model, "messages": [system], **more}
    return AskedTask(
        name=name,
        model=model,
        share=share,
        streamed=streamed,
        asked=asked,
        answered=answered,
        turns=turns,
        fields=tuple(fields.split()) or _ARGUMENTS * bool(tools),
        tools=tuple(tools.split()),
        before=b'{"model":%s,"messages":[%s,' % (compact(model), compact(system)),
        after=b"]," + compact(more)[1:-1],
        fingerprint=fingerprint(request, TENANT),
    )


def _format(name: str, fields: list[str], prose: Prose) -> dict[str, Any]:
    properties = {field: {"type": "string", "description": prose.text(30)} for field in fields}
    schema = {"type": "object", "properties": properties, "required": fields, "additionalProperties": False}
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}


def _tool(name: str, prose: Prose) -> dict[str, Any]:
    wanted = {"type": "object", "properties": {argument: {"type": "string"} for argument in _ARGUMENTS}}
    return {
        "type": "function",
        "function": {"name": name, "description": prose.text(60), "parameters": wanted},
    }


def compact(value: Any) -> bytes:
    """Return JSON as the OpenAI SDK sends it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
