"""Asks a student the test split, once, through a server of its own. Knows no ladder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

import httpx

from benchmarks._ladder.tasks import Example
from distiller.evaluation import ask
from distiller.scoring import message as read
from distiller.scoring.metrics import BUILT_IN
from distiller.serving.engines import WEIGHTS
from distiller.serving.servers import Servers
from store.program import rewrite
from store.vocabulary import Student

_AT_ONCE = 4
_Z = 1.96
_ALONE = 20  # requests of which the latency is that of one at a time


def test(student: Student, artifacts: Path, examples: Sequence[Example], metric: str) -> dict[str, Any]:
    """Give the mean score with its 95% interval (Wilson's where all scores are 0 or 1), and the latency alone."""
    weights = {student.model: artifacts / str(student.weights) / WEIGHTS[student.engine]}
    with Servers(weights, parallel=_AT_ONCE, context=2048, threads=2, engine=student.engine) as servers:
        replies, alone = asyncio.run(_ask(servers.url(student.model), student, examples))
    score = BUILT_IN[metric]
    silent = {"role": "assistant", "content": ""}
    scores = [
        0.0 if reply.error else score(example.answer, reply.message or silent, example.request)
        for example, reply in zip(examples, replies, strict=True)
    ]
    low, high = interval(scores)
    told = {"n": len(scores), "score": round(fmean(scores), 4), "low": round(low, 4), "high": round(high, 4)}
    exact = fmean(float(s == 1.0) for s in scores)
    slots = [_slots(e.answer, r.message or silent) for e, r in zip(examples, replies, strict=True)]
    return {**told, "exact": round(exact, 4), "slot_f1": _f1(slots), "alone_p50_ms": round(median(alone), 1)}


def interval(scores: Sequence[float]) -> tuple[float, float]:
    """Return the 95% interval of a mean (Wilson 1927 for shares, else the normal one)."""
    n, mean = len(scores), fmean(scores)
    if set(scores) <= {0.0, 1.0}:
        centre = (mean + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z * sqrt(mean * (1 - mean) / n + _Z**2 / (4 * n * n)) / (1 + _Z**2 / n)
        return centre - half, centre + half
    half = _Z * stdev(scores) / sqrt(n)
    return mean - half, mean + half


def _slots(right: dict[str, Any], said: dict[str, Any]) -> tuple[int, int, int]:
    """Count slots that are right, wanted and given, where answers are {"slots": {...}}."""
    wanted, given = _pairs(right), _pairs(said)
    return len(wanted & given), len(wanted), len(given)


def _pairs(message: dict[str, Any]) -> set[tuple[str, str]]:
    document = read.document(message)
    slots = document.get("slots") if isinstance(document, dict) else None
    return (
        {(str(k), str(v).strip().casefold()) for k, v in slots.items()} if isinstance(slots, dict) else set()
    )


def _f1(counts: Sequence[tuple[int, int, int]]) -> float | None:
    """Return the F1 of slots over all answers (name and value both right), None where no answer has any."""
    right, wanted, given = (sum(column) for column in zip(*counts, strict=True))
    return round(2 * right / (wanted + given), 4) if wanted else None


async def _ask(
    url: str, student: Student, examples: Sequence[Example]
) -> tuple[list[ask.Reply], list[float]]:
    bodies = [
        ask.body(rewrite(example.request, student.program) or example.request, student.model)
        for example in examples
    ]
    async with httpx.AsyncClient() as client:
        endpoint = ask.Endpoint(client, url, concurrency=_AT_ONCE, timeout_s=120.0)
        replies = await endpoint.ask_all(bodies, lambda _: None, [""] * len(bodies))
        alone = []
        for body in bodies[:_ALONE]:
            began = time.perf_counter()
            await client.post(f"{url}/chat/completions", json=body, timeout=120.0)
            alone.append((time.perf_counter() - began) * 1000)
    return replies, alone
