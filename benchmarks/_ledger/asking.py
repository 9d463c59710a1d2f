"""The questions that the rest of Stillhouse asks the log, each with what it asks for. Knows no target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks._ledger.figures import timed
from benchmarks._ledger.ground import Ground
from benchmarks._ledger.traffic import DAY_S, ROLLOUT
from benchmarks._ledger.upstream import METRIC, METRIC_VERSION
from store.log import CallFilter, CallPage

TRAINSET = 5_000
_DASHBOARD_DAYS = 7
_RUNS = 15
_AT_MOST_S = 20.0  # for one question
_UNSCORED = 200  # as many as the scorer takes at once


def ask(ground: Ground, *, runs: int = _RUNS) -> dict[str, dict[str, Any]]:
    """Time each question; `rows` says how much came back, `complete` whether a search had time to look everywhere."""
    found = {}
    for name, question in questions(ground).items():
        spread, answer = timed(question, runs=runs, at_most_s=_AT_MOST_S)
        found[name] = {
            **spread,
            "rows": _rows(answer),
            "complete": not isinstance(answer, CallPage) or answer.complete,
        }
    return found


def questions(ground: Ground) -> dict[str, Callable[[], Any]]:
    """Return what is asked, by name. A name that begins with "page" is a page of calls."""
    log, sample = ground.log, ground.sample
    triage, some = ground.traffic.tasks[0].fingerprint, sample[len(sample) * 3 // 4]
    week = ground.traffic.now - _DASHBOARD_DAYS * DAY_S

    def page(**wanted: Any) -> Callable[[], Any]:
        return lambda: log.calls(CallFilter(**wanted))

    return {
        f"trainset of {TRAINSET:,}": lambda: log.exchanges([triage], score_name=METRIC, limit=TRAINSET),
        "dashboard: tasks of 7 days": lambda: log.by_task(week),
        "dashboard: totals": log.totals,
        "one call": lambda: log.call(some.call.call_id),
        "page: newest": page(),
        "page: further down": page(before_seq=ground.calls * 3 // 4),
        "page: task": page(fingerprints=(triage,)),
        "page: an hour": page(since_ts=some.call.ts - 1800, until_ts=some.call.ts + 1800),
        "page: errors": page(outcome="error"),
        "page: by the student": page(who="student"),
        "page: a key": page(key_id=some.call.key_id),
        "page: a score": page(score_name=METRIC, score_max=0.9),
        "page: a text": page(text=some.text[:40]),
        "page: a text of no call": page(text="nobody ever said this"),
        "page: nothing matches": page(tenant="nobody"),
        "counts": lambda: log.counts([triage], score_names=[METRIC]),
        "unscored": lambda: log.unscored([triage], METRIC, METRIC_VERSION, _UNSCORED),
        "seen fingerprints": log.seen_fingerprints,
        "drawn": lambda: log.drawn(ROLLOUT, 0, METRIC, 1_000),
    }


def _rows(answer: Any) -> int:
    if isinstance(answer, CallPage):
        return len(answer.rows)
    if isinstance(answer, list):
        return len(answer)
    return int(answer is not None)
