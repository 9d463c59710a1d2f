"""What the controller sees of a live rollout: its drawn calls, and the facts beside them. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from router.decision import Facts, Finding
from router.pairs import Patience
from router.settings import STEPS, RolloutPolicy
from router.sight import PAGE, PairLog, Sight
from router.slices.naming import of_answers
from router.steps import CONSUMING, LIVE, share, standing
from router.streams.guarding import Guarding
from router.streams.hearing import Hearing
from store.control import Control
from store.vocabulary import Drawn, Exposure, Observation, Rollout, State, Unit

_GAP_S = 60.0  # a wording's latest call is looked up so often
_BACK_S = 60.0  # with a clock that went back, so much of the past is looked at for failures

Watcher = Callable[[Rollout, RolloutPolicy], Sequence[Finding]]
"""Gives what stands against a live rollout's comparison now (`router.decision.Finding`)."""


class Seeing:
    """Looks at rollouts, and remembers from tick to tick what waits. `score_name` takes a task id.

    `looked`, everywhere, counts seconds of looking, not of any clock; `wall` is the clock's Unix seconds.
    """

    def __init__(
        self,
        control: Control,
        log: PairLog,
        score_name: Callable[[str], str],
        watchers: Sequence[Watcher],
    ) -> None:
        self._control = control
        self._log = log
        self._score_name = score_name
        self._watchers = watchers
        self._sights: dict[str, Sight] = {}
        self._exposures: dict[str, tuple[tuple[str, int], Exposure]] = {}  # by rollout: its step and trial
        self._gaps: dict[str, tuple[float, float]] = {}  # by rollout: when it was looked up, seconds
        self._guarding: dict[str, Guarding] = {}
        self._hearing = Hearing(log, lambda rollout: self._wordings(rollout)[0])

    def listened(self, rollout: Rollout, policy: RolloutPolicy, looked: float) -> Rollout:
        """Give the rollout with how long users were listened to. `looked` counts seconds of looking."""
        if rollout.state not in CONSUMING:
            return rollout
        return self._hearing.listen(rollout, policy.feedback_window_s, looked)

    def observations(self, rollout: Rollout, policy: RolloutPolicy, looked: float) -> list[Observation]:
        """Give what became final and is not counted yet: the guardrails', which wait for no score, first."""
        if rollout.state not in CONSUMING:
            return []
        guarding = self._guarding.get(rollout.rollout_id)
        if guarding is None:
            guarding = Guarding(partial(self._page, rollout), rollout)
            self._guarding[rollout.rollout_id] = guarding
        return [
            *guarding.look(rollout, policy.score_timeout_s, looked),
            *self._scores(rollout, policy, looked),
            *self._hearing.observations(rollout, policy),
        ]

    def _scores(self, rollout: Rollout, policy: RolloutPolicy, looked: float) -> list[Observation]:
        sight = self._sights.get(rollout.rollout_id)
        if sight is None:
            sight = Sight(self._log, rollout, self._score_name(rollout.task_id))
            self._sights[rollout.rollout_id] = sight
        if rollout.voiding:
            return sight.void(rollout.consumed_seq)
        patience = Patience(
            score_s=policy.score_timeout_s,
            conversation_s=policy.conversation_s,
            label_s=policy.label_timeout_s,
        )
        return sight.look(rollout.consumed_seq, patience, looked, of_answers(rollout.excluded))

    def _page(self, rollout: Rollout, after: int) -> list[Drawn]:
        return self._log.drawn(rollout.rollout_id, after, self._score_name(rollout.task_id), PAGE)

    def facts(self, rollout: Rollout, policy: RolloutPolicy, *, looked: float, wall: float) -> Facts:
        """Give what else is true of a rollout now, as far as its state asks for it."""
        if rollout.state == State.OFFLINE:
            evaluations = self._control.evaluations(rollout.student_id)
            users = self._log.users(self._wordings(rollout)[0]) if policy.unit == Unit.USER else 0
            return Facts(evaluation=evaluations[-1] if evaluations else None, users=users)
        if rollout.state not in LIVE:
            return Facts()
        task = self._control.task(rollout.task_id)
        facts = Facts(
            findings=tuple(finding for watcher in self._watchers for finding in watcher(rollout, policy)),
            trials=task.trials if task else 0,
            gap_s=self._gap(rollout, looked),
            speaks=standing(rollout) == State.CANARY_50 and self._hearing.speaks(rollout, looked),
        )
        if rollout.state == State.HOLD and not rollout.serving:
            sight = self._sights.get(rollout.rollout_id)
            return replace(facts, probes=sight.probes(rollout.entered) if sight else ())
        if share(rollout, policy) > 0:
            after = rollout.entered if wall >= rollout.entered else wall - _BACK_S
            outcomes = self._log.student_outcomes(
                rollout.student_id, limit=policy.breaker_window, after_ts=after
            )
            return replace(facts, outcomes=tuple(outcomes), exposed=self._exposed(rollout))
        return facts

    def afresh(self, rollout_id: str) -> None:
        """Forget what waits of a rollout: it is read again, and only the waiting starts anew."""
        self._sights.pop(rollout_id, None)
        self._guarding.pop(rollout_id, None)

    def keep(self, rollout_ids: Iterable[str]) -> None:
        """Forget all others."""
        kept = frozenset(rollout_ids)
        for known in (self._sights, self._guarding, self._exposures, self._gaps):
            for name in known.keys() - kept:
                del known[name]
        self._hearing.keep(kept)

    def _exposed(self, rollout: Rollout) -> int:
        """Count the calls given to the student at this step of the ramp; only new ones are read."""
        if rollout.state not in STEPS[1:]:
            return 0
        place = (str(rollout.state), rollout.since_seq)
        at, known = self._exposures.get(rollout.rollout_id, (place, Exposure(calls=0, seq=rollout.since_seq)))
        if at != place:
            known = Exposure(calls=0, seq=rollout.since_seq)
        new = self._log.exposure(rollout.rollout_id, place[0], known.seq)
        known = Exposure(calls=known.calls + new.calls, seq=new.seq)
        self._exposures[rollout.rollout_id] = (place, known)
        return known.calls

    def _gap(self, rollout: Rollout, looked: float) -> float:
        """Give the seconds between the latest call of this wording and of the task's others, looked up rarely."""
        at, gap = self._gaps.get(rollout.rollout_id, (looked - _GAP_S, 0.0))
        if looked - at >= _GAP_S:
            own, others = self._wordings(rollout)
            gap = max(0.0, self._log.latest(others) - max(rollout.created, self._log.latest(own)))
            self._gaps[rollout.rollout_id] = (looked, gap)
        return gap

    def _wordings(self, rollout: Rollout) -> tuple[list[str], list[str]]:
        """Give the fingerprints of the rollout's wording, and of the task's others."""
        own: list[str] = []
        others: list[str] = []
        for version in self._control.versions(rollout.task_id):
            (own if version.version == rollout.task_version else others).extend(version.fingerprints)
        return own, others
