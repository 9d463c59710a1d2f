"""The wordings that the log's calls have, as far as this process has seen: constant heads, and templates.

Decides nothing. Of a wording that a template fits only the template is remembered.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from distiller.grouping import families
from distiller.grouping.place import Known, KnownVersion, Sighting
from distiller.grouping.words import shingles, text_of
from store import opening
from store.template import Template, Templates
from store.vocabulary import Task, TaskVersion

if TYPE_CHECKING:
    from store.log import FingerprintSeen

_PHRASES = 8  # grams that two wordings of one template have in common
_READ = 4_000  # wordings whose words are remembered


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a wording, and the runs of them."""

    words: tuple[str, ...]
    grams: families.Grams


class Wordings:
    """What is known of each fingerprint."""

    def __init__(self) -> None:
        self.seen: dict[str, Sighting] = {}
        self._words: dict[str, Words] = {}
        self._scopes: dict[str, dict[str, None]] = {}  # fingerprints whose words are known, oldest first

    def note(self, row: FingerprintSeen, template: Template | None, calls: int) -> Sighting:
        """Take what the log says of a fingerprint, and how many of its calls are new."""
        old = self.seen.get(row.fingerprint)
        if old is None:
            old = Sighting(
                fingerprint=row.fingerprint,
                tenant=row.tenant,
                task_name=row.task_name or None,
                model=row.model,
                head_hash=row.head_hash,
                text=text_of(row.head) if template is None else _said(template),
                calls=0,
                first_ts=row.first_ts,
                last_ts=row.last_ts,
                constant=template is None,
            )
        new = replace(
            old,
            calls=old.calls + calls,
            first_ts=min(old.first_ts, row.first_ts),
            last_ts=max(old.last_ts, row.last_ts),
        )
        self.seen[row.fingerprint] = new
        return new

    def read(self, fingerprint: str, words: tuple[str, ...]) -> None:
        """Take the words of a constant head; of too many, the oldest are forgotten."""
        self._words[fingerprint] = Words(words, families.grams(words))
        self._scopes.setdefault(opening.scope_of(fingerprint), {})[fingerprint] = None
        if len(self._words) > _READ:
            self._forget_words(next(iter(self._words)))

    def has_words(self, fingerprint: str) -> bool:
        """Tell whether the words of a head are remembered."""
        return fingerprint in self._words

    def made_from(self, template: Template) -> list[str]:
        """Give the fingerprints of the heads that a template fits, oldest first."""
        lookup = Templates([template])
        return [
            name
            for name in self._scopes.get(template.scope, ())
            if lookup.find(template.scope, self._words[name].words) is not None
        ]

    def take_over(self, template: Template, like: Sighting, members: Iterable[str]) -> None:
        """Let a template stand for the wordings that it fits; `like` is one of its calls."""
        mine = self.seen.get(template.template_id) or replace(
            like,
            fingerprint=template.template_id,
            text=_said(template),
            constant=False,
            calls=0,
            first_ts=template.created,
            last_ts=template.created,
            kin=False,
            beside=0,
        )
        for name in members:
            if (gone := self.seen.pop(name, None)) is not None:
                mine = replace(
                    mine,
                    calls=mine.calls + gone.calls,
                    first_ts=min(mine.first_ts, gone.first_ts),
                    last_ts=max(mine.last_ts, gone.last_ts),
                )
            self._forget_words(name)
        self.seen[template.template_id] = mine

    def waiting(self, placed: Container[str]) -> list[Sighting]:
        """Give the wordings that are nowhere yet."""
        return [seen for name, seen in self.seen.items() if name not in placed]

    def surrounded(self, seen: Sighting) -> Sighting:
        """Say what other wordings there are beside one."""
        mine = self._words.get(seen.fingerprint)
        others = [
            n for n in self._scopes.get(opening.scope_of(seen.fingerprint), ()) if n != seen.fingerprint
        ]
        if mine is None or not seen.constant:
            return replace(seen, beside=len(others))
        kin = any(len(mine.grams & self._words[name].grams) >= _PHRASES for name in others)
        return replace(seen, beside=len(others), kin=kin)

    def known(self, task: Task, versions: list[TaskVersion]) -> Known:
        """Give a task with what the log says about its wordings."""
        mine = [self.seen[f] for v in versions for f in v.fingerprints if f in self.seen]
        return Known(
            task_id=task.task_id,
            tenant=task.tenant,
            name=task.name,
            explicit=task.explicit,
            models=frozenset(s.model for s in mine),
            headless=bool(mine) and not any(s.text for s in mine),
            versions=tuple(self._known_version(v) for v in sorted(versions, key=lambda v: v.version)),
            called=task.called,
            last_version=task.last_version,
        )

    def _known_version(self, version: TaskVersion) -> KnownVersion:
        mine = [self.seen[f] for f in version.fingerprints if f in self.seen]
        return KnownVersion(
            version=version.version,
            head_hash=version.head_hash if all(s.constant for s in mine) else "",
            models=frozenset(s.model for s in mine),
            shingles=shingles(mine[-1].text) if mine else frozenset(),
            last_ts=max((s.last_ts for s in mine), default=0.0),
        )

    def _forget_words(self, name: str) -> None:
        self._words.pop(name, None)
        self._scopes.get(opening.scope_of(name), {}).pop(name, None)


def _said(template: Template) -> str:
    return " ".join(template.literals).lower()
