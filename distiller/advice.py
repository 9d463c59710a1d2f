"""What to do about a task that does not get its student, in plain words. Pure: knows no store.

Each piece of advice names what was seen, what it means, and what helps, the likeliest first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

THIN = 1000  # train rows below which more calls are the first thing that helps
_OVERFIT_LOSS = 0.02  # nats a token: the rows are known by heart
_TOO_LONG = 0.02  # share of rows
_LEFT_OUT = 0.2
_RARE = 20  # rows of a label below which it is hardly learnt
_BASE_GAP = 0.02  # by which a ceiling must fall short to be worth a word
_SLOW_MS = 3000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What is known of a task's last try. None: not measured, or there was none."""

    complete: int  # complete calls of the teacher
    needed: int  # of them before a first try
    train: int | None = None  # rows
    heldout: int | None = None
    rarest: int | None = None  # rows of the rarest answer of a closed set
    labels: int | None = None  # answers of the closed set
    left_out: dict[str, int] = field(default_factory=dict)  # calls, by reason
    too_long: int = 0  # rows beyond training.max_length
    loss: float | None = None  # at the end of training, nats a token
    student: float | None = None  # mean score on held-out calls
    teacher: float | None = None
    base: float | None = None  # of the base student as it is
    ceiling: float | None = None  # the teacher's agreement with itself
    parity: float | None = None
    latency_ms: float | None = None  # median, a few asked at once
    passed: bool = False
    delta: float = 0.03
    missing: tuple[str, ...] = ()  # conditions that readiness names
    failed_live: str = ""  # why the rollout of its newest student ended, where it was taken off


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """One finding. `level` is ok, note or warning."""

    name: str
    level: str
    text: str


def advise(case: Case) -> list[Advice]:
    """Return what is worth saying, the likeliest cause first; one `ok` where nothing is."""
    found = [*_before(case), *_live(case), *_data(case), *_training(case), *_serving(case)]
    if found:
        return found
    text = (
        "The last student passed its screen."
        if case.passed
        else "Nothing stands out; a first try is due when the task is ready."
    )
    return [Advice(name="task", level="ok", text=text)]


def _live(case: Case) -> Iterator[Advice]:
    if case.failed_live:
        yield Advice(
            name="rollout",
            level="warning",
            text=f"The last student passed its screen and was taken off in live traffic: {case.failed_live} `stillhouse explain` has all of it; the "
            "next distillation learns from the newest calls.",
        )


def _before(case: Case) -> Iterator[Advice]:
    for words in case.missing:
        yield Advice(name="not ready", level="note", text=f"{words[:1].upper()}{words[1:]}.")
    if case.teacher is not None and case.teacher < 0.5:  # noqa: PLR2004 - worse than a coin
        yield Advice(
            name="teacher",
            level="warning",
            text=f"The teacher itself scores {case.teacher:.0%}: a student learns its mistakes. Better instructions for the teacher, or "
            "corrections by feedback, come first.",
        )
    if case.ceiling is not None and case.ceiling < 1 - _BASE_GAP:
        yield Advice(
            name="ceiling",
            level="note",
            text=f"Asked twice, the teacher agrees with itself on {case.ceiling:.1%}: no student is measured against more. A temperature of 0 "
            "or a clearer instruction raises it.",
        )


def _data(case: Case) -> Iterator[Advice]:
    if case.train is None or case.passed:
        return
    if case.train < THIN:
        yield Advice(
            name="thin data",
            level="warning",
            text=f"{case.train:,} rows to learn from. Small students still gain from every thousand: wait for more calls, or bring in old ones "
            "(`stillhouse import`).",
        )
    if case.rarest is not None and case.labels is not None and case.rarest < _RARE:
        yield Advice(
            name="rare answers",
            level="note",
            text=f"The rarest of {case.labels} answers has {case.rarest} rows; below {_RARE} it is hardly learnt. More calls help, or a partial cutover.",
        )
    gone = sum(case.left_out.values())
    if gone > _LEFT_OUT * (gone + case.train + (case.heldout or 0)):
        why, count = max(case.left_out.items(), key=lambda item: item[1])
        yield Advice(
            name="left out",
            level="warning",
            text=f"{gone:,} calls were left out, most of them ({count:,}) for: {why}.",
        )
    if case.too_long > _TOO_LONG * (case.train + case.too_long):
        yield Advice(
            name="long rows",
            level="warning",
            text=f"{case.too_long:,} rows are longer than distiller.training.max_length and were not learnt: raise it, or leave the constant "
            "instructions out (rung internalised).",
        )


def _training(case: Case) -> Iterator[Advice]:
    if case.passed or case.student is None or case.teacher is None:
        return
    gap = case.teacher - case.student
    if case.loss is not None and case.loss < _OVERFIT_LOSS and gap > case.delta:
        yield Advice(
            name="overfitting",
            level="warning",
            text=f"Training ended at a loss of {case.loss:.3f} and the student is {gap:.3f} below the teacher on calls it has not seen: it knows its rows "
            "by heart. More calls help most; fewer epochs or a lower rank help some.",
        )
    elif case.loss is not None and gap > case.delta:
        yield Advice(
            name="underfitting",
            level="warning",
            text=f"The student is {gap:.3f} below the teacher, and its loss ended at {case.loss:.3f}: it has not learnt the task yet. More calls or "
            "epochs, a higher rank, or a larger base (`student.base`) help.",
        )
    if case.base is not None and case.student is not None and case.student <= case.base:
        yield Advice(
            name="no gain",
            level="warning",
            text=f"Training brought nothing ({case.student:.3f} against {case.base:.3f} untrained): look at a few rows of the trainset, they may not say "
            "what the app asks.",
        )


def _serving(case: Case) -> Iterator[Advice]:
    if case.parity is not None and case.parity < 0.98:  # noqa: PLR2004 - `distiller.evaluation.parity`
        yield Advice(
            name="parity",
            level="warning",
            text=f"The served student scores like the trained one on {case.parity:.1%} of held-out prompts: template, program or quantisation differ.",
        )
    if case.latency_ms is not None and case.latency_ms > _SLOW_MS:
        yield Advice(
            name="slow",
            level="note",
            text=f"Half of the answers took more than {case.latency_ms / 1000:.1f} s: a shorter prompt (rung internalised), fewer slots "
            "(`student.parallel`), a classifier, or a GPU.",
        )
