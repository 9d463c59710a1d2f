"""Gives every fingerprint of the log a task and a version. The decision is `place`; this is its I/O."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from distiller.grouping.place import Kind, Known, KnownVersion, Placement, Sighting, place
from distiller.grouping.words import shingles, text_of
from distiller.settings import DistillerSettings, Policies
from store.vocabulary import Task, TaskMode, TaskVersion

if TYPE_CHECKING:
    from distiller.scoring.shapes import Shapes
    from store.control import Control
    from store.log import FingerprintSeen, Log


class Grouper:
    """Reads new fingerprints, writes tasks and their versions. One per control process."""

    def __init__(
        self,
        *,
        log: Log,
        control: Control,
        epoch: int,
        shapes: Shapes,
        policies: Policies | None = None,
        settings: DistillerSettings | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._log = log
        self._control = control
        self._epoch = epoch
        self._shapes = shapes
        self._policies = policies or Policies()
        self._similarity = (settings or DistillerSettings()).similarity
        self._now = now
        self._after = 0
        self._seen: dict[str, Sighting] = {}  # by fingerprint, as first seen by this process

    def step(self) -> int:
        """Place what is new and settle the tasks' modes; return how many fingerprints were placed."""
        rows = self._log.seen_fingerprints(self._after)
        self._after = max([self._after, *(row.last_seq for row in rows)])
        homeless = [s for s in self._fresh(rows) if self._control.version_of(s.fingerprint) is None]
        for sighting in homeless:
            self._write(sighting, place(sighting, self._known(), self._similarity))
        if rows:
            self._settle_modes({row.fingerprint for row in rows})
        return len(homeless)

    def _fresh(self, rows: list[FingerprintSeen]) -> list[Sighting]:
        """Return the fingerprints that this process had not seen, oldest first."""
        fresh: list[Sighting] = []
        for row in sorted(rows, key=lambda row: row.first_ts):
            if row.fingerprint and row.fingerprint not in self._seen:
                sighting = Sighting(
                    fingerprint=row.fingerprint,
                    tenant=row.tenant,
                    task_name=row.task_name or None,
                    model=row.model,
                    head_hash=row.head_hash,
                    text=text_of(row.head),
                )
                self._seen[row.fingerprint] = sighting
                fresh.append(sighting)
        return fresh

    def _known(self) -> list[Known]:
        return [self._known_task(task) for task in self._control.tasks()]

    def _known_task(self, task: Task) -> Known:
        versions = self._control.versions(task.task_id)
        sightings = [self._seen[f] for v in versions for f in v.fingerprints if f in self._seen]
        return Known(
            task_id=task.task_id,
            tenant=task.tenant,
            name=task.name,
            explicit=task.explicit,
            models=frozenset(s.model for s in sightings),
            headless=bool(sightings) and not any(s.text for s in sightings),
            versions=tuple(self._known_version(v) for v in sorted(versions, key=lambda v: v.version)),
            called=task.called,
            last_version=task.last_version,
        )

    def _known_version(self, version: TaskVersion) -> KnownVersion:
        sightings = [self._seen[f] for f in version.fingerprints if f in self._seen]
        return KnownVersion(
            version=version.version,
            head_hash=version.head_hash,
            models=frozenset(s.model for s in sightings),
            shingles=shingles(sightings[-1].text) if sightings else frozenset(),
        )

    def _write(self, seen: Sighting, placement: Placement) -> None:
        """Write the task first, then its version: a version without a task cannot be."""
        now = self._now()
        if placement.kind is Kind.NEW_TASK:
            task = Task(
                task_id=placement.task_id,
                tenant=seen.tenant,
                name=placement.name,
                explicit=placement.explicit,
                called=(placement.name,) if placement.explicit else (),
                created=now,
            )
            mode = self._mode(task, headless=placement.headless)
            self._control.save_task(replace(task, mode=mode), self._epoch)
        versions = {v.version: v for v in self._control.versions(placement.task_id)}
        version = versions.get(placement.version) or TaskVersion(
            task_id=placement.task_id, version=placement.version, head_hash=seen.head_hash, created=now
        )
        widened = replace(version, fingerprints=(*version.fingerprints, seen.fingerprint))
        self._control.save_version(widened, self._epoch)

    def _settle_modes(self, touched: set[str]) -> None:
        """Write the mode that a task's answers allow, as soon as their shape says so."""
        for task in self._control.tasks():
            known = self._known_task(task)
            if not touched & {f for v in self._control.versions(task.task_id) for f in v.fingerprints}:
                continue
            mode = self._mode(task, headless=known.headless)
            if mode is not task.mode:
                self._control.save_task(replace(task, mode=mode), self._epoch)

    def _mode(self, task: Task, *, headless: bool) -> TaskMode:
        return self._policies.mode(task, closed=self._shapes.closed(task), headless=headless)
