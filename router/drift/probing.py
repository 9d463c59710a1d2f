"""Asks the teacher a frozen set of requests again, and keeps how far it agrees. Knows no HTTP and no metric."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from router.drift import probes
from router.drift.probes import ProbeWatch
from router.drift.settings import DriftPolicy
from router.drift.teacher import TeacherWatch
from router.steps import LIVE
from store.control import Control
from store.errors import StoreError
from store.vocabulary import Rollout, Watch, WatchKind

_log = logging.getLogger(__name__)


class Prober(Protocol):
    """Asks the teacher in the house's name."""

    def choose(self, task_id: str, version: int, most: int, after_ts: float) -> Sequence[str]:
        """Give ids of the teacher's whole and valid answers since a time, spread over them: what is asked again."""

    async def ask(
        self, task_id: str, version: int, attempts: Sequence[str], usd: float
    ) -> Mapping[str, float]:
        """Ask these again for at most `usd` US dollars a day; give the agreement with the first answer of those that came."""


class Probing:
    """Probes the teacher of every live rollout. `policies` takes a task id, `clock` gives Unix seconds."""

    def __init__(
        self,
        control: Control,
        prober: Prober,
        policies: Callable[[str], DriftPolicy],
        epoch: int,
        clock: Callable[[], float],
    ) -> None:
        self._control = control
        self._prober = prober
        self._policies = policies
        self._epoch = epoch
        self._clock = clock

    async def step(self) -> None:
        """Ask what is due. Raises StaleEpoch."""
        for rollout in self._control.rollouts(live=True):
            policy = self._policies(rollout.task_id)
            if rollout.state in LIVE and policy.enabled and policy.probes and policy.probe_usd_per_day:
                await self._probe(rollout, policy)

    async def _probe(self, rollout: Rollout, policy: DriftPolicy) -> None:
        known = {watch.kind: watch for watch in self._control.watches(rollout.rollout_id)}
        kept = known.get(WatchKind.PROBES) or Watch(rollout_id=rollout.rollout_id, kind=WatchKind.PROBES)
        named = known.get(WatchKind.TEACHER)
        systems = TeacherWatch.from_json(named.state).systems_seen if named else 0
        watch, now = ProbeWatch.from_json(kept.state), self._clock()
        if watch.attempts and watch.chosen < rollout.since:
            watch = ProbeWatch(day=watch.day)  # of another teacher: chosen afresh
        if not probes.due(watch, now, systems, policy):
            self._keep(kept, watch)
            return
        if not watch.attempts:
            first = rollout.since <= rollout.created  # no teacher was ever left behind
            since = 0.0 if first else rollout.since
            chosen = await asyncio.to_thread(
                self._prober.choose, rollout.task_id, rollout.task_version, policy.probes, since
            )
            if len(chosen) < probes.LEAST:
                return
            watch = replace(watch, attempts=tuple(chosen), chosen=now)
        watch = probes.asked(watch, now, systems)
        kept = self._keep(kept, watch)
        try:
            agreement = await self._prober.ask(
                rollout.task_id, rollout.task_version, watch.attempts, policy.probe_usd_per_day
            )
        except StoreError:
            _log.exception("the probes of rollout %s were not asked; tomorrow they are", rollout.rollout_id)
            return
        values = [agreement[attempt] for attempt in watch.attempts if attempt in agreement]
        self._keep(kept, probes.answered(watch, values, policy))

    def _keep(self, kept: Watch, watch: ProbeWatch) -> Watch:
        wanted = replace(kept, state=watch.to_json(), updated=self._clock())
        if wanted.state != kept.state:
            self._control.save_watch(wanted, self._epoch)
        return wanted
