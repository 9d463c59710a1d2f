"""Observe, decide, persist, publish. Knows no rule: `router.policy` decides, this only carries it out.

One transaction holds a decision whole: the rollout with its evidence, the observations it counted, the
transition and the route. A crash leaves the state before it or after it; the next tick goes on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from router import publish, record
from router.decision import Decision, Facts, Finding
from router.errors import RolloutRefused, RouterError
from router.evidence import Evidence, voided
from router.pairs import Patience
from router.policy import applied
from router.scan import first_decision
from router.settings import RolloutPolicy
from router.sight import PairLog, Sight
from router.steps import CONSUMING, LIVE, TERMINAL, share, standing
from router.verbs import obey
from store.control import Control, Order
from store.errors import NotFound, StaleEpoch, StoreError
from store.ids import new_id
from store.vocabulary import Job, JobKind, Observation, Role, Rollout, Route, State, Transition

_log = logging.getLogger(__name__)

_DAY_S = 86_400.0
_LONGEST_LOOK_S = 10.0  # a tick counts for no more waiting than this, whatever the clock says
Watcher = Callable[[Rollout, RolloutPolicy], Sequence[Finding]]
"""Gives what stands against a live rollout's comparison now (`router.decision.Finding`)."""

_SHADOWS = (Role.SHADOW, Role.REVERSE_SHADOW)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Made:
    """A decision with all that it was made from."""

    decision: Decision
    evidence: Evidence
    facts: Facts
    counted: Sequence[Observation] = ()
    order: Order | None = None


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
        self._pairs = log
        self._policies = policies
        self._epoch = epoch
        self._clock = clock
        self._score_name = score_name
        self._watchers = watchers
        self._sights: dict[str, Sight] = {}
        self._latest = 0.0  # the latest time seen: it never goes back
        self._looked = 0.0  # seconds of looking: it neither goes back nor jumps
        self._last_tick: float | None = None
        self._shadow_usd: dict[
            float, float
        ] = {}  # of the UTC day, by what an unknown price counts; for one tick

    def tick(self) -> list[Transition]:
        """Do all there is to do now; give the decisions made.

        Raises StaleEpoch when another leader exists: then stop. A fault of one rollout is logged and
        leaves the others alone.
        """
        now = self._pass_time()
        self._control.heartbeat(self._epoch, now)
        made = [t for order in self._control.orders(pending=True) for t in self._obey(order)]
        published = {route.rollout_id: route for route in self._control.routes()}
        live = self._control.rollouts(live=True)
        for rollout_id in [rollout.rollout_id for rollout in live]:
            try:
                made += self._attend(rollout_id, published.get(rollout_id))
            except StaleEpoch:
                raise
            except (StoreError, RouterError):
                _log.exception("rollout %s could not be attended to; it is tried again", rollout_id)
                self._sights.pop(rollout_id, None)
        self._sights = {
            kept: self._sights[kept] for kept in self._sights if kept in {r.rollout_id for r in live}
        }
        return made

    def _pass_time(self) -> float:
        now = self._clock()
        self._shadow_usd.clear()
        if self._last_tick is not None:
            self._looked += min(max(0.0, now - self._last_tick), _LONGEST_LOOK_S)
        self._last_tick = now
        self._latest = max(self._latest, now)
        return now

    def _attend(self, rollout_id: str, published: Route | None) -> list[Transition]:
        """Bring one rollout as far as it goes now, and its route up to date."""
        rollout = self._control.rollout(rollout_id)
        if rollout is None or rollout.state in TERMINAL:
            return []
        policy = self._policies(rollout.task_id)
        observations = self._observations(rollout, policy)
        made: list[Transition] = []
        while True:
            facts = self._facts(rollout, policy)
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
            rollout, transition = self._commit(
                rollout,
                policy,
                _Made(decision=found.decision, evidence=found.evidence, facts=facts, counted=counted),
            )
            made.append(transition)
            if (rollout.voiding, rollout.since_seq) != (before.voiding, before.since_seq):
                self._sights.pop(rollout_id, None)  # what it saw counts otherwise now
                observations = self._observations(rollout, policy)
        if counted:
            rollout = _counting(rollout, found.evidence, counted)
            self._control.observe(rollout, counted, self._epoch)
        if observations:  # resolved and not consumed: they are seen afresh when the rollout goes on
            self._sights.pop(rollout_id, None)
        self._publish(rollout, policy, self._route_of(rollout_id) if made else published)
        return made

    def _observations(self, rollout: Rollout, policy: RolloutPolicy) -> list[Observation]:
        if rollout.state not in CONSUMING:
            return []
        sight = self._sights.get(rollout.rollout_id)
        if sight is None:
            sight = Sight(self._pairs, rollout, self._score_name(rollout.task_id))
            self._sights[rollout.rollout_id] = sight
        if rollout.voiding:
            return sight.void(rollout.consumed_seq)
        patience = Patience(score_s=policy.score_timeout_s, conversation_s=policy.conversation_s)
        return sight.look(rollout.consumed_seq, patience, self._looked)

    def _facts(self, rollout: Rollout, policy: RolloutPolicy) -> Facts:
        if rollout.state == State.OFFLINE:
            evaluations = self._control.evaluations(rollout.student_id)
            return Facts(evaluation=evaluations[-1] if evaluations else None)
        if rollout.state not in LIVE:
            return Facts()
        task = self._control.task(rollout.task_id)
        facts = Facts(
            findings=tuple(finding for watcher in self._watchers for finding in watcher(rollout, policy)),
            trials=task.trials if task else 0,
        )
        if rollout.state == State.HOLD and not rollout.serving:
            sight = self._sights.get(rollout.rollout_id)
            return replace(facts, probes=sight.probes(rollout.entered) if sight else ())
        if share(rollout, policy) > 0:
            outcomes = self._pairs.student_outcomes(
                rollout.student_id, limit=policy.breaker_window, after_ts=rollout.entered
            )
            return replace(facts, outcomes=tuple(outcomes))
        return facts

    def _commit(self, rollout: Rollout, policy: RolloutPolicy, made: _Made) -> tuple[Rollout, Transition]:
        """Take a decision: one transaction. What must precede it comes first and may be repeated."""
        decision, now = made.decision, self._now(rollout)
        evidence = made.evidence
        if decision.unverified:
            evidence = replace(evidence, unverified=(*evidence.unverified, str(decision.target)))
        counted = _counting(rollout, evidence, made.counted)
        if decision.void == "all":
            counted = replace(counted, evidence=voided(evidence).to_json())
        after = applied(counted, decision, now)
        transition = Transition(
            transition_id=new_id(),
            rollout_id=rollout.rollout_id,
            task_id=rollout.task_id,
            ts=now,
            source=rollout.state,
            target=decision.target,
            cause=decision.cause,
            why=decision.why,
            share=share(after, policy),
            epoch=self._epoch,
            inputs=_inputs(rollout, after, policy, made, now),
            actor=decision.actor,
        )
        if decision.target == State.SHADOW and rollout.state == State.OFFLINE:
            self._supersede_others(after)
        if decision.target == State.ROLLED_BACK:
            self._redistil(rollout)
        route = self._route(after, policy)
        self._control.transition(after, transition, route, made.counted, self._epoch)
        _log.info("rollout %s: %s -> %s: %s", rollout.rollout_id, rollout.state, after.state, decision.why)
        return after, transition

    def _supersede_others(self, newer: Rollout) -> None:
        """End the older rollout of the same task version: the newer student begins from the teacher."""
        for older in self._control.rollouts(newer.task_id, live=True):
            if older.rollout_id == newer.rollout_id or older.task_version != newer.task_version:
                continue
            decision = Decision(
                target=State.SUPERSEDED,
                cause="superseded",
                why=f"A newer student, {newer.student_id}, passed its screen.",
            )
            evidence = Evidence.from_json(older.evidence)
            made = _Made(decision=decision, evidence=evidence, facts=Facts())
            self._commit(older, self._policies(older.task_id), made)

    def _redistil(self, rollout: Rollout) -> None:
        """Ask for a new student where this one was good at full share and is not any more."""
        cause = self._control.transitions(rollout_id=rollout.rollout_id)[-1]
        if cause.cause != "late_regression" or not cause.inputs.get("was_full"):
            return
        job = Job(
            job_id=new_id(),
            kind=JobKind.DISTILL,
            task_id=rollout.task_id,
            due=cause.ts,  # the same whenever this is repeated: the job is added once
            created=cause.ts,
            updated=cause.ts,
        )
        self._control.add_job(job, self._epoch)

    def _obey(self, order: Order) -> list[Transition]:
        """Carry out an order, or say why not. Repeated after a crash, it is not carried out twice."""
        made: list[Transition] = []
        try:
            made = self._carried_out(order)
            outcome = "done"
        except (RolloutRefused, NotFound) as refusal:
            outcome = f"refused: {refusal}"
        self._control.finish_order(order.order_id, outcome, self._epoch)
        return made

    def _carried_out(self, order: Order) -> list[Transition]:
        rollout = self._control.rollout(order.rollout_id)
        if rollout is None:
            raise NotFound(f"There is no rollout {order.rollout_id!r}.")
        before = self._control.transitions(rollout_id=order.rollout_id)
        if any(t.inputs.get("order", {}).get("order_id") == order.order_id for t in before):
            return []
        decision = obey(rollout, order.verb, actor=order.actor, reason=order.reason)
        evidence = Evidence.from_json(rollout.evidence)
        made = _Made(decision=decision, evidence=evidence, facts=Facts(), order=order)
        return [self._commit(rollout, self._policies(rollout.task_id), made)[1]]

    def _publish(self, rollout: Rollout, policy: RolloutPolicy, published: Route | None) -> None:
        """Rewrite a route whose student moved, whose money ran out, whose leader changed."""
        wanted = self._route(rollout, policy)
        if wanted is not None and not publish.same(wanted, published):
            self._control.save_route(wanted, self._epoch)

    def _route(self, rollout: Rollout, policy: RolloutPolicy) -> Route | None:
        student = self._control.student(rollout.student_id)
        versions = self._control.versions(rollout.task_id)
        version = next((v for v in versions if v.version == rollout.task_version), None)
        if student is None or version is None:
            return None
        return publish.route(
            rollout,
            student,
            version,
            policy,
            epoch=self._epoch,
            now=self._clock(),
            drawing=self._drawing(policy),
        )

    def _route_of(self, rollout_id: str) -> Route | None:
        return next((r for r in self._control.routes() if r.rollout_id == rollout_id), None)

    def _drawing(self, policy: RolloutPolicy) -> bool:
        """Say whether the UTC day's shadow money is not spent yet. An unknown price is not free."""
        unknown = policy.unknown_usd_per_call
        if unknown not in self._shadow_usd:
            now = self._clock()
            self._shadow_usd[unknown] = self._pairs.spend(now - now % _DAY_S, _SHADOWS, unknown)
        return self._shadow_usd[unknown] < policy.shadow_usd_per_day

    def _now(self, rollout: Rollout) -> float:
        return max(self._latest, rollout.entered)


def _counting(rollout: Rollout, evidence: Evidence, counted: Sequence[Observation]) -> Rollout:
    """Give the rollout with observations counted into its evidence."""
    seq = counted[-1].seq if counted else rollout.consumed_seq
    return replace(rollout, evidence=evidence.to_json(), consumed_seq=seq)


def _inputs(
    rollout: Rollout, after: Rollout, policy: RolloutPolicy, made: _Made, now: float
) -> dict[str, object]:
    kept: dict[str, object] = record.inputs(
        rollout, made.evidence, made.facts, policy, decision=made.decision, now=now
    )
    kept["consumed_seq"] = after.consumed_seq
    kept["was_full"] = standing(rollout) == State.FULL
    if (order := made.order) is not None:
        kept["order"] = {
            "order_id": order.order_id,
            "verb": order.verb,
            "actor": order.actor,
            "reason": order.reason,
        }
    return kept
