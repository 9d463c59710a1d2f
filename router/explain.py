"""A rollout told in plain words, with its figures. Knows no console and decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from router import rules, words
from router.counts import Cell
from router.decision import Cause
from router.evidence import Evidence
from router.figures import FRESH, Figures, bars, measure
from router.partial.telling import partly
from router.settings import STEPS, RolloutPolicy
from router.slices import telling as slices
from router.slices.proving import unproven
from router.steps import LADDER, TERMINAL, share, standing
from router.streams import alarms
from router.streams.terms import notes
from store.vocabulary import Rollout, State, TaskMode, Transition, Who

_WAITS_FOR = {
    State.DRAFT: "the offline screen",
    State.OFFLINE: "the offline screen",
    State.AWAITING_APPROVAL: "a person's approval",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class StepStory:
    """One step's counts. `mean` and `lower` are differences of scores in [-1, 1]."""

    step: str
    pairs: int
    served: int  # of them, by the student
    missing: int
    void: int
    calls: int  # that the drawn ones stand for: an estimate from the draw probabilities
    mean: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """What happened, where it stands, what is still needed: each a list of sentences."""

    headline: str
    happened: tuple[str, ...]
    stands: tuple[str, ...]
    needed: tuple[str, ...]
    steps: tuple[StepStory, ...] = ()
    slices: tuple[slices.SliceStory, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Give the whole story as lines of text."""
        return [
            self.headline,
            *(f"  {said}" for said in self.happened),
            *self.stands,
            *(["Still needed:", *(f"  - {said}" for said in self.needed)] if self.needed else []),
        ]

    def to_json(self) -> dict[str, Any]:
        """Give the story as JSON."""
        return asdict(self)


def explain(
    transitions: Sequence[Transition], rollout: Rollout, policy: RolloutPolicy, *, now: float
) -> Story:
    """Tell the story of a rollout from its rows. Pure."""
    evidence = Evidence.from_json(rollout.evidence)
    figures, bar = measure(evidence, rollout, policy), bars(rollout, policy)
    whole = evidence.over()
    lower = evidence.lower(whole, bar.promote)
    partial = partly(rollout, evidence, policy) if rollout.partial else ()
    waiting = unproven(rollout)
    apart = slices.stories(rollout, evidence, policy, waiting)
    return Story(
        headline=_headline(rollout, policy),
        happened=tuple(_event(t) for t in transitions),
        stands=(
            *_stands(rollout, evidence, figures, lower, bar.promote),
            *partial,
            *slices.lines(rollout, evidence, apart, waiting),
        ),
        needed=() if rollout.state in TERMINAL else needed(rollout, evidence, policy, now=now),
        steps=tuple(_step(evidence, step) for step in LADDER if evidence.cell(step) != Cell()),
        slices=apart,
        figures={
            **words.record(figures, bar),
            "pairs_in_all": whole.paired,
            "mean": evidence.mean(whole),
            "lower": lower,
            "delta": rollout.delta,
            "alpha": rollout.alpha,
            "trial": rollout.trial,
            "share": share(rollout, policy),
            "unverified": list(evidence.unverified),
            "threshold": rollout.threshold,
            "kept": {f"{at:.4f}": one.kept.share for at, one in evidence.candidates.items()},
        },
    )


def needed(rollout: Rollout, evidence: Evidence, policy: RolloutPolicy, *, now: float) -> tuple[str, ...]:
    """Say what stands between a rollout and its next step."""
    state = rollout.state
    if state in STEPS and rollout.mode == TaskMode.OBSERVE:
        return ("nothing: in mode observe the student is only compared",)
    if state in STEPS:
        return _for_gate(rollout, evidence, measure(evidence, rollout, policy), policy, now)
    if state == State.HOLD:
        return _for_release(rollout, policy)
    word = _WAITS_FOR.get(state)
    return (word,) if word else ()


def _for_release(rollout: Rollout, policy: RolloutPolicy) -> tuple[str, ...]:
    ends = {
        Cause.PAUSED: "a person's order to resume",
        Cause.BREAKER: (
            f"{policy.breaker_probes} shadow calls of the student in a row that succeed and hold the margin"
        ),
    }
    return tuple(ends.get(Cause(cause), f"an end of {words.CAUSES[cause]}") for cause in rollout.held_for)


def _for_users(evidence: Evidence, policy: RolloutPolicy) -> list[str]:
    if alarms.clean(evidence, policy.min_served, policy.served_alpha):
        return []
    return [
        (
            f"if users of this task say what answers are worth: nothing against the student in {policy.min_served} of its "
            f"conversations at 25% and 50%, each {policy.feedback_window_s / 3600:g} h after its hour (there are "
            f"{alarms.heard(evidence)}), or the order `waive`"
        )
    ]


def _for_gate(
    rollout: Rollout, evidence: Evidence, figures: Figures, policy: RolloutPolicy, now: float
) -> tuple[str, ...]:
    step, bar = rollout.state, bars(rollout, policy)
    pairs, served = int(figures.pairs[0]), int(figures.served[0])
    said = []
    if pairs < policy.minima[step]:
        said.append(f"{policy.minima[step] - pairs} more pairs in step {step} (it has {pairs})")
    if step != State.SHADOW and served < policy.min_served:
        said.append(f"{policy.min_served - served} more pairs that the student served (there are {served})")
    if not rules.accounted(figures, policy)[0]:
        rate, most = 100 * float(figures.missing_rate[0]), 100 * policy.max_missing
        said.append(f"fewer missing pairs: {rate:.1f}% have no score, at most {most:g}% may")
    if figures.promote[0] < bar.promote:
        said.append(
            f"more evidence: wealth {words.wealth(float(figures.promote[0]))} of {words.wealth(bar.promote)}"
        )
    if step == State.CANARY_50 and figures.fresh[0] < bar.promote:
        fresh = words.wealth(float(figures.fresh[0]))
        said.append(
            f"more evidence from pairs at 25% and 50% alone: wealth {fresh} of {words.wealth(bar.promote)}"
        )
    if step == State.CANARY_50 and figures.fresh_served[0] < bar.served:
        served_wealth = words.wealth(float(figures.fresh_served[0]))
        said.append(
            f"more evidence from pairs that the student served at 25% and 50%: wealth {served_wealth} of "
            f"{words.wealth(bar.served)}"
        )
    if step == State.CANARY_50 and rules.WAIVABLE not in rollout.waived:
        said += _for_users(evidence, policy)
    if not rules.dwelt(rollout, policy, now):
        said.append(f"{policy.dwell_s - (now - rollout.entered):.0f} more seconds in step {step}")
    return tuple(said)


def _headline(rollout: Rollout, policy: RolloutPolicy) -> str:
    state = f"held at {standing(rollout)}" if rollout.state == State.HOLD else str(rollout.state)
    answers = "answers what it is sure of among" if rollout.partial else "answers"
    return (
        f"Task {rollout.task_id} version {rollout.task_version}, student {rollout.student_id}, trial "
        f"{rollout.trial}: {state}, the student {answers} {100 * share(rollout, policy):g}% of calls "
        f"(margin {words.points(-rollout.delta)}, alpha {rollout.alpha:g}, profile {rollout.profile}, "
        f"mode {rollout.mode})."
    )


def _event(transition: Transition) -> str:
    at = datetime.fromtimestamp(transition.ts, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{at}  {transition.source} -> {transition.target}  [{transition.cause}] {transition.why}"


def _stands(
    rollout: Rollout, evidence: Evidence, figures: Figures, lower: float, threshold: float
) -> tuple[str, ...]:
    whole = evidence.over()
    if not whole.paired:
        return ("No pair has been compared yet.", *notes(rollout.terms))
    served = evidence.over(None, Who.STUDENT).paired
    who = "What the app receives" if rollout.partial else "The student"
    said = [
        (
            f"{whole.paired} pairs compared ({served} served by the student; {whole.missing} missing, "
            f"{whole.void} duplicates left out), standing for about {whole.calls:.0f} calls."
        ),
        (
            f"{who} is {words.points(evidence.mean(whole) or 0.0)} to the teacher on average, at least "
            f"{words.points(lower)} (lower bound, valid at every moment); the margin is "
            f"{words.points(-rollout.delta)}."
        ),
        (
            f"Wealth against 'worse than the margin': {words.wealth(float(figures.promote[0]))}, needed "
            f"{words.wealth(threshold)}; the last gate's own, from {evidence.over(FRESH).paired} pairs at 25% "
            f"and more: {words.wealth(float(figures.fresh[0]))}."
        ),
    ]
    said += notes(rollout.terms)
    if rollout.waived:
        said.append(f"Waived by an operator: {', '.join(rollout.waived)}.")
    if evidence.unverified:
        said.append(f"Unverified, on an operator's word: {', '.join(evidence.unverified)}.")
    return tuple(said)


def _step(evidence: Evidence, step: State) -> StepStory:
    cell = evidence.cell(step)
    return StepStory(
        step=str(step),
        pairs=cell.paired,
        served=evidence.cell(step, Who.STUDENT).paired,
        missing=cell.missing,
        void=cell.void,
        calls=round(cell.calls),
        mean=evidence.mean(cell),
    )
