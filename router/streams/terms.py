"""What a rollout's differences are made by, fixed before any of them is seen. Pure: knows no store and no log."""

from __future__ import annotations

from router.settings import RolloutPolicy
from store.vocabulary import Evaluation, Stream, Terms

FASTEST_MS = 2000.0
"""Where nobody named a latency objective, an answer within this is not late, however fast the teacher is."""


def terms(evaluation: Evaluation, policy: RolloutPolicy, teacher_ms: float | None) -> Terms:
    """Give the terms of a trial. `teacher_ms` is within what 95% of the teacher's answers came, None: not known."""
    slo_ms, why = _objective(policy, teacher_ms)
    itself = evaluation.detail.get("teacher_with_itself") or {}
    judged = evaluation.detail.get("metric") == "judge"
    return Terms(
        slo_ms=slo_ms,
        slo_why=why,
        ceiling=itself.get("mean", 1.0) if itself.get("n") else 1.0,
        ceiling_n=itself.get("n", 0),
        agreement=bool(evaluation.detail.get("agreement")),
        judged=judged,
        gold=policy.gold_audit if judged else 0.0,
    )


def margins(policy: RolloutPolicy) -> dict[str, float]:
    """Give by how much the student may be worse beside its scores."""
    return {
        Stream.ERROR: policy.error_delta,
        Stream.FORMAT: policy.format_delta,
        Stream.LATENCY: policy.latency_delta,
        Stream.FEEDBACK: policy.feedback_delta,
    }


def notes(of: Terms) -> tuple[str, ...]:
    """Say in sentences what every view must say of them."""
    said = [f"Latency objective: {of.slo_ms / 1000:.1f} s, {of.slo_why}."]
    if of.agreement and of.ceiling_n:
        said.append(
            f"Scores are agreement with the teacher, which agrees with itself in {100 * of.ceiling:.1f}% "
            f"({of.ceiling_n} answers): that is what the student is compared with."
        )
    elif of.agreement:
        said.append(
            "Scores are agreement with the teacher, whose agreement with itself is not measured and taken as 1: a "
            "student as good as a teacher whose answers vary looks worse than it is."
        )
    if of.judged and of.gold:
        said.append(f"People's labels, asked for on {100 * of.gold:g}% of the calls, correct the judge.")
    elif of.judged:
        said.append("Unaudited: the judge is believed, and a lenient one promotes a worse student.")
    return tuple(said)


def _objective(policy: RolloutPolicy, teacher_ms: float | None) -> tuple[float, str]:
    if policy.latency_slo_s is not None:
        return 1000 * policy.latency_slo_s, "as set"
    if teacher_ms is None:
        return (
            1000 * policy.timeout_s,
            "the student's time limit, because too few of the teacher's answers were timed",
        )
    if teacher_ms <= FASTEST_MS:
        return (
            FASTEST_MS,
            f"the least that is taken unasked (95% of the teacher's answers take {teacher_ms:.0f} ms)",
        )
    return teacher_ms, "within which 95% of the teacher's answers came before the rollout"
