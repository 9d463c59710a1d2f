"""Whether the teacher still names itself as before: pure. Knows no log and no statistics.

An app asks for a model by a name that may stand for another one tomorrow; the answer says which it was. A name that an
upstream gives now and did not give before is another teacher. Another `model` that the app itself asks for is another
task version, and not seen here. A new `system_fingerprint` alone is no new teacher (providers change
their machines): it is a reason to ask the probes at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from router.decision import Cause, Finding
from router.drift.found import finding_json, finding_of

FEW = 3  # answers under a new name that make a finding: one may be a stray
_NAMES = 50  # that are remembered of an upstream


@dataclass(frozen=True, kw_only=True, slots=True)
class TeacherWatch:
    """Under which names each upstream has answered."""

    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # models, by upstream
    systems: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # system fingerprints, by upstream
    fresh: Mapping[str, int] = field(default_factory=dict)  # answers under a new name, by upstream and name
    begun: bool = False  # what came before the rollout was looked at
    systems_seen: int = 0  # how often a new system fingerprint came
    found: Finding | None = None

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON; `from_json` restores an equal value."""
        return {
            "known": {upstream: list(names) for upstream, names in self.known.items()},
            "systems": {upstream: list(names) for upstream, names in self.systems.items()},
            "fresh": dict(self.fresh),
            "begun": self.begun,
            "systems_seen": self.systems_seen,
            "found": finding_json(self.found),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TeacherWatch:
        """Restore what `to_json` gave; of nothing, the watch that begins."""
        if not data:
            return cls()
        named = {
            name: {upstream: tuple(names) for upstream, names in data[name].items()}
            for name in ("known", "systems")
        }
        return cls(**{**data, **named, "found": finding_of(data["found"])})


def begun(watch: TeacherWatch) -> TeacherWatch:
    """Give the watch once all that came before the rollout was noted."""
    return replace(watch, begun=True)


def noted(watch: TeacherWatch, upstream: str, completion: Mapping[str, Any]) -> TeacherWatch:
    """Give the watch after an answer of the teacher."""
    watch = _system(watch, upstream, completion.get("system_fingerprint"))
    model = completion.get("model")
    if not isinstance(model, str) or not model or watch.found is not None:
        return watch
    names = watch.known.get(upstream, ())
    if model in names:
        return watch
    if not watch.begun or not names:  # an upstream that is new to us is one that somebody configured
        return replace(watch, known=_with(watch.known, upstream, model))
    key = f"{upstream} {model}"
    fresh = {**watch.fresh, key: watch.fresh.get(key, 0) + 1}
    watch = replace(watch, fresh=fresh)
    return _changed(watch, upstream, model) if fresh[key] >= FEW else watch


def adopted(watch: TeacherWatch) -> TeacherWatch:
    """Give the watch of the teacher as it is now: what was compared with the other one is void."""
    if watch.found is None:
        return watch
    upstream, model = watch.found.figures["upstream"], watch.found.figures["model"]
    return replace(watch, known=_with(watch.known, upstream, model), fresh={}, found=None)


def _changed(watch: TeacherWatch, upstream: str, model: str) -> TeacherWatch:
    before = watch.known[upstream]
    why = (
        f"The teacher is another one: upstream {upstream} answers as {model}, it was {', '.join(before[-3:])} "
        "when the student was compared."
    )
    figures = {"upstream": upstream, "model": model, "before": list(before), "answers": FEW}
    found = Finding(cause=str(Cause.TEACHER_CHANGED), why=why, figures=figures, void="all")
    return replace(watch, found=found)


def _system(watch: TeacherWatch, upstream: str, system: Any) -> TeacherWatch:
    if not isinstance(system, str) or not system or system in watch.systems.get(upstream, ()):
        return watch
    news = watch.begun and bool(watch.systems.get(upstream))
    return replace(
        watch,
        systems=_with(watch.systems, upstream, system),
        systems_seen=watch.systems_seen + news,
    )


def _with(known: Mapping[str, tuple[str, ...]], upstream: str, name: str) -> Mapping[str, tuple[str, ...]]:
    return {**known, upstream: (*known.get(upstream, ()), name)[-_NAMES:]}
