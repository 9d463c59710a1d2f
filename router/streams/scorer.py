"""Whether a rollout's scores are still made by what made those that were counted. Knows no metric and no score.

A metric's own code, a judge's program, its model or its criterion that changes is another version under the same name:
what was counted is void, and the next trial counts what the new version says. Another metric is more than that: what the
student was screened on and the terms of its rollout (whose word corrects a judge, what the teacher agrees with itself) are
the old one's, so the rollout is held until the old one is back, or it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from router.decision import Cause, Finding
from router.settings import RolloutPolicy
from router.steps import LIVE
from store.control import Control
from store.vocabulary import Rollout, Watch, WatchKind


class Scorer(NamedTuple):
    """What makes a task's scores."""

    name: str  # under which they stand
    version: str  # another one may give other values


def change(known: Scorer, now: Scorer) -> Finding | None:
    """Give what stands against scores of both in one comparison: nothing where they are the same."""
    if known == now:
        return None
    if known.name != now.name:
        why = (
            f"Answers are scored by {now.name}, and the student was evaluated by {known.name}: what was compared is "
            f"void, and nothing can be compared until {known.name} is back or the student is evaluated anew."
        )
    else:
        why = (
            f"What scores answers is another one: {now.name} is version {now.version}, it was {known.version} when the "
            "student was compared."
        )
    return Finding(
        cause=Cause.JUDGE_CHANGED,
        why=why,
        figures={"name": now.name, "version": now.version, "before": list(known)},
        void="all",
    )


class ScorerWatch:
    """Finds scores of another version. `scorer` takes a task id and gives None while it is not known."""

    def __init__(
        self,
        control: Control,
        scorer: Callable[[str], tuple[str, str] | None],
        epoch: int,
        clock: Callable[[], float],
    ) -> None:
        self._control = control
        self._scorer = scorer
        self._epoch = epoch
        self._clock = clock
        self._known: dict[str, Scorer] = {}  # by rollout, as it is written

    def __call__(self, rollout: Rollout, _policy: RolloutPolicy) -> list[Finding]:
        """Give what stands against a rollout now; raises StaleEpoch.

        What was voided for a version is compared under the new one from then on.
        """
        told = self._scorer(rollout.task_id)
        if told is None or rollout.state not in LIVE:
            return []
        now, known = Scorer(*told), self._before(rollout)
        voided = Cause.JUDGE_CHANGED in rollout.held_for
        if known is None or (voided and known != now and known.name == now.name):
            self._keep(rollout, now)
            return []
        found = change(known, now)
        return [] if found is None else [found]

    def _before(self, rollout: Rollout) -> Scorer | None:
        name = rollout.rollout_id
        if name not in self._known:
            written = [w for w in self._control.watches(name) if w.kind == WatchKind.SCORER]
            if not written:
                return None
            self._known[name] = Scorer(**written[0].state)
        return self._known[name]

    def _keep(self, rollout: Rollout, now: Scorer) -> None:
        watch = Watch(
            rollout_id=rollout.rollout_id,
            kind=WatchKind.SCORER,
            state=now._asdict(),
            updated=self._clock(),
        )
        self._control.save_watch(watch, self._epoch)
        self._known[rollout.rollout_id] = now
