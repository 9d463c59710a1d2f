"""Observe, decide, persist, publish. Knows no rule: `router.policy` decides, `router.taking` carries it out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from router.errors import RouterError
from router.evidence import Evidence
from router.looking import Looking
from router.orders import Orders
from router.publisher import Publisher
from router.scan import first_decision
from router.seeing import Seeing, Watcher
from router.settings import RolloutPolicy
from router.sight import PairLog
from router.slices.naming import of_answers
from router.steps import TERMINAL
from router.taking import Made, Taker
from store.control import Control
from store.errors import StaleEpoch, StoreError
from store.vocabulary import Rollout, Transition

_log = logging.getLogger(__name__)


class Controller:
    """Moves every live rollout. One at a time: the leader of `epoch` runs it.

    `policies` and `score_name` take a task id; `clock` gives Unix seconds; each watcher gives what it finds
    against a live rollout.
    """

    def __init__(  # noqa: PLR0917 - the parts that it joins
        self,
        control: Control,
        log: PairLog,
        policies: Callable[[str], RolloutPolicy],
        epoch: int,
        clock: Callable[[], float],
        score_name: Callable[[str], str],
        watchers: Sequence[Watcher] = (),
    ) -> None:
        self._control = control
        self._policies = policies
        self._epoch = epoch
        self._clock = clock
        self._seeing = Seeing(control, log, score_name, watchers)
        self._publisher = Publisher(control, log, epoch, clock)
        self._taker = Taker(control, self._publisher, policies, epoch, score_name)
        self._orders = Orders(control, self._taker, epoch, self._now)
        self._latest = 0.0  # the latest time seen: it never goes back
        self._looking = Looking()

    def tick(self) -> list[Transition]:
        """Do all there is to do now; give the decisions made.

        Raises StaleEpoch when another leader exists: then stop. A fault of one rollout is logged and
        leaves the others alone.
        """
        now = self._pass_time()
        self._control.heartbeat(self._epoch, now)
        self._publisher.look()
        made = self._orders.obey()
        live = [rollout.rollout_id for rollout in self._control.rollouts(live=True)]
        for rollout_id in live:
            try:
                made += self._attend(rollout_id, now)
            except StaleEpoch:
                raise
            except (StoreError, RouterError):
                _log.exception("rollout %s could not be attended to; it is tried again", rollout_id)
                self._seeing.afresh(rollout_id)
        self._seeing.keep(live)
        return made

    def _attend(self, rollout_id: str, now: float) -> list[Transition]:
        """Bring one rollout as far as it goes now, and its route up to date."""
        rollout = self._control.rollout(rollout_id)
        if rollout is None or rollout.state in TERMINAL:
            return []
        policy = self._policies(rollout.task_id)
        was = rollout.listening.get("marks")
        rollout = self._seeing.listened(rollout, policy, self._looking.seconds)
        observations = self._seeing.observations(rollout, policy, self._looking.seconds)
        made: list[Transition] = []
        while True:
            facts = self._seeing.facts(rollout, policy, looked=self._looking.seconds, wall=now)
            found = first_decision(
                rollout,
                Evidence.from_json(rollout.evidence),
                observations,
                facts=facts,
                policy=policy,
                now=self._now(rollout),
            )
            counted, observations = observations[: found.taken], observations[found.taken :]
            if found.decision is None:
                break
            before = rollout
            step = Made(decision=found.decision, evidence=found.evidence, facts=facts, counted=counted)
            rollout, transition = self._taker.take(rollout, step, self._now(rollout))
            made.append(transition)
            if _counting(rollout) != _counting(before):
                self._seeing.afresh(rollout_id)  # what was seen counts otherwise now
                rollout = self._seeing.listened(rollout, policy, self._looking.seconds)
                observations = self._seeing.observations(rollout, policy, self._looking.seconds)
        if counted or rollout.listening.get("marks") != was:
            rollout = self._taker.count(rollout, found.evidence, counted)
        if observations:  # resolved and not consumed: they are seen afresh when the rollout goes on
            self._seeing.afresh(rollout_id)
        self._publisher.refresh(rollout, policy)
        return made

    def _pass_time(self) -> float:
        now = self._clock()
        self._looking.look(now)
        self._latest = max(self._latest, now)
        return now

    def _now(self, rollout: Rollout) -> float:
        """Give the time of a decision: the latest seen, so that none is made before the last one."""
        return max(self._latest, rollout.entered)


def _counting(rollout: Rollout) -> tuple[bool, int, frozenset[str]]:
    """Give all that says how drawn calls count."""
    return rollout.voiding, rollout.since_seq, of_answers(rollout.excluded)
