"""Whether answers still look as they did at a rollout's beginning: a sequential test, pure. Knows no log.

The first answers say how often each trait is there (a label, a set of JSON keys, a field's value, tool names, a
size, a refusal) and how often a form is none of the usual ones. Each trait has a detector of its own
against becoming more frequent (`router.drift.rates`); of traits that exclude one another some then becomes more frequent
when another goes. The detectors and their reference share A and `reference_alpha` equally.

Traits are counted under their hash, and named only where ten answers to different conversations have them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from router.decision import Cause, Finding
from router.drift.found import finding_json, finding_of
from router.drift.rates import NEW, Alarm, ceiling
from router.drift.settings import DriftPolicy
from router.drift.shape import CUT, REFUSED, Look

COMMON = 10  # answers that must have a trait before it has a name
UNUSUAL = "of a form that was unusual"
_MOST = 24  # traits that are watched
_LATEST = 100  # answers whose rate is told
_OVER = 200  # answers within what is allowed that end a finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Trait:
    """One trait that is watched."""

    name: str
    own: float  # share of the first answers that had it
    ceiling: float  # share that is allowed
    alarm: Alarm = NEW
    latest: str = ""  # of the latest answers, newest last: 1 where it was there


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerWatch:
    """How far somebody's answers were watched, as counts."""

    whose: str = ""  # Who
    since: float = 0.0  # when the evidence of the trial began that it belongs to
    without: tuple[str, ...] = ()  # slices that the teacher kept: their calls are none of these
    after: float = 0.0  # when that was so: calls until then may be of them
    first: int = 0  # answers of the reference
    counts: Mapping[str, int] = field(default_factory=dict)  # of them with a trait, by its hash
    forms: Mapping[str, int] = field(default_factory=dict)  # the same of forms
    names: Mapping[str, str] = field(default_factory=dict)  # of common traits, by hash
    traits: tuple[Trait, ...] = ()  # once the reference is whole
    looked: int = 0  # answers since
    found: Finding | None = None
    found_at: int = 0
    crossed: int = 0  # the trait that it was found by

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON; `from_json` restores an equal value."""
        plain = ("whose", "since", "after", "first", "looked", "found_at", "crossed")
        return {
            **{name: getattr(self, name) for name in plain},
            **{name: dict(getattr(self, name)) for name in ("counts", "forms", "names")},
            "traits": [
                {
                    "name": t.name,
                    "own": t.own,
                    "ceiling": t.ceiling,
                    "latest": t.latest,
                    "alarm": t.alarm.to_json(),
                }
                for t in self.traits
            ],
            "without": list(self.without),
            "found": finding_json(self.found),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AnswerWatch:
        """Restore what `to_json` gave; of nothing, the watch that begins."""
        if not data:
            return cls()
        traits = tuple(
            Trait(**{**trait, "alarm": Alarm.from_json(trait["alarm"])}) for trait in data["traits"]
        )
        parsed = {
            "traits": traits,
            "without": tuple(data["without"]),
            "found": finding_of(data["found"]),
        }
        return cls(**{**data, **parsed})


def seen(watch: AnswerWatch, one: Look, policy: DriftPolicy) -> AnswerWatch:
    """Give the watch after a further answer."""
    if not watch.traits:
        watch = _referred(watch, one)
        return _settled(watch, policy) if watch.first >= policy.answers else watch
    usual = _hashed(one.form) in watch.forms
    traits = tuple(_bet(t, (t.name in one.traits) or (t.name == UNUSUAL and not usual)) for t in watch.traits)
    watch = replace(watch, traits=traits, looked=watch.looked + 1)
    if watch.found is not None:
        return _waiting(watch)
    at = max(range(len(traits)), key=lambda i: traits[i].alarm.log_wealth)
    bar = math.log(policy.run_length * len(traits))
    return _alarmed(watch, at, bar) if traits[at].alarm.log_wealth >= bar else watch


def restarted(watch: AnswerWatch, *, since: float, without: tuple[str, ...], now: float) -> AnswerWatch:
    """Give the watch from its beginning where other calls are meant than before: in another trial, or without other slices.

    A finding stands until it is over: giving a slice to the teacher ends none.
    """
    if watch.since != since:
        return AnswerWatch(whose=watch.whose, since=since, without=without)
    if watch.without != without and watch.found is None:
        return AnswerWatch(whose=watch.whose, since=since, without=without, after=now)
    return watch


def _referred(watch: AnswerWatch, one: Look) -> AnswerWatch:
    counts, names = dict(watch.counts), dict(watch.names)
    for trait in one.traits:
        key = _hashed(trait)
        counts[key] = counts.get(key, 0) + 1
        if counts[key] >= COMMON:
            names[key] = trait
    forms = {**watch.forms, (form := _hashed(one.form)): watch.forms.get(form, 0) + 1}
    return replace(watch, first=watch.first + 1, counts=counts, names=names, forms=forms)


def _settled(watch: AnswerWatch, policy: DriftPolicy) -> AnswerWatch:
    """Give the watch with its reference whole; what was rare in it is forgotten."""
    common = sorted(watch.names, key=lambda key: (-watch.counts[key], key))
    always = {_hashed(name): name for name in (REFUSED, CUT)}
    keys = list(dict.fromkeys((*always, *common)))[:_MOST]
    names = {**watch.names, **always}
    forms = {key: n for key, n in watch.forms.items() if n >= COMMON}
    rare = watch.first - sum(forms.values())
    chance = policy.reference_alpha / (len(keys) + 1)
    hits = [(names[key], watch.counts.get(key, 0)) for key in keys] + [(UNUSUAL, rare)]
    traits = tuple(
        Trait(
            name=name,
            own=hit / watch.first,
            ceiling=ceiling(hit, watch.first, chance=chance, tolerance=policy.tolerance),
        )
        for name, hit in hits
    )
    return replace(watch, traits=traits, counts={}, names={}, forms=forms)


def _bet(trait: Trait, there: bool) -> Trait:  # noqa: FBT001 - one observation
    latest = (trait.latest + ("1" if there else "0"))[-_OVER:]
    return replace(trait, alarm=trait.alarm.after((float(there),), trait.ceiling), latest=latest)


def _alarmed(watch: AnswerWatch, at: int, bar: float) -> AnswerWatch:
    trait = watch.traits[at]
    latest = trait.latest[-_LATEST:]
    rate = latest.count("1") / len(latest)
    why = (
        f"The {watch.whose}'s answers look otherwise than at the beginning: {100 * rate:.0f}% of the last "
        f"{len(latest)} are {trait.name}, {100 * trait.own:.0f}% of the first {watch.first} were "
        f"({100 * trait.ceiling:.0f}% were allowed)."
    )
    figures = {
        "answers": watch.looked,
        "reference": watch.first,
        "trait": trait.name,
        "log_wealth": trait.alarm.log_wealth,
        "log_threshold": bar,
        "rate": rate,
        "rate_before": trait.own,
        "rate_allowed": trait.ceiling,
    }
    found = Finding(cause=str(Cause.DRIFT), why=why, figures=figures)
    return replace(watch, found=found, found_at=watch.looked, crossed=at)


def _waiting(watch: AnswerWatch) -> AnswerWatch:
    """Give the watch as it is during a finding: enough answers within what is allowed end it."""
    trait = watch.traits[watch.crossed]
    if watch.looked - watch.found_at < _OVER or trait.latest.count("1") > trait.ceiling * _OVER:
        return watch
    return replace(watch, found=None, traits=tuple(replace(t, alarm=NEW) for t in watch.traits))


def _hashed(trait: str) -> str:
    return hashlib.sha256(trait.encode("utf-8", "surrogatepass")).hexdigest()[:12]
