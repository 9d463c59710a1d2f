"""A simulated answer in plain words. Knows no terminal and no engine."""

from __future__ import annotations

from router.simulation.question import Answer, Question, Spread
from router.simulation.world import World
from router.words import points

_HOURS = 2.0  # days below which hours are said


def lines(question: Question, answer: Answer) -> list[str]:
    """Say what was assumed and what came of it."""
    return [*_assumed(question), *_reached(answer), *_paid(question, answer), *_steps(answer), _wrong(answer)]


def _assumed(q: Question) -> list[str]:
    live = "" if q.world.live is None else f" in shadow and {points(q.world.live)} when it serves"
    return [
        (
            f"Assumed: {q.calls_per_day:,.0f} calls a day; a teacher that scores {q.world.teacher:.2f}; a student "
            f"{points(q.world.gap)} to it{live}, whose score differs on {100 * q.world.disagreement:.0f}% of calls; "
            f"margin {points(-q.policy.delta)}, alpha {q.policy.alpha:g}, first try, profile {q.policy.profile}."
        ),
        *_judged(q.world),
    ]


def _judged(world: World) -> list[str]:
    """Say whose word is compared, where it is not people's own."""
    if world.judge == 1.0 and not world.gold:
        return []
    sees = f"A judge sees {_share(world.judge)} of the differences that people see"
    if not world.gold:
        return [f"{sees}, and is believed: what is guaranteed is about its word, not about theirs."]
    return [
        (
            f"{sees}; people label {_share(world.gold)} of the pairs, which corrects it, and the test is "
            f"{world.scale:.3g} times coarser for that."
        )
    ]


def _reached(a: Answer) -> list[str]:
    said = [f"Of {a.runs} simulated rollouts {_share(a.full)} reached full share"]
    if a.rolled_back:
        why = ", ".join(f"{cause} {n}" for cause, n in sorted(a.causes.items()))
        said.append(f"{_share(a.rolled_back)} were rolled back ({why})")
    if a.inconclusive:
        said.append(f"{_share(a.inconclusive)} ended without an answer")
    sentences = [", ".join(said) + "."]
    if a.days is not None and a.calls is not None:
        sentences.append(
            f"Time to full share: {_days(a.days.median)} (median; nine of ten within {_days(a.days.p90)}), that is "
            f"{_count(a.calls)} calls, {_count(a.pairs)} compared pairs, of them {_count(a.served)} that the "
            "student served (median/90th percentile)."
        )
    if a.ended is not None:
        sentences.append(f"Those that were not: {_count(a.ended)} calls until that was clear.")
    return sentences


def _paid(q: Question, a: Answer) -> list[str]:
    said = []
    if a.usd is not None:
        parts = [
            f"{_usd(part)} for {what}"
            for part, what in (
                (a.usd_teacher, "the teacher beside the student (reverse shadow)"),
                (a.usd_student, "the student beside the teacher (shadow)"),
                (a.usd_judge, "the judge"),
            )
            if part is not None and part.p90 > 0
        ]
        cost = f"Cost of comparing: {_usd(a.usd)}" + (f": {', '.join(parts)}" if parts else "")
        unknown = (
            f". Not in it, for want of a price: the {' and the '.join(a.unpriced)}" if a.unpriced else ""
        )
        said.append(f"{cost}{unknown}.")
        if not a.unpriced and a.saved_usd is not None:
            said.append(f"Saved meanwhile by what the student answered: {_usd(a.saved_usd)}.")
    if a.gold is not None:
        said.append(
            f"Gold labels: {_count(a.gold)}, at {100 * q.world.gold:g}% of the answers compared: they correct the judge, so "
            "the bound is about what people say."
        )
    return said


def _steps(a: Answer) -> list[str]:
    return [
        f"  {step.step:10} {_days(step.days):>10}  {step.calls:>8,} calls  {step.pairs:>6,} pairs"
        f"  {step.served:>6,} served by the student"
        for step in a.steps
    ]


def _wrong(a: Answer) -> str:
    w = a.wrong
    return (
        f"A wrong promotion: of {w.runs:,} students exactly at the margin {_share(w.full)} reached full share (at most "
        f"{100 * w.upper:.2g}% with 95% confidence), {_share(w.left_shadow)} left shadow. Guaranteed is at most "
        f"{100 * w.bound:.3g}% for the first try."
    )


def _share(part: float) -> str:
    return f"{100 * part:.3g}%"


def _count(spread: Spread | None) -> str:
    return "-" if spread is None else f"{spread.median:,.0f}/{spread.p90:,.0f}"


def _usd(spread: Spread) -> str:
    return f"${spread.median:,.2f}/{spread.p90:,.2f}"


def _days(days: float) -> str:
    return f"{24 * days:.1f} hours" if days < _HOURS else f"{days:.1f} days"
