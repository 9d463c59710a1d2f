"""The scorer: a resident process that judges answers. Knows no store; JSON lines in, JSON lines out.

In:  {"id", "op": "score", "metric": {...}, "items": [{"request", "reference", "candidate", "rival", "call_id"}]}
     {"id", "op": "version", "metric": {...}}
Out: {"id", "results": [{"value", "reason", "position"}]} | {"id", "version"} | {"id", "error"}
It stops when its standard input closes. Whatever a user's metric prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from queue import SimpleQueue
from typing import Any, TextIO

from distiller.scoring.metrics import BUILT_IN, VERSION
from distiller.scoring.spec import Item, MetricSpec, Scored


class Refused(Exception):  # noqa: N818 - it names the state
    """A request that cannot be met at all; one sentence says why."""


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request; never raises."""
    number = request.get("id")
    try:
        spec = MetricSpec.from_json(request["metric"])
        if request.get("op") == "version":
            return {"id": number, "version": _version(spec)}
        items = [Item(**item) for item in request["items"]]
        return {"id": number, "results": [asdict(scored) for scored in _score(spec, items)]}
    except Refused as refused:
        return {"id": number, "error": str(refused)}
    except (KeyError, TypeError, AttributeError) as error:
        return {"id": number, "error": f"the request cannot be read: {error!r}"}


def _score(spec: MetricSpec, items: list[Item]) -> list[Scored]:
    if spec.judge is not None:
        from distiller.scoring import judge  # noqa: PLC0415 - imports dspy, which takes seconds

        return judge.score(spec, items)
    if spec.by_user:
        one = _user_metric(spec.name).one
        return [one(item) for item in items]
    metric = BUILT_IN.get(spec.name)
    if metric is None:
        raise Refused(f"there is no metric named {spec.name}")
    return [
        Scored(value=metric(item.reference, item.candidate, item.request))
        if item.reference is not None
        else Scored(value=None, reason="there is no reference answer")
        for item in items
    ]


def _version(spec: MetricSpec) -> str:
    if spec.judge is not None:
        from distiller.scoring import judge  # noqa: PLC0415 - imports dspy, which takes seconds

        return judge.version(spec.judge)
    return _user_metric(spec.name).version if spec.by_user else VERSION


class _UserMetric:
    """A loaded function of the user's."""

    def __init__(self, one: Callable[[Item], Scored], version: str) -> None:
        self.one = one
        self.version = version


@cache
def _user_metric(name: str) -> _UserMetric:
    from distiller.scoring import user_metric  # noqa: PLC0415 - imports dspy, which takes seconds

    try:
        function = user_metric.load(name)
    except user_metric.MetricUnusable as error:
        raise Refused(str(error)) from error
    return _UserMetric(lambda item: user_metric.apply(function, item), user_metric.version(function))


def _work(queue: SimpleQueue[str], out: TextIO) -> None:
    """Answer lines in order, for ever."""
    while True:
        line = queue.get()
        try:
            request = json.loads(line)
        except ValueError:
            request = {}
        out.write(json.dumps(answer(request)) + "\n")
        out.flush()


def main() -> int:
    """Serve until standard input closes; work under way is dropped then, its asker is gone."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    queue: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_work, args=(queue, out), daemon=True).start()
    for line in sys.stdin:
        queue.put(line)
    os._exit(0)  # a judge's threads would hold an ordinary exit until they time out


if __name__ == "__main__":
    sys.exit(main())
