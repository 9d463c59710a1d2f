"""Asks the teacher a second time, to learn how far it agrees with itself. Knows no statistics.

Once for each version of a task and of its metric, when its first student is evaluated, on recent calls spread over
time; and whenever somebody asks whether it still answers as it did (`Probes`). It needs an upstream with a key of its own:
where apps bring theirs (pass-through), nothing is asked.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import httpx

from distiller.evaluation import ask
from distiller.evaluation.ceiling import LEAST, evenly, interval
from distiller.pipeline.parts import OpenAccess, Parts
from distiller.recipes import Access
from distiller.scoring import message as read
from distiller.scoring.shape import Shape
from distiller.scoring.spec import Item, MetricSpec, Scorer
from distiller.scoring.valid import invalid
from store.vocabulary import Exchange, Outcome, SelfAgreement

_RECENT = 1000  # newest calls of which some are asked again
_TIMEOUT_S = 60.0
_CONCURRENCY = 2
_AGAIN_S = 3600.0  # a measurement that failed is not tried again before
_NO_KEY = "no upstream has a key of its own for work in the background (pass-through)"
_REFUSED = {"status 403": _NO_KEY, "status 402": "its budget is used up (policy.self_agreement_usd)"}


async def self_agreement(
    parts: Parts, task_id: str, version: int, metric: MetricSpec
) -> SelfAgreement | None:
    """Return what is known, measured now where it is not; None where it is not asked for.

    Raises ScorerUnavailable.
    """
    policy = parts.policy(task_id)
    if not metric.agreement or not policy.self_agreement:
        return None
    blank = SelfAgreement(
        task_id=task_id,
        task_version=version,
        metric=metric.name,
        metric_version=await parts.scorer.version(metric),
        ts=parts.now(),
    )
    known = next((one for one in parts.control.self_agreements(task_id) if one.key == blank.key), None)
    if known is not None and (known.mean is not None or known.ts > blank.ts - _AGAIN_S):
        return known
    measured = await _measure(parts, blank, metric)
    parts.control.save_self_agreement(measured, parts.epoch)
    return measured


async def _measure(parts: Parts, blank: SelfAgreement, metric: MetricSpec) -> SelfAgreement:
    if parts.access is None:
        return replace(blank, why=_NO_KEY)
    policy = parts.policy(blank.task_id)
    calls = await asyncio.to_thread(
        recent, parts, blank.task_id, blank.task_version, policy.self_agreement, None
    )
    purpose = f"self-agreement {blank.task_id}@{blank.task_version}"
    found = await ask_again(parts.scorer, parts.access, (purpose, policy.self_agreement_usd), metric, calls)
    values = list(found.values.values())
    if len(values) < LEAST:
        return replace(blank, why=shortfall(len(values), found.errors))
    mean = interval(values)
    return replace(blank, n=len(values), mean=mean.mean, lower=mean.lower, upper=mean.upper)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """How far second answers agree with the first, by the first one's attempt id, and why others did not come."""

    values: dict[str, float]
    errors: list[str]


async def ask_again(
    scorer: Scorer, way: OpenAccess, budget: tuple[str, float], metric: MetricSpec, calls: Sequence[Exchange]
) -> Found:
    """Ask each call again, for a budget by its name and US dollars, and score the answers. Raises ScorerUnavailable."""
    with way(*budget) as access:
        replies = await _ask(access, calls)
    told = [
        (call, message)
        for call, reply in zip(calls, replies, strict=True)
        if reply.error is None and (message := reply.message) is not None
    ]
    items = [
        Item(
            request=call.request,
            reference=read.of_completion(call.answer),
            candidate=message,
            call_id=call.call_id,
        )
        for call, message in told
    ]
    scored = await scorer.score(metric, items) if items else []
    values = {
        call.attempt_id: one.value
        for (call, _), one in zip(told, scored, strict=True)
        if one.value is not None
    }
    return Found(values=values, errors=[reply.error for reply in replies if reply.error])


def recent(parts: Parts, task_id: str, version: int, most: int, after_ts: float | None) -> list[Exchange]:
    """Return whole and valid answers of the teacher to different inputs, spread over the recent calls."""
    versions = {one.version: one for one in parts.control.versions(task_id)}
    mine = versions.get(version)
    found = parts.log.exchanges(mine.fingerprints, limit=_RECENT, after_ts=after_ts) if mine else []
    shape = parts.shapes.of(task_id) or Shape.TEXT
    fit = {one.input_hash: one for one in found if _fits(one, shape)}
    return evenly(sorted(fit.values(), key=lambda one: one.seq), most)


def _fits(exchange: Exchange, shape: Shape) -> bool:
    message = read.of_completion(exchange.answer)
    whole = not exchange.untold and exchange.outcome == Outcome.COMPLETE
    single = (exchange.request.get("n") or 1) == 1
    return whole and single and invalid(exchange.request, message, shape) is None


async def _ask(access: Access, calls: Sequence[Exchange]) -> list[ask.Reply]:
    """Ask each call again as the app asked it; the first refusal of all ends it."""
    headers = {"authorization": f"Bearer {access.token}"}
    bodies = [ask.body(call.request, call.model) for call in calls]
    ids = [call.call_id for call in calls]
    async with httpx.AsyncClient(headers=headers) as client:
        endpoint = ask.Endpoint(client, access.base_url, concurrency=_CONCURRENCY, timeout_s=_TIMEOUT_S)
        first = await endpoint.ask_all(bodies[:1], lambda _: None, ids[:1])
        if first and first[0].error in _REFUSED:
            return first * len(bodies)
        return first + await endpoint.ask_all(bodies[1:], lambda _: None, ids[1:])


def shortfall(n: int, errors: Sequence[str]) -> str:
    """Say why too few answers came."""
    common = Counter(errors).most_common(1)
    because = f" ({_REFUSED.get(common[0][0], common[0][0])})" if common else ""
    return f"{n} answers came, {LEAST} are needed{because}"
