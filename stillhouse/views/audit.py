"""The answers that a person is asked about, and what was found of the judge. Knows no terminal.

Who gave an answer and what the judge said of it are not shown: the label would not be the person's own.
"""

from __future__ import annotations

from typing import Any

from distiller.scoring import message as read
from distiller.scoring.audit import Labelled, bias
from stillhouse.settings import convert
from stillhouse.views.calls import fingerprints_of
from stillhouse.views.plain import plain
from stillhouse.views.stores import Stores
from store.log import Audited, Target
from store.vocabulary import Exchange

_EXCERPT = 2_000  # characters of an input, its end
_LISTED = 20


def audit(stores: Stores, task_id: str, limit: int = _LISTED) -> dict[str, Any]:
    """Give the answers that wait for a label, oldest first, and the judge's figures. Raises Missing."""
    drawn = stores.log.audited(fingerprints_of(stores, task_id))
    task = stores.control.task(task_id)
    policy = convert.task_policies(stores.settings).of(task)
    waiting = [one.attempt_id for one in drawn if one.gold is None]
    return {
        "task_id": task_id,
        "name": task.name if task else None,
        "judged": policy.judge is not None,
        "waiting": len(waiting),
        "answers": [_answer(exchange) for exchange in stores.log.answers(waiting[:limit])],
        **figures(stores, task_id, drawn),
    }


def figures(stores: Stores, task_id: str, drawn: list[Audited] | None = None) -> dict[str, Any]:
    """Give how the judge of a task differs from people, and what standing first is worth to it."""
    fingerprints = fingerprints_of(stores, task_id)
    found = stores.log.audited(fingerprints) if drawn is None else drawn
    policy = convert.task_policies(stores.settings).of(stores.control.task(task_id))
    labelled = [Labelled(judge=one.judge, gold=one.gold) for one in found if one.gold is not None]
    seen = bias(labelled, policy.threshold)
    return {
        "drawn": len(found),
        "labelled": len(labelled),
        "bias": plain(seen) if seen else None,
        "words": seen.words() if seen else None,
        "position": plain(stores.log.position(fingerprints)),
    }


def targets(stores: Stores, task_id: str, target: str) -> list[Target]:
    """Return the answers of a task that an id means. Raises Missing."""
    mine = set(fingerprints_of(stores, task_id))
    return [one for one in stores.log.answers_of(target) if one.fingerprint in mine]


def _answer(exchange: Exchange) -> dict[str, Any]:
    messages = exchange.request.get("messages") or []
    asked = [read.text(message) for message in messages if message.get("role") == "user"]
    message = read.of_completion(exchange.answer) or {}
    return {
        "id": exchange.attempt_id,
        "call_id": exchange.call_id,
        "ts": exchange.ts,
        "input": "\n".join(asked)[-_EXCERPT:],
        "answer": read.text(message),
        "tool_calls": message.get("tool_calls") or [],
        "correction": exchange.correction,
    }
