"""How soon changed requests are noticed: the router's own two-sample test on mixed SNIPS intents.

python -m benchmarks drift -- --data FOLDER [--seeds 12]

A thousand requests from before, then so many unchanged ones, then 3,000 of the changed mix; each seed draws afresh. Only
the reading of the log is left out: the test learns when it says that it is due, and bets on each request before it learns it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from router.drift import features, inputs, telling
from router.drift.settings import DriftPolicy

POLICY = DriftPolicy()
_BEFORE = 1000  # requests of the reference
_AFTER = 3000  # requests of the changed mix, at most
_STEP = 50  # requests looked at together


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """How the mix of the seven intents changes: the last one's share, of the rest in equal parts."""

    name: str
    before: float
    after: float
    unchanged: int = 0  # requests in between


CHANGES = (
    Change(name="unchanged", before=1 / 7, after=1 / 7),
    Change(name="a new intent, 20%", before=0.0, after=0.2),
    Change(name="a new intent, 20%, later", before=0.0, after=0.2, unchanged=2000),
    Change(name="one intent 14% -> 40%", before=1 / 7, after=0.4),
    Change(name="one intent 14% -> 40%, later", before=1 / 7, after=0.4, unchanged=2000),
    Change(name="a new intent, 10%", before=0.0, after=0.1),
)


def main(argv: list[str]) -> dict[str, Any]:
    """Give one row for each change: requests until it was found, for each seed that found it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks drift --", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="holds snips/train.jsonl")
    parser.add_argument("--seeds", type=int, default=12)
    wish = parser.parse_args(argv)
    intents = _intents(wish.data / "snips" / "train.jsonl")
    rows = []
    for change in CHANGES:
        found = [_played(intents, change, seed) for seed in range(wish.seeds)]
        after = sorted(at - change.unchanged for at in found if at is not None)
        row = {"change": change.name, "found": sum(at > 0 for at in after), "of": wish.seeds}
        early = sum(at <= 0 for at in after)
        rows.append(
            {**row, "too_early": early, "median": _median(after), "most": after[-1] if after else None}
        )
        print(json.dumps(rows[-1]), flush=True)
    return {"rows": rows}


def _intents(path: Path) -> list[list[Any]]:
    """Give the features of each intent's texts, by the intent's name."""
    texts: dict[str, list[Any]] = {}
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        request = {"messages": [{"role": "user", "content": row["text"]}]}
        texts.setdefault(row["intent"], []).append(features.marks(request))
    return [texts[name] for name in sorted(texts)]


def _played(intents: Sequence[Sequence[Any]], change: Change, seed: int) -> int | None:
    """Give the number of live requests after which the test found a change, None where it did not."""
    rng = np.random.default_rng(seed)
    reference = _mixed(rng, intents, change.before, _BEFORE)
    live = _mixed(rng, intents, change.before, change.unchanged) + _mixed(rng, intents, change.after, _AFTER)
    learnt, held = reference[::2], reference[1::2]
    watch, told = inputs.InputWatch(reference=len(reference)), None
    for at in range(0, len(live), _STEP):
        if inputs.due(watch, POLICY):
            told = telling.tell(learnt, live[max(0, at - POLICY.window) : at])
            watch = inputs.learnt(watch, told.beyond(held), POLICY)
        step = live[at : at + _STEP]
        watch = inputs.seen(watch, told.beyond(step), POLICY) if told else inputs.unlearnt(watch, len(step))
        if watch.found:
            return int(watch.found.figures["requests"])
    return None


def _mixed(rng: np.random.Generator, intents: Sequence[Sequence[Any]], last: float, n: int) -> list[Any]:
    others = len(intents) - 1
    drawn = rng.choice(others + 1, size=n, p=[(1 - last) / others] * others + [last])
    return [intents[which][rng.integers(len(intents[which]))] for which in drawn]


def _median(values: Sequence[int]) -> int | None:
    return int(np.median(values)) if values else None
