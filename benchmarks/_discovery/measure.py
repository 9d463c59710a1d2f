"""Plays the calls of apps through fingerprint and grouper, and compares what was found with the truth."""

from __future__ import annotations

import math
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from benchmarks._discovery.apps import App, thirty
from benchmarks._discovery.wordlist import Writer
from distiller.grouping import Grouper
from distiller.settings import Policies
from gateway.fingerprint import fingerprint
from store.control import Control
from store.log import FingerprintSeen
from store.log.views import Opened
from store.prompt import HEAD_KEYS, head_hash, leading
from store.template import Templates

_SPAN_S = 7 * 86_400.0


class Calls:
    """Stands in for the log: what the grouper asks of it, answered from memory."""

    def __init__(self) -> None:
        self._seen: dict[str, FingerprintSeen] = {}
        self._opened: dict[str, list[Opened]] = {}

    def add(self, name: str, seq: int, ts: float, request: dict[str, Any]) -> None:
        """Log a call."""
        old = self._seen.pop(name, None)
        if old is None:
            head = [*request["messages"][: leading(request["messages"])]]
            head += [request[key] for key in HEAD_KEYS if key in request]
            old = FingerprintSeen(
                fingerprint=name,
                fp_version=2,
                tenant="",
                task_name=None,
                model=request["model"],
                head_hash=head_hash(request),
                head=tuple(msgspec.json.encode(piece).decode() for piece in head),
                calls=0,
                first_ts=ts,
                last_ts=ts,
                last_seq=seq,
            )
        self._seen[name] = replace(old, calls=old.calls + 1, last_ts=ts, last_seq=seq)
        opened = self._opened.setdefault(name, [])
        opened.append(
            Opened(fingerprint=name, seq=seq, ts=ts, tenant="", task_name=None, request=request)
        )  # fmt: skip
        del opened[:-64]

    def seen_fingerprints(self, after_seq: int = 0, limit: int | None = None) -> list[FingerprintSeen]:
        """Of the log."""
        found = []
        for seen in reversed(self._seen.values()):
            if seen.last_seq <= after_seq:
                break
            found.append(seen)
        return found[::-1][:limit]

    def openings(self, fingerprints: Iterable[str], *, after_seq: int, each: int) -> list[Opened]:
        """Of the log."""
        return [
            opened
            for name in fingerprints
            for opened in [one for one in self._opened.get(name, ()) if one.seq > after_seq][-each:]
        ]


class _NoShapes:
    """No answers: no task is closed."""

    def closed(self, _: object) -> bool:
        return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """What was found in one mix."""

    calls: int
    tasks: float  # adjusted Rand index
    versions: float
    fingerprints: int
    templates: int
    found_tasks: int
    unplaced: int  # calls
    whole: int  # apps that are one task, and their task theirs alone, but for 2% of the calls
    step_s: tuple[float, float]  # process seconds of a step: median, greatest
    wrong: tuple[str, ...]


def play(
    seed: int, *, least: int, most: int, every: int, apps: Sequence[App] | None = None, lag: int = 0
) -> Played:
    """Play a mix: each app has between `least` and `most` calls, and the grouper looks after every `every` calls.

    Templates reach the gateway `lag` calls later.
    """
    rng = random.Random(seed)
    apps = apps or thirty(rng)
    plan = _plan(rng, apps, least, most)
    calls = Calls()
    took: list[float] = []
    labels: list[str] = []
    truth: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        control = Control.open(Path(folder) / "control.sqlite")
        grouper = Grouper(
            log=calls,  # type: ignore[arg-type]
            control=control,
            epoch=control.take_epoch("benchmark"),
            shapes=_NoShapes(),  # type: ignore[arg-type]
            policies=Policies(),
        )
        templates, due = Templates(), math.inf
        for seq, (ts, app, version, request) in enumerate(plan, 1):
            if seq >= due:
                templates, due = Templates(control.templates()), math.inf
            name = fingerprint(request, "", None, templates)
            calls.add(name, seq, ts, request)
            labels.append(name)
            truth.append((app, version))
            if seq % every == 0:
                started = time.process_time()
                grouper.step()
                took.append(time.process_time() - started)
                due = seq + lag + 1 if len(templates) != len(control.templates()) else due
        while grouper.step():
            pass
        homes = {
            name: (task.task_id, f"{task.task_id}@{version.version}")
            for task in control.tasks()
            for version in control.versions(task.task_id)
            for name in version.fingerprints
        }
        known = len(control.templates())
        control.close()
    found = [homes.get(name, (name, name)) for name in labels]
    return _played(truth, found, labels, known, took)


def _played(
    truth: list[tuple[str, str]],
    found: list[tuple[str, str]],
    labels: list[str],
    known: int,
    took: list[float],
) -> Played:
    pairs = Counter((app, task) for (app, _), (task, _) in zip(truth, found, strict=True))
    of_app = Counter(app for app, _ in truth)
    of_task = Counter(task for task, _ in found)
    best = {app: max((n, task) for (a, task), n in pairs.items() if a == app) for app in of_app}
    whole = {app for app, (n, task) in best.items() if n >= 0.98 * of_app[app] and n >= 0.98 * of_task[task]}
    unplaced = sum(task == name for (task, _), name in zip(found, labels, strict=True))
    ordered = sorted(took)
    return Played(
        calls=len(truth),
        tasks=rand_index([a for a, _ in truth], [a for a, _ in found]),
        versions=rand_index([b for _, b in truth], [b for _, b in found]),
        fingerprints=len(set(labels)),
        templates=known,
        found_tasks=len({task for (task, _), name in zip(found, labels, strict=True) if task != name}),
        unplaced=unplaced,
        whole=len(whole),
        step_s=(ordered[len(ordered) // 2], ordered[-1]),
        wrong=tuple(sorted(set(of_app) - whole)),
    )


def _plan(
    rng: random.Random, apps: Sequence[App], least: int, most: int
) -> list[tuple[float, str, str, dict[str, Any]]]:
    """Give (time, app, version, request) of all calls, in the order of time; conversations overlap."""
    writer = Writer(rng)
    made = []
    for app in apps:
        count = round(math.exp(rng.uniform(math.log(least), math.log(most))))
        times = sorted(rng.uniform(0, _SPAN_S) for _ in range(count))
        made += [
            (ts, *call) for ts, call in zip(times, app.calls(writer, count), strict=True)
        ]  # fmt: skip
    return sorted(made, key=lambda one: one[0])


def rand_index(truth: Sequence[str], found: Sequence[str]) -> float:
    """Give the adjusted Rand index of two partitions, 1 for equal ones (Hubert and Arabie, 1985)."""
    both = sum(math.comb(n, 2) for n in Counter(zip(truth, found, strict=True)).values())
    left = sum(math.comb(n, 2) for n in Counter(truth).values())
    right = sum(math.comb(n, 2) for n in Counter(found).values())
    expected = left * right / max(1, math.comb(len(truth), 2))
    most = (left + right) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)
