"""The demo's result in figures, read from the stopped product's own stores and held against what the app received.

Written as `demo-summary.json` into the data folder, and shown.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from stillhouse.demo.app import App, Received
from stillhouse.demo.holdout import Agreement
from stillhouse.demo.options import DemoOptions
from stillhouse.demo.screen import Screen
from stillhouse.demo.watch import Snapshot
from stillhouse.prices import PriceBook
from store.control import Control
from store.log import CallFilter, Log
from store.paths import DataFolder
from store.vocabulary import ObservationKind, Rollout, State, Stream, Usage, Who

LIST_PRICE_MODEL = "gpt-4.1"  # whose list price values the stand-in's tokens; said wherever it is used
_Z95 = 1.645  # one-sided 95% quantile of the standard normal
_ALL = 1_000_000
_BY_EVIDENCE = ("harm", "late_regression", "breaker", "guardrail")  # causes of a way back that nobody ordered


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What only the running demo knows."""

    options: DemoOptions
    app: App
    marks: dict[str, float]
    last: Snapshot
    folder: Path
    seconds: float


def wilson_lower(hits: int, n: int, z: float = _Z95) -> float:
    """Lower bound of a share (Wilson 1927, one-sided 95% by default)."""
    if n == 0:
        return 0.0
    share = hits / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (centre - spread) / (1 + z * z / n)


def write(data: Path, facts: Facts, held: Agreement | None) -> dict[str, Any]:
    """Read the stopped stores, write `demo-summary.json`, return it."""
    folder = DataFolder(data)
    log, control = Log.open(folder.log, read_only=True), Control.open(folder.control)
    try:
        rollout = max(control.rollouts(), key=lambda r: r.created, default=None)
        report: dict[str, Any] = {
            "ok": False,
            "ledger": _ledger(log, facts.app),
            "traffic": _traffic(facts.app, facts.marks),
            "student": _student(control),
            "cutover": _cutover(control, rollout),
            "saved": _saved(facts.app),
            "holdout": _holdout(held),
            "seconds": {"total": round(facts.seconds, 1), **facts.marks},
            "where": {"run": str(facts.folder), "data": str(data)},
        }
    finally:
        log.close()
    report["ok"] = _ok(report, facts)
    (data / "demo-summary.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report


def _ledger(log: Log, app: App) -> dict[str, Any]:
    totals = log.totals()
    logged = [row.call_id for row in log.calls(CallFilter(origin="app", limit=_ALL)).rows]
    received = {r.call_id for r in app.received}
    return {
        "calls": totals.calls,
        "attempts": totals.attempts,
        "acknowledged": len(received),
        "acknowledged_lost": len(received - set(logged)),
        "doubled": len(logged) - len(set(logged)),
        "without_outcome": totals.open_calls,
        "bytes_per_call": round(log.bytes_on_disk() / max(totals.calls, 1)),
    }


def _traffic(app: App, marks: dict[str, float]) -> dict[str, Any]:
    first = app.started
    full = [r for r in app.received if _between(r, first, marks.get("full"), marks.get("broken"))]
    back = [r for r in app.received if _between(r, first, marks.get("back"), None)]
    return {
        "app_errors": len(app.errors),
        "first_app_errors": app.errors[:3],
        "feedback_given": app.feedback,
        "served_by": {who.value: sum(r.route == who for r in app.received) for who in Who},
        "student_share_at_full": _share(full),
        "student_share_after_rollback": _share(back),
        "student_right": _right(app.received, Who.STUDENT),
        "teacher_right": _right(app.received, Who.TEACHER),
        "p99_ms_before_training": _p99(app.received, first, 0.0, marks.get("warm")),
        "p99_ms_while_training": _p99(app.received, first, marks.get("warm"), marks.get("learned")),
    }


def _between(received: Received, first: float, after: float | None, before: float | None) -> bool:
    at = received.at - first
    return after is not None and at >= after and (before is None or at < before)


def _share(received: list[Received]) -> float | None:
    return round(fmean(r.route == Who.STUDENT for r in received), 3) if received else None


def _right(received: list[Received], who: Who) -> dict[str, Any]:
    answers = [r.right for r in received if r.route == who]
    hits = sum(answers)
    share = round(hits / len(answers), 4) if answers else None
    return {"n": len(answers), "exact": share, "lower_95": round(wilson_lower(hits, len(answers)), 4)}


def _p99(received: list[Received], first: float, after: float | None, before: float | None) -> float | None:
    seconds = sorted(r.seconds for r in received if _between(r, first, after, before))
    return round(1000 * seconds[int(0.99 * (len(seconds) - 1))], 1) if seconds else None


def _student(control: Control) -> dict[str, Any] | None:
    student = max(control.students(), key=lambda s: s.created, default=None)
    if student is None:
        return None
    evaluation = max(control.evaluations(student.student_id), key=lambda e: e.created, default=None)
    return {
        "student_id": student.student_id,
        "base": student.base,
        "recipe": student.recipe,
        "training": student.training,
        "parity": student.parity,
        "offline": evaluation
        and {
            "n": evaluation.n,
            "student": evaluation.student_mean,
            "teacher": evaluation.teacher_mean,
            "delta_lower_80": evaluation.delta_lower,
            "verdict": evaluation.verdict.value,
        },
    }


def _cutover(control: Control, rollout: Rollout | None) -> dict[str, Any] | None:
    if rollout is None:
        return None
    transitions = control.transitions(rollout_id=rollout.rollout_id)
    full = next((t.ts for t in transitions if t.target is State.FULL), math.inf)
    scored = [o for o in control.observations(rollout.rollout_id) if o.stream == Stream.SCORE]
    seen = [o for o in scored if o.ts <= full]  # what it was promoted on
    paired = [o.d for o in seen if o.kind is ObservationKind.PAIRED and o.d is not None]
    return {
        "task": rollout.task_id,
        "state": rollout.state.value,
        "reason": rollout.reason,
        "trial": rollout.trial,
        "delta": rollout.delta,
        "alpha": rollout.alpha,
        "profile": rollout.profile,
        "pairs": len(paired),
        "missing": sum(o.kind is ObservationKind.MISSING for o in seen),
        "mean_difference": round(fmean(paired), 4) if paired else None,
        "steps": [
            {"from": t.source.value, "to": t.target.value, "share": t.share, "cause": t.cause, "why": t.why}
            for t in transitions
        ],
        "reached_full": any(t.target is State.FULL for t in transitions),
        "back_on_the_teacher": next(
            (t.cause for t in transitions if t.source is State.FULL and t.share == 0.0), None
        ),
    }


def _saved(app: App) -> dict[str, Any]:
    """Value the student-served calls at a large model's list price."""
    calls = sum(r.route == Who.STUDENT for r in app.received)
    tokens = Usage(prompt_tokens=len(app.instructions) // 4 + 40, completion_tokens=25)
    each = PriceBook().price(LIST_PRICE_MODEL, tokens) or 0.0
    return {
        "student_calls": calls,
        "usd_per_call_at_list_price": round(each, 6),
        "list_price_of": LIST_PRICE_MODEL,
        "usd_saved": round(calls * each, 4),
        "usd_per_100k_calls": round(100_000 * each, 2),
    }


def _holdout(found: Agreement | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "file": found.file,
        "n": found.n,
        "agreement": round(found.agree / max(found.n, 1), 4),
        "lower_95": round(wilson_lower(found.agree, found.n), 4),
    }


def _ok(report: dict[str, Any], facts: Facts) -> bool:
    ledger, cutover = report["ledger"], report["cutover"]
    kept = not any(ledger[fault] for fault in ("acknowledged_lost", "doubled", "without_outcome"))
    if facts.options.pairs is not None:
        return kept and cutover is not None  # on a person's own data, a refusal is a result
    back = not facts.options.break_student or bool(cutover and cutover["back_on_the_teacher"] in _BY_EVIDENCE)
    return kept and bool(cutover and cutover["reached_full"]) and back


def show(screen: Screen, report: dict[str, Any], *, as_json: bool) -> None:
    """Print the report: for a person, or as JSON on standard output."""
    if as_json:
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
        return
    screen.title("Summary")
    screen.table(list(_rows(report)))


def _rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    ledger, traffic, cutover, saved = report["ledger"], report["traffic"], report["cutover"], report["saved"]
    rows = [
        ("calls", f"{ledger['calls']} in the ledger with {ledger['attempts']} attempts"),
        (
            "acknowledged",
            (
                f"{ledger['acknowledged']} received by the app: {ledger['acknowledged_lost']} lost, "
                f"{ledger['doubled']} doubled; {traffic['app_errors']} app errors"
            ),
        ),
        ("disk", f"{ledger['bytes_per_call']} bytes a call"),
    ]
    if cutover:
        rows += _cutover_rows(cutover, traffic, report["seconds"])
    if report["holdout"]:
        held = report["holdout"]
        rows.append(
            (
                "held-out labels",
                f"{held['agreement']:.3f} of {held['n']} in {held['file']} (>= {held['lower_95']:.3f})",
            )
        )
    rows += [
        (
            "saved",
            (
                f"{saved['student_calls']} teacher calls; at {saved['list_price_of']} list price "
                f"${saved['usd_saved']:.2f} here, ${saved['usd_per_100k_calls']:.2f} per 100,000 calls"
            ),
        ),
        ("data", report["where"]["data"]),
        ("summary", f"{report['where']['data']}/demo-summary.json"),
    ]
    return rows


def _cutover_rows(
    cutover: dict[str, Any], traffic: dict[str, Any], seconds: dict[str, float]
) -> list[tuple[str, str]]:
    student = traffic["student_right"]
    rows = [
        ("rollout", f"{cutover['state']}: {cutover['reason']}" if cutover["reason"] else cutover["state"]),
        (
            "evidence",
            (
                f"{cutover['pairs']} pairs, mean difference {cutover['mean_difference']}, margin {cutover['delta']}, "
                f"alpha {cutover['alpha']}, trial {cutover['trial']}, {cutover['missing']} missing"
            ),
        ),
    ]
    if student["n"]:
        rows.append(
            (
                "student",
                f"{student['exact']:.3f} exactly right of {student['n']} served (>= {student['lower_95']:.3f})",
            )
        )
    if "full" in seconds:
        rows.append(("full cutover", f"{seconds['full'] / 60:.1f} minutes after the first call"))
        rows.append(("student's share", f"{traffic['student_share_at_full']} at full cutover"))
    if cutover["back_on_the_teacher"] and "broken" in seconds and "back" in seconds:
        took = seconds["back"] - seconds["broken"]
        rows.append(("way back", f"by {cutover['back_on_the_teacher']}, {took:.0f} s after the fault"))
    return rows
