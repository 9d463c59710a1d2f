"""A model that scores answers, through an OpenAI-compatible API. Knows no store; failures stay unscored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from distiller.scoring import message as read
from distiller.scoring.spec import Item, MetricSpec, Scored
from distiller.settings import JudgeSettings

PROMPT_VERSION = "1"
_PROMPT = """You grade one answer of an assistant. Be strict and impartial.

Criterion: {criteria}

Conversation so far (JSON):
{messages}
{reference}
Answer to grade (JSON):
{candidate}

Reply with one JSON object and nothing else: {{"reason": "<one short sentence>", "score": <number from 0 to 1>}}
0 means that the answer fails the criterion, 1 that it meets it fully."""
_REFERENCE = "\nAn answer known to be right (JSON):\n{reference}\n"
_SHOWN = ("role", "content", "tool_calls", "function_call")
_CHARS = 60_000  # of the conversation that the judge is shown, the latest


def version(judge: JudgeSettings) -> str:
    """Return 12 hex digits that change with the prompt, the model and the criterion."""
    told = json.dumps([PROMPT_VERSION, judge.model, judge.criteria])
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def prompt(judge: JudgeSettings, item: Item) -> str:
    """Return what the judge reads. The reference is shown only where it is known to be right."""
    reference = _REFERENCE.format(reference=_shown(item.reference)) if item.reference else ""
    messages = json.dumps(item.request.get("messages") or [], ensure_ascii=False)[-_CHARS:]
    return _PROMPT.format(
        criteria=judge.criteria,
        messages=messages,
        reference=reference,
        candidate=_shown(item.candidate),
    )


def verdict(reply: dict[str, Any]) -> Scored:
    """Read a judge's reply (a message). Anything but a number from 0 to 1 is unscored."""
    document = read.document(reply)
    score = document.get("score") if isinstance(document, dict) else None
    if not isinstance(score, int | float) or isinstance(score, bool) or not 0 <= score <= 1:
        return Scored(value=None, reason="the judge gave no score between 0 and 1")
    reason = document.get("reason") if isinstance(document, dict) else None
    return Scored(value=float(score), reason=str(reason)[:300] if reason else None)


def score(spec: MetricSpec, items: Sequence[Item]) -> list[Scored]:
    """Ask the judge about each item, a few at once."""
    judge = spec.judge
    if judge is None:
        return [Scored(value=None, reason="no judge is configured")] * len(items)
    headers = {"authorization": f"Bearer {spec.token}"} if spec.token else {}
    with (
        httpx.Client(base_url=judge.base_url, headers=headers, timeout=judge.timeout_s) as client,
        ThreadPoolExecutor(judge.concurrency) as pool,
    ):
        return list(pool.map(lambda item: _ask(client, judge, item), items))


def _ask(client: httpx.Client, judge: JudgeSettings, item: Item) -> Scored:
    body = {
        "model": judge.model,
        "messages": [{"role": "user", "content": prompt(judge, item)}],
        "temperature": 0,
        "response_format": {"type": "json_object"},
    }
    try:
        response = client.post("chat/completions", json=body)
        response.raise_for_status()
        return verdict(read.of_completion(response.json()) or {})
    except httpx.HTTPStatusError as error:
        return Scored(value=None, reason=f"the judge answered {error.response.status_code}")
    except (httpx.HTTPError, ValueError) as error:
        return Scored(value=None, reason=f"the judge did not answer: {type(error).__name__}")


def _shown(message: dict[str, Any] | None) -> str:
    kept = {key: value for key, value in (message or {}).items() if key in _SHOWN and value}
    return json.dumps(kept, ensure_ascii=False)
