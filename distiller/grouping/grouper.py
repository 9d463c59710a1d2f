"""Gives every fingerprint of the log a task and a version. The decision is `place`; this is its I/O."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from distiller.grouping.discovery import Discovery, Text
from distiller.grouping.place import PATIENCE, Kind, Known, Placement, Sighting, place
from distiller.grouping.wordings import Wordings
from distiller.settings import DistillerSettings, Policies
from store import opening
from store.vocabulary import Task, TaskMode, TaskVersion

if TYPE_CHECKING:
    from distiller.scoring.shapes import Shapes
    from store.control import Control
    from store.log import FingerprintSeen, Log

MOST = 2_000  # fingerprints that one step looks at; the next ones are the next step's
_SAMPLE = 64  # calls of a fingerprint whose instructions are in the user messages, for each step


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
        self._wordings = Wordings()
        self._discovery = Discovery(control.templates())
        self._counted: dict[str, int] = {}  # calls of each fingerprint that were dealt with
        self._placed: set[str] = set()
        self._members: set[str] = set()  # of which a template has the place
        self._late: dict[str, list[str]] = {}  # fingerprints that go where their template will be

    def step(self) -> int:
        """Place what is new and settle the tasks' modes; return how many fingerprints were placed."""
        rows = self._log.seen_fingerprints(self._after, MOST)
        if not rows:
            return 0
        before, self._after = self._after, rows[-1].last_seq
        if not before:
            self._remember()
        self._note(rows)
        gone = self._discover(rows, before)
        placed = self._place()
        placed += sum(self._join(template_id, names) for template_id, names in gone.items())
        self._settle_modes({row.fingerprint for row in rows})
        return placed

    def _remember(self) -> None:
        """Read what has its place from before this process began."""
        for task in self._control.tasks():
            for version in self._control.versions(task.task_id):
                self._placed.update(version.fingerprints)
                constant = [name for name in version.fingerprints if name not in self._discovery.known]
                self._members.update(constant if len(constant) < len(version.fingerprints) else ())

    def _note(self, rows: list[FingerprintSeen]) -> None:
        for row in rows:
            if row.fingerprint in self._members:
                continue
            name, calls = row.fingerprint, row.calls - self._counted.get(row.fingerprint, 0)
            template = self._discovery.known.get(name)
            if template is not None:
                self._discovery.heard(name, row.last_ts, calls)
            elif not opening.in_user_message(name):
                self._discovery.called(name, row.calls)
            self._wordings.note(row, template, calls)
            self._counted[name] = row.calls

    def _discover(self, rows: list[FingerprintSeen], before: int) -> dict[str, list[str]]:
        """Read the words of new heads; give the fingerprints that are of a template, by template."""
        texts = self._texts(rows, before)
        self._discovery.keep(self._control.templates())  # an erasure may have taken some away
        made = self._discovery.observe(texts)
        if made:
            self._control.publish_templates(list(self._discovery.known.values()), self._epoch)
        gone: dict[str, list[str]] = {}
        likes = {
            opening.scope_of(row.fingerprint): self._wordings.seen[row.fingerprint]
            for row in rows
            if row.fingerprint in self._wordings.seen
        }
        fresh = [self._discovery.fitting(text.scope, text.words) for text in texts if text.constant]
        for name in dict.fromkeys([*(template.template_id for template in made), *filter(None, fresh)]):
            template = self._discovery.known[name]
            gone[name] = self._wordings.made_from(template)
            self._wordings.take_over(template, likes[template.scope], self._homeless(gone[name]))
        return gone

    def _homeless(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name not in self._placed]

    def _texts(self, rows: list[FingerprintSeen], before: int) -> list[Text]:
        """Read what the calls of some fingerprints say where templates look: oldest first."""
        fresh = [row.fingerprint for row in rows if not self._wordings.has_words(row.fingerprint)]
        fresh = [name for name in fresh if name not in self._discovery.known and name not in self._members]
        thin = [name for name in fresh if opening.in_user_message(name)]
        heads = list(set(fresh) - set(thin))
        opened = self._log.openings(heads, after_seq=before, each=1)
        opened += self._log.openings(thin, after_seq=before, each=_SAMPLE)
        texts = []
        for one in sorted(opened, key=lambda one: one.seq):
            read = opening.read(one.request, one.tenant, one.task_name)
            constant = not opening.in_user_message(one.fingerprint)
            if constant and read.fingerprint == one.fingerprint:
                self._wordings.read(one.fingerprint, read.words)
            texts.append(Text(fingerprint=one.fingerprint, words=read.words, ts=one.ts, constant=constant))
        return texts

    def _place(self) -> int:
        """Place every wording that waits and can be placed; return how many were."""
        placed = 0
        known: list[Known] | None = None
        for seen in sorted(self._wordings.waiting(self._placed), key=lambda seen: seen.first_ts):
            home = None if seen.constant else self._home(seen)
            if home is not None:
                self._add(home, [seen.fingerprint])
                placed, known = placed + 1, None
                continue
            known = known or self._known()
            placement = place(self._wordings.surrounded(seen), known, self._similarity)
            if placement is not None:
                self._write(seen, placement)
                placed, known = placed + 1, None
        return placed

    def _home(self, seen: Sighting) -> TaskVersion | None:
        """Give the version that a template stands for: of a head that it fits, or a narrower template.

        A head that was long in use before the template's first call, and not since, was edited.
        """
        template = self._discovery.known[seen.fingerprint]
        for name in [*self._wordings.made_from(template), *self._discovery.narrower(template)]:
            other = self._wordings.seen.get(name)
            if other is None or name not in self._placed:
                continue
            if other.calls < PATIENCE or other.last_ts >= seen.first_ts or not other.constant:
                return self._control.version_of(name)
        return None

    def _join(self, template_id: str, names: list[str]) -> int:
        """Put the fingerprints that a template fits where it is; return how many went there."""
        mine = self._homeless(names)
        self._members.update(mine)
        version = self._control.version_of(template_id)
        if version is None:
            self._late.setdefault(template_id, []).extend(mine)
            return 0
        self._add(version, mine)
        return len(mine)

    def _add(self, version: TaskVersion, names: list[str]) -> None:
        names = [*names, *(late for name in names for late in self._late.pop(name, ()))]
        if names:
            widened = replace(version, fingerprints=(*version.fingerprints, *names))
            self._control.save_version(widened, self._epoch)
            self._placed.update(names)

    def _known(self) -> list[Known]:
        return [
            self._wordings.known(task, self._control.versions(task.task_id)) for task in self._control.tasks()
        ]

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
        self._add(version, [seen.fingerprint])

    def _settle_modes(self, touched: set[str]) -> None:
        """Write the mode that a task's answers allow, as soon as their shape says so."""
        for task in self._control.tasks():
            versions = self._control.versions(task.task_id)
            if not touched & {f for v in versions for f in v.fingerprints}:
                continue
            known = self._wordings.known(task, versions)
            mode = self._mode(task, headless=known.headless)
            if mode is not task.mode:
                self._control.save_task(replace(task, mode=mode), self._epoch)

    def _mode(self, task: Task, *, headless: bool) -> TaskMode:
        return self._policies.mode(task, closed=self._shapes.closed(task), headless=headless)
