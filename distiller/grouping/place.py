"""Decides where a new fingerprint belongs. Pure: knows no log and no control state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from distiller.grouping.words import jaccard, name_slug, shingles, slug

PATIENCE = 20  # calls after which a wording has shown what it is
_TWICE = 2  # calls: what was said once may be one of many
_VARIES = 3  # wordings beside another: a named task's may be one of many


class Kind(StrEnum):
    """What a placement does."""

    JOIN = "join"  # another fingerprint of a known version
    NEW_VERSION = "new_version"  # another wording of a known task
    NEW_TASK = "new_task"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """A fingerprint that has no place yet."""

    fingerprint: str
    tenant: str
    task_name: str | None  # given by the app
    model: str
    head_hash: str
    text: str  # readable text of the head, "" where the calls have no head
    calls: int = 1
    first_ts: float = 0.0
    last_ts: float = 0.0
    beside: int = 0  # other wordings with the same tools, format and names
    kin: bool = False  # one of them has whole phrases of it: what differs may be a gap of a template
    constant: bool = True  # False: of a template


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownVersion:
    """A version of a task, with what the log says about its fingerprints."""

    version: int
    head_hash: str
    models: frozenset[str]  # that its calls asked for; empty where the calls were erased
    shingles: frozenset[str]  # empty where the head was erased, or never was
    last_ts: float = 0.0  # of its calls


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A task as the control state has it. `models` are those that its calls asked for."""

    task_id: str
    tenant: str
    name: str
    explicit: bool
    models: frozenset[str]
    headless: bool
    versions: tuple[KnownVersion, ...]
    called: tuple[str, ...] = ()  # by apps
    last_version: int = 0  # the greatest number that went to another task with its version


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """Where a fingerprint belongs: a row to write."""

    kind: Kind
    task_id: str
    version: int
    name: str
    explicit: bool = False
    headless: bool = False


def place(seen: Sighting, known: Sequence[Known], similarity: float = 0.6) -> Placement | None:
    """Place one fingerprint, or None where time must tell.

    A name given by the app decides the task: the same name and tenant is the same task. Without one, a
    head that is equal to that of a known task of the same model and tenant joins it. A similar one
    (Jaccard of character shingles >= `similarity`) is a new version where the known one was no longer
    called, and another task where both go on. Anything else is a new task.
    Calls without any head are one task for each model and tenant.

    A version is joined only by calls with its tenant, its model and its head: its live student answers
    for all that join, and another model is another teacher, which no student was compared with.
    """
    if seen.task_name is not None:
        return _by_name(seen, seen.task_name, known)
    peers = [k for k in known if not k.explicit and k.tenant == seen.tenant and seen.model in k.models]
    if not seen.text:
        return _headless(seen, peers, known)
    peers = [k for k in peers if not k.headless]
    for task in peers if seen.constant else ():
        if (version := _same_head(task, seen)) is not None:
            return _join(task, version)
    return _by_words(seen, peers, known, similarity)


def _by_words(
    seen: Sighting, peers: Sequence[Known], known: Sequence[Known], similarity: float
) -> Placement | None:
    settled = seen.calls >= PATIENCE
    alike = _most_alike(seen, peers, similarity)
    if alike is not None:
        if not settled:
            return None
        return _new(seen, known, slug(seen.text)) if _both_go_on(seen, alike) else _next(alike)
    if seen.constant and not settled and seen.beside and (seen.kin or seen.calls < _TWICE):
        return None
    return _new(seen, known, slug(seen.text))


def _by_name(seen: Sighting, name: str, known: Sequence[Known]) -> Placement | None:
    for task in known:
        if name in task.called and task.tenant == seen.tenant:
            version = _same_head(task, seen) if seen.constant else None
            if version is not None:
                return _join(task, version)
            waits = seen.constant and seen.beside >= _VARIES and seen.calls < PATIENCE
            return None if waits else _next(task)
    placement = _new(seen, known, name_slug(name))
    return Placement(kind=placement.kind, task_id=placement.task_id, version=1, name=name, explicit=True)


def _headless(seen: Sighting, peers: Sequence[Known], known: Sequence[Known]) -> Placement:
    for task in peers:
        if task.headless and task.versions and seen.constant:
            version = _same_head(task, seen)  # a blank instruction is not the same as none
            return _join(task, version) if version is not None else _next(task)
    return _new(seen, known, f"chat-{name_slug(seen.model)}", headless=True)


def _most_alike(seen: Sighting, peers: Sequence[Known], similarity: float) -> Known | None:
    mine = shingles(seen.text)
    likeness = {
        task.task_id: max((jaccard(mine, v.shingles) for v in task.versions), default=0) for task in peers
    }
    best = max(peers, key=lambda task: likeness[task.task_id], default=None)
    return best if best is not None and likeness[best.task_id] >= similarity else None


def _both_go_on(seen: Sighting, task: Known) -> bool:
    """Tell whether a task was still called when half of the time of another wording had passed."""
    return max(v.last_ts for v in task.versions) > (seen.first_ts + seen.last_ts) / 2


def _same_head(task: Known, seen: Sighting) -> int | None:
    """Return the version with this head and model; a head that was erased is like no other."""
    return next(
        (
            v.version
            for v in task.versions
            if seen.head_hash and v.head_hash == seen.head_hash and seen.model in v.models
        ),
        None,
    )


def _join(task: Known, version: int) -> Placement:
    return Placement(
        kind=Kind.JOIN,
        task_id=task.task_id,
        version=version,
        name=task.name,
        explicit=task.explicit,
        headless=task.headless,
    )


def _next(task: Known) -> Placement:
    version = max((task.last_version, *(v.version for v in task.versions))) + 1
    return Placement(
        kind=Kind.NEW_VERSION,
        task_id=task.task_id,
        version=version,
        name=task.name,
        explicit=task.explicit,
        headless=task.headless,
    )


def _new(seen: Sighting, known: Sequence[Known], wish: str, *, headless: bool = False) -> Placement:
    task_id = free(wish, {task.task_id for task in known})
    name = f"calls to {seen.model} without instructions" if headless else task_id.replace("-", " ")
    return Placement(kind=Kind.NEW_TASK, task_id=task_id, version=1, name=name, headless=headless)


def free(wish: str, taken: Iterable[str]) -> str:
    """Return `wish`, or `wish-2`, `wish-3`, ... : the first that nobody has."""
    names = set(taken)
    if wish not in names:
        return wish
    number = 2
    while f"{wish}-{number}" in names:
        number += 1
    return f"{wish}-{number}"
