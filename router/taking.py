"""How a decision is carried out: one transaction, and what must precede it. Decides nothing.

The transaction holds the decision whole: the rollout with its evidence, the observations it counted, the
transition and the route. A crash leaves the state before it or after it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from router import record
from router.decision import Decision, Facts
from router.evidence import Evidence
from router.policy import applied, left
from router.publisher import Publisher
from router.settings import RolloutPolicy
from router.steps import share, standing
from store.control import Control, Order
from store.ids import new_id
from store.vocabulary import Job, JobKind, Observation, Rollout, State, Stream, TaskMode, Transition

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A decision with all that it was made from."""

    decision: Decision
    evidence: Evidence
    facts: Facts = field(default_factory=Facts)
    counted: Sequence[Observation] = ()
    order: Order | None = None


class Taker:
    """Takes decisions under one leader's epoch. `policies` and `score_name` take a task id."""

    def __init__(
        self,
        control: Control,
        publisher: Publisher,
        policies: Callable[[str], RolloutPolicy],
        epoch: int,
        score_name: Callable[[str], str],
    ) -> None:
        self._control = control
        self._publisher = publisher
        self._policies = policies
        self._epoch = epoch
        self._score_name = score_name

    def take(self, rollout: Rollout, made: Made, now: float) -> tuple[Rollout, Transition]:
        """Write a decision; give the rollout as it is then. What must precede it comes first and may be repeated."""
        decision, policy = made.decision, self._policies(rollout.task_id)
        after = _after(rollout, made, now)
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
            inputs=record.sealed(
                {
                    **_inputs(rollout, after, policy, made, now),
                    "versions": record.versions(
                        policy,
                        self._control.student(rollout.student_id),
                        self._score_name(rollout.task_id),
                        self._control.watches(rollout.rollout_id),
                    ),
                }
            ),
            actor=decision.actor,
        )
        if decision.target == State.SHADOW and rollout.state == State.OFFLINE:
            self._supersede_others(after, now)
        if decision.target == State.ROLLED_BACK:
            self._redistil(rollout)
        route = self._publisher.route(after, policy)
        self._control.transition(after, transition, route, made.counted, self._epoch)
        self._publisher.committed(rollout.rollout_id, route)
        _log.info("rollout %s: %s -> %s: %s", rollout.rollout_id, rollout.state, after.state, decision.why)
        return after, transition

    def count(self, rollout: Rollout, evidence: Evidence, counted: Sequence[Observation]) -> Rollout:
        """Write observations that decided nothing; give the rollout with them."""
        after = _counting(rollout, evidence, counted)
        self._control.observe(after, counted, self._epoch)
        return after

    def _supersede_others(self, newer: Rollout, now: float) -> None:
        """End the older rollout of the same task version: the newer student begins from the teacher."""
        for older in self._control.rollouts(newer.task_id, live=True):
            if older.rollout_id == newer.rollout_id or older.task_version != newer.task_version:
                continue
            decision = Decision(
                target=State.SUPERSEDED,
                cause="superseded",
                why=f"A newer student, {newer.student_id}, passed its screen.",
            )
            made = Made(decision=decision, evidence=Evidence.from_json(older.evidence))
            self.take(older, made, max(now, older.entered))

    def _redistil(self, rollout: Rollout) -> None:
        """Ask for a new student where this one was good at full share and is not any more.

        In mode observe nobody is distilled but on request.
        """
        cause = self._control.transitions(rollout_id=rollout.rollout_id)[-1]
        observed = self._policies(rollout.task_id).mode == TaskMode.OBSERVE
        if cause.cause != "late_regression" or not cause.inputs.get("was_full") or observed:
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


def _after(rollout: Rollout, made: Made, now: float) -> Rollout:
    evidence = left(made.evidence, made.decision)
    return applied(_counting(rollout, evidence, made.counted), made.decision, now)


def _counting(rollout: Rollout, evidence: Evidence, counted: Sequence[Observation]) -> Rollout:
    """Give the rollout with observations counted into its evidence."""
    seqs = dict(rollout.counted_seq)
    for o in counted:
        seqs[str(o.stream)] = max(o.seq, seqs.get(o.stream, 0))
    consumed = max(rollout.consumed_seq, seqs.pop(Stream.SCORE, 0))
    return replace(rollout, evidence=evidence.to_json(), consumed_seq=consumed, counted_seq=seqs)


def _inputs(
    rollout: Rollout, after: Rollout, policy: RolloutPolicy, made: Made, now: float
) -> dict[str, Any]:
    kept = record.inputs(rollout, made.evidence, made.facts, policy, decision=made.decision, now=now)
    kept["consumed_seq"], kept["counted_seq"] = after.consumed_seq, after.counted_seq
    kept["was_full"] = standing(rollout) == State.FULL
    if (order := made.order) is not None:
        kept["order"] = {
            "order_id": order.order_id,
            "verb": order.verb,
            "actor": order.actor,
            "reason": order.reason,
            "slice": order.slice,
        }
    return kept
