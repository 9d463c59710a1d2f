"""A decision's figures in plain words. Knows no rule: it says what was found, it finds nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from router import betting
from router.breaker import FAILED
from router.counts import Cell, mean
from router.decision import Cause
from router.evidence import Evidence
from router.figures import FRESH, Bars, Figures
from router.settings import STEPS, RolloutPolicy, since
from router.streams import alarms
from store.vocabulary import Rollout, State, Stream, Who

CAUSES: Mapping[str, str] = MappingProxyType(
    {
        Cause.BREAKER: "the student's failures",
        Cause.PAUSED: "an operator's pause",
        Cause.JUDGE_OUTAGE: "the judge's outage",
        Cause.STORE_OUTAGE: "the store's outage",
        Cause.DRIFT: "the drift",
        Cause.ASSIGNMENT_MISMATCH: "the mismatch of assignments",
        Cause.TEACHER_CHANGED: "the change of the teacher",
        Cause.JUDGE_CHANGED: "the change of what scores answers",
    }
)
"""What a rollout is held for, by cause."""


_WORSE: dict[str, str] = {
    Stream.ERROR: "its server failed",
    Stream.FORMAT: "its answer could not go out",
    Stream.LATENCY: "its answer was later than the latency objective",
    Stream.FEEDBACK: "users complained",
}


def points(d: float) -> str:
    """Say a difference of scores in hundredths."""
    return f"{100 * d:+.1f} points"


def wealth(log_k: float) -> str:
    """Say a wealth as a plain number."""
    if not math.isfinite(log_k):
        return "0"
    if log_k > math.log(1e6):
        return f"10^{log_k / math.log(10):.0f}"
    return f"{math.exp(log_k):.3g}"


def record(figures: Figures, bar: Bars) -> dict[str, Any]:
    """Give the first row of figures as JSON, for a transition's inputs."""
    return {
        "pairs": int(figures.pairs[0]),
        "served": int(figures.served[0]),
        "missing": int(figures.missing[0]),
        "log_wealth": _finite(figures.promote[0]),
        "log_wealth_fresh": _finite(figures.fresh[0]),
        "log_wealth_fresh_served": _finite(figures.fresh_served[0]),
        "log_threshold": bar.promote,
        "log_threshold_served": bar.served,
        "harm_excess": _finite(figures.harm[0]),
        "late": _finite(figures.late[0]),
        "late_threshold": bar.late,
        "beside_excess": _finite(figures.beside[0]),
        "late_beside": _finite(figures.late_beside[0]),
    }


def gate(rollout: Rollout, evidence: Evidence, figures: Figures, bar: Bars) -> str:
    """Say why a step was passed."""
    whole = evidence.over()
    subject = "what the app receives" if rollout.partial else "the student"
    said = (
        f"Step {rollout.state} passed: over {whole.paired} pairs {subject} is {_mean(evidence, whole)} to the "
        f"teacher, at least {points(evidence.lower(whole, bar.promote))} but for a chance of "
        f"{math.exp(-bar.promote):.3g}; wealth {wealth(float(figures.promote[0]))} of {wealth(bar.promote)} needed"
    )
    if rollout.state == State.CANARY_50:
        fresh = evidence.over(FRESH)
        said += f", and {wealth(float(figures.fresh[0]))} from the {fresh.paired} pairs at 25% and 50% alone"
        served = wealth(float(figures.fresh_served[0]))
        said += f" ({served} of {wealth(bar.served)} needed from those that the student served)"
    return f"{said}.{_published(rollout, evidence)}"


def _published(rollout: Rollout, evidence: Evidence) -> str:
    """Say which answers go out from now on, in a partial rollout."""
    at = evidence.threshold
    if at is None:
        return ""
    kept = evidence.candidates[at].kept
    before = " as before" if at == rollout.threshold else f" instead of from {rollout.threshold:.3f} on"
    return f" Answers go out from a confidence of {at:.3f} on ({kept.share:.0%} of {kept.calls} compared calls){before}."


def cap(rollout: Rollout, evidence: Evidence, figures: Figures, bar: Bars, policy: RolloutPolicy) -> str:
    """Say why a step ended without an answer."""
    whole = evidence.over()
    return (
        f"Step {rollout.state} used up its {policy.caps[rollout.state]} pairs without an answer: the student is "
        f"{_mean(evidence, whole)} over {whole.paired} pairs, wealth {wealth(float(figures.promote[0]))} of "
        f"{wealth(bar.promote)} needed, {100 * float(figures.missing_rate[0]):.1f}% of the step's pairs missing."
    )


def harm(rollout: Rollout, evidence: Evidence) -> str:
    """Say which harm test found the most, and what."""
    step, cell, served = max(_suspects(evidence), key=lambda found: _against(evidence, found[1]))
    who = " that the student served" if served else ""
    return (
        f"The student does harm: {_mean(evidence, cell)} over {cell.paired} pairs{who} from step {step} on, worse than the "
        f"margin of {points(-rollout.delta)} (wealth against it {wealth(_against(evidence, cell))})."
    )


def regression(evidence: Evidence, figures: Figures, bar: Bars) -> str:
    """Say that the student has become worse than it was."""
    return (
        f"The student has become worse than the margin of {points(-evidence.delta)}: the change detector stands "
        f"at {wealth(float(figures.late[0]))}, its alarm at {wealth(bar.late)}, after {evidence.over().paired} pairs."
    )


def beside(evidence: Evidence, figures: Figures, bar: Bars) -> str:
    """Say at what else than its scores the student is worse, and by how much."""
    if figures.beside[0] < 0:
        what = _WORSE[alarms.latest(evidence)]
        return (
            f"The student has become worse than it was: {what} more often than the teacher's by more than the margin; "
            f"the change detector stands at {wealth(float(figures.late_beside[0]))}, its alarm at {wealth(bar.late)}."
        )
    at = alarms.suspects(evidence, bar.beside)[0]
    what, margin = _WORSE[at.stream], points(evidence.margins[at.stream])
    who = " that the student served" if at.served and at.stream != Stream.FEEDBACK else ""
    return (
        f"The student does harm: {what} in {points(mean(at.cell.down) or 0.0)} of {at.cell.paired} {_units(at.stream)}{who} "
        f"from step {at.step} on compared with the teacher, and {margin} are allowed (wealth against it "
        f"{wealth(at.excess + alarms.bar(at.stream, bar.beside, at.step))})."
    )


def breaker(outcomes: Sequence[str], policy: RolloutPolicy) -> str:
    """Say how the student's server fails."""
    latest = outcomes[: policy.breaker_window]
    failed = Counter(str(outcome) for outcome in latest if outcome in FAILED)
    kinds = ", ".join(f"{n} {kind}" for kind, n in failed.most_common())
    return (
        f"{failed.total()} of the student's last {len(latest)} calls failed ({kinds}): the teacher answers "
        f"until {policy.breaker_probes} shadow calls in a row succeed and hold the margin."
    )


def exposure(rollout: Rollout, evidence: Evidence, exposed: int) -> str:
    """Say why a step ended that got too few pairs for its calls."""
    here = evidence.cell(rollout.state)
    return (
        f"The student got {exposed} calls at step {rollout.state} and there is no answer: only {here.paired} pairs of them "
        "and of the teacher's calls could be compared."
    )


def deserted(rollout: Rollout, gap_s: float) -> str:
    """Say that nobody asks in this wording any more."""
    return (
        f"Apps have left version {rollout.task_version} of the task's wording: the latest call in another version came "
        f"{gap_s / 86_400:.1f} days after the latest in this one. There is nothing more for the student to answer."
    )


def recovered(delta: float, policy: RolloutPolicy) -> str:
    """Say that the student's server works again."""
    return (
        f"The student's last {policy.breaker_probes} judged shadow calls all succeeded, within the margin of "
        f"{points(delta)} on average: it serves again."
    )


def _mean(evidence: Evidence, cell: Cell) -> str:
    d = evidence.mean(cell)
    return "not compared" if d is None else points(d)


def _suspects(evidence: Evidence) -> list[tuple[State, Cell, bool]]:
    return [
        *((step, evidence.over(since(step)), False) for step in STEPS),
        *((step, evidence.over(since(step), Who.STUDENT), True) for step in STEPS[1:]),
    ]


def _against(evidence: Evidence, cell: Cell) -> float:
    sums = betting.total(betting.losses(evidence.margin, evidence.scale), cell.doubtful)
    return float(betting.wealth(sums[None, :])[0])


def _units(stream: str) -> str:
    return "conversations" if stream == Stream.FEEDBACK else "pairs"


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
