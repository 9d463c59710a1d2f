"""Decides an offline evaluation from its scores. Pure: knows no endpoint and no metric."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from distiller.evaluation.bounds import lower_bound, upper_bound
from distiller.evaluation.ceiling import Ceiling
from distiller.evaluation.parity import Parity
from distiller.settings import SCREEN_N
from store.vocabulary import Verdict

LEVEL = 0.8
MIN_UNITS = SCREEN_N
PEEK = 48  # held-out calls of the first look
_MAX_MISSING = 0.02
_HOPELESS = 0.99


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One held-out call. A student that failed has student 0.0; None is unscored."""

    call_id: str
    unit: str
    student: float | None
    teacher: float | None
    failed: bool = False  # the student gave no complete answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Screen:
    """The figures and what they mean. Means are None where nothing was scored."""

    n: int  # independent units
    student_mean: float | None
    teacher_mean: float | None
    delta_mean: float | None
    delta_lower: float | None
    verdict: Verdict
    why: str


def futile(judged: Sequence[Judged], *, delta: float) -> bool:
    """Tell whether a first look leaves no hope: the one-sided 99% upper bound of D lies below -2 delta.

    Stopping then can only fail a student, never pass one, so it costs no alpha.
    """
    deltas = _deltas([j for j in judged if j.student is not None and j.teacher is not None])
    return len(deltas) >= PEEK // 2 and upper_bound(deltas, _HOPELESS) < -2 * delta


def decide(
    judged: Sequence[Judged],
    *,
    delta: float,
    parity: Parity | None,
    min_units: int = MIN_UNITS,
    ceiling: Ceiling | None = None,
) -> Screen:
    """Screen a student: pass when the 80% lower bound of D = student - teacher lies above -2 delta.

    D is averaged within a conversation first. Unscored calls beyond 2%, or fewer than `min_units`
    conversations, make it inconclusive; a student that never answered, or an endpoint worse than the trained
    weights, is an error of the set-up, not a judgement of the student. `ceiling`: what the teacher scores where
    its own answers are the reference, so that the verdict says it.
    """
    scored = [j for j in judged if j.student is not None and j.teacher is not None]
    figures = _figures(scored)
    verdict, why = _rule(judged, scored, figures, delta=delta, parity=parity, min_units=min_units)
    return Screen(
        n=figures.n,
        student_mean=figures.student,
        teacher_mean=figures.teacher,
        delta_mean=figures.mean,
        delta_lower=figures.lower,
        verdict=verdict,
        why=f"{why}; {ceiling.words()}" if ceiling and figures.n else why,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Figures:
    n: int = 0
    student: float | None = None
    teacher: float | None = None
    mean: float | None = None
    lower: float | None = None


def _units(scored: Sequence[Judged]) -> list[tuple[float, float]]:
    """Return the mean scores of student and teacher, by conversation."""
    units: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in scored:
        units[one.unit].append((one.student or 0.0, one.teacher or 0.0))
    return [(fmean(s for s, _ in pairs), fmean(t for _, t in pairs)) for pairs in units.values()]


def _deltas(scored: Sequence[Judged]) -> list[float]:
    return [student - teacher for student, teacher in _units(scored)]


def _figures(scored: Sequence[Judged]) -> _Figures:
    units, deltas = _units(scored), _deltas(scored)
    if not units:
        return _Figures()
    return _Figures(
        n=len(deltas),
        student=fmean(student for student, _ in units),
        teacher=fmean(teacher for _, teacher in units),
        mean=fmean(deltas),
        lower=lower_bound(deltas, LEVEL) if len(deltas) > 1 else None,
    )


def _rule(
    judged: Sequence[Judged],
    scored: Sequence[Judged],
    figures: _Figures,
    *,
    delta: float,
    parity: Parity | None,
    min_units: int,
) -> tuple[Verdict, str]:
    failed = sum(j.failed for j in judged)
    unscored = len(judged) - len(scored)
    if judged and failed == len(judged):
        return Verdict.ERROR, f"the student's server answered none of {len(judged)} held-out calls"
    if parity is not None and parity.broken:
        return Verdict.ERROR, _disparity(parity)
    if unscored > _MAX_MISSING * len(judged):
        return Verdict.INCONCLUSIVE, f"{unscored} of {len(judged)} held-out calls could not be scored"
    if figures.n < min_units or figures.lower is None:
        return Verdict.INCONCLUSIVE, f"{figures.n} held-out conversations, {min_units} are needed"
    passed = figures.lower > -2 * delta
    sign = ">" if passed else "<="
    words = (
        f"student {figures.student:.3f}, teacher {figures.teacher:.3f} on {figures.n} held-out conversations; "
        f"80% lower bound of the difference {figures.lower:+.4f} {sign} {-2 * delta:+.4f}"
    )
    return (Verdict.PASS if passed else Verdict.FAIL), words


def _disparity(parity: Parity) -> str:
    return (
        f"the served student scores like the trained one on {parity.share:.1%} of {parity.prompts} held-out prompts, "
        f"and lower on {parity.worse}, higher on {parity.better}: what is served is not what was trained "
        "(template, quantisation or program)"
    )
