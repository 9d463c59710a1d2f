"""Looks at what a task has logged: its current wording, the rows that may teach, how many. Decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distiller.readiness import Tally, tally
from distiller.scoring.shape import Shape
from distiller.scoring.shapes import Shapes
from distiller.scoring.spec import MetricSpec
from distiller.settings import DistillerSettings, TaskPolicy
from distiller.trainset.caps import heard
from distiller.trainset.rows import Screened, screen
from store.vocabulary import Exchange, Outcome, TaskVersion

if TYPE_CHECKING:
    from store.control import Control
    from store.log import Log

RECENT = 500  # newest calls that tell which wording is current


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """One task as the log has it."""

    version: TaskVersion
    metric: MetricSpec
    shape: Shape | None
    screened: Screened
    tally: Tally


def survey(
    task_id: str,
    *,
    log: Log,
    control: Control,
    shapes: Shapes,
    policy: TaskPolicy,
    settings: DistillerSettings,
    reach: int = 1,
) -> Survey | None:
    """Read the newest calls of a task and screen them; None while it has none. Reads the log: seconds.

    `reach`: how many times the calls that can be trained on are looked at, so that rare kinds are among them.
    """
    versions = control.versions(task_id)
    fingerprints = [f for version in versions for f in version.fingerprints]
    metric = shapes.metric(task_id)
    limit = reach * settings.of(policy).training.max_rows + 2 * settings.heldout_max
    found = log.exchanges(fingerprints, score_name=metric.name, limit=limit) if fingerprints else []
    version = current(versions, found)
    if version is None:
        return None
    own = [e for e in found if e.fingerprint in version.fingerprints]
    shape = shapes.of(task_id)
    screened = heard(
        screen(own, shape=shape or Shape.TEXT, threshold=policy.threshold, judged=not metric.agreement),
        settings.trainset.feedback_share,
    )
    examples = sum(e.outcome == Outcome.COMPLETE for e in own)
    return Survey(
        version=version,
        metric=metric,
        shape=shape,
        screened=screened,
        tally=tally(screened.rows, examples=examples, shape=shape),
    )


def current(versions: Sequence[TaskVersion], exchanges: Sequence[Exchange]) -> TaskVersion | None:
    """Return the version that most of the newest calls belong to, the later one of equals."""
    owner = {f: version for version in versions for f in version.fingerprints}
    newest = sorted((e for e in exchanges if e.fingerprint in owner), key=lambda e: -e.seq)[:RECENT]
    calls = Counter(owner[e.fingerprint].version for e in newest)
    return max(versions, key=lambda v: (calls[v.version], v.version)) if calls else None
