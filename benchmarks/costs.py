"""What each feature costs a call in the native engine: CPU time with it, less the CPU time with nothing in its place.

    python -m benchmarks costs [-- --rounds 30 --calls 100]

In one process, in callbacks, nothing of the kernel but the journal's writes (`benchmarks._gateway.callbacks`). A feature is taken
out by putting a constant in its place, so that all else stays as it is; with and without take turns, and the median difference counts.
The table of `python -m benchmarks gateway` has what the kernel adds.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import uvloop

from benchmarks import _page
from benchmarks._gateway import callbacks
from benchmarks._gateway.scenes import Scene, body
from gateway import echo, outcome
from gateway import headers as head
from gateway.accounts import Accounts
from gateway.fingerprint import Fingerprints
from gateway.manners import Manners
from gateway.metrics import Counter, Histogram
from gateway.pool import Pool
from router.table import Table
from stillhouse.journal import LateJournal
from store.template import Templates
from store.vocabulary import Attempt, Choice, Route, State


class _Chooser:
    """Every call is of a task whose student is in SHADOW: a draw for the assignment, one for the pair, which is none."""

    def __init__(self) -> None:
        self.templates = Templates()
        self._route = Route(
            task_id="t", task_version=1, fingerprints=(), rollout_id="r", student_id="s", step=State.SHADOW, share=0.0,
            holdback=0.02, salt="salt", shadow=0.0, reverse_shadow=0.0, base_url="http://127.0.0.1:1/v1", model="s",
        )  # fmt: skip
        self._tables: dict[str, Table] = {}

    def route(self, _fingerprint: str) -> Route | None:
        return self._route

    def choose(self, *, fingerprint: str, **given: Any) -> Choice:
        table = self._tables.get(fingerprint)
        if table is None:
            table = self._tables[fingerprint] = Table(routes={fingerprint: self._route})
        return table.choose(fingerprint=fingerprint, **given)

    def saw(self, attempt: Attempt) -> None:
        pass


_ALL = "all of it"
_HEADS = "and where each call has another head: reading it, judging its key"

_SAME = object()
"""What it gave before, each time."""


def _nothing(*_given: Any, **_more: Any) -> None:
    """Do nothing."""


def _kept(*_given: Any, **_more: Any) -> bool:
    """Say that a record is in the journal."""
    return True


def _unread(text: bytes, _hidden: tuple[bytes, ...]) -> bytes:
    """Give a text as it is."""
    return text


Swaps = tuple[tuple[Any, str, Any], ...]

FEATURES: dict[str, Swaps] = {
    "intent and outcome: encoded, checksummed, appended": ((LateJournal, "append", _kept),),
    "what the answer says: its outcome, its usage": ((outcome, "judge", _SAME),),
    "pool of upstreams: order, places, health": (
        (Pool, "candidates", _SAME),
        (Pool, "take", _SAME),
        (Pool, "leave", _nothing),
    ),
    "metrics": ((Counter, "add", _nothing), (Histogram, "observe", _nothing)),
    "choice: two draws by SHA-256": ((_Chooser, "choose", _SAME),),
    "fingerprint": ((Fingerprints, "of", _SAME),),
    "header rules: onward, back, logged": tuple(
        (head, rule, _SAME) for rule in ("onward", "back", "logged_request", "logged_response")
    ),
    "no credential in a record": ((echo, "secrets", _SAME), (echo, "without", _unread)),
    "what is in flight; rate limits to tell a caller": (
        *((Accounts, change, _nothing) for change in ("begun", "recorded", "let_go")),
        (Manners, "note", _nothing),
    ),
}
"""What is taken out, and what stands in its place."""


def main(argv: list[str]) -> dict[str, Any]:
    """Measure, and return microseconds a call."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks costs --", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--calls", type=int, default=100, help="in one round, of each kind")
    wish = parser.parse_args(argv)
    us = {
        "one piece": uvloop.run(_measured(stream=False, rounds=wish.rounds, calls=wish.calls)),
        "41 events": uvloop.run(_measured(stream=True, rounds=wish.rounds, calls=wish.calls)),
    }
    return {"rounds": wish.rounds, "calls": wish.calls, "us": us}


async def _measured(*, stream: bool, rounds: int, calls: int) -> dict[str, float]:
    """Give the microseconds of a whole call, and of each feature in it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = body(Scene(name="", connections=1, stream=stream), folder).read_bytes()
        answer = callbacks.streamed() if stream else callbacks.whole()
        same = [callbacks.request(asked)]
        others = [callbacks.request(asked, agent=f"app/{number}") for number in range(2)]
        async with callbacks.line(folder, _Chooser(), same[0], answer) as line:
            features = {
                name: _constants(swaps, partial(line.call, same[0], answer))
                for name, swaps in FEATURES.items()
            }
            whole: list[float] = []
            saved: dict[str, list[float]] = {kind: [] for kind in (*features, _HEADS)}
            for _ in range(rounds):
                for kind, each in saved.items():
                    whole.append(_timed(line, same, answer, calls))
                    with _swapped(features.get(kind, ())):
                        each.append(
                            whole[-1] - _timed(line, others if kind == _HEADS else same, answer, calls)
                        )
                await asyncio.sleep(0)  # what is due meanwhile is done between rounds
    found = {_ALL: median(whole), **{kind: median(each) for kind, each in saved.items()}}
    return found | {_HEADS: -found[_HEADS]}


def _timed(line: callbacks.Line, requests: list[bytes], answer: list[bytes], calls: int) -> float:
    """Give the microseconds of a call. Half as many go before: the interpreter learns anew what is called where."""
    _play(line, requests, answer, calls // 2)
    began = time.thread_time_ns()
    _play(line, requests, answer, calls)
    return (time.thread_time_ns() - began) / calls / 1000


def _play(line: callbacks.Line, requests: list[bytes], answer: list[bytes], calls: int) -> None:
    for number in range(calls):
        line.call(requests[number % len(requests)], answer)


def _constants(swaps: Swaps, call: Callable[[], object]) -> Swaps:
    """Put what came of a call in the place of `_SAME`."""
    heard: dict[str, Any] = {}

    def listening(real: Callable[..., Any], attribute: str) -> Callable[..., Any]:
        def said(*given: Any, **more: Any) -> Any:
            heard[attribute] = real(*given, **more)
            return heard[attribute]

        return said

    same = [(owner, attribute) for owner, attribute, other in swaps if other is _SAME]
    with _swapped(tuple((owner, name, listening(getattr(owner, name), name)) for owner, name in same)):
        call()
    return tuple(
        (owner, name, _saying(heard[name]) if other is _SAME else other) for owner, name, other in swaps
    )


def _saying(value: Any) -> Callable[..., Any]:
    return lambda *_given, **_more: value


@contextmanager
def _swapped(swaps: Swaps) -> Iterator[None]:
    with ExitStack() as stack:
        for owner, attribute, other in swaps:
            stack.enter_context(patch.object(owner, attribute, other))
        yield


def report(kept: dict[str, Any], _plots: Path) -> str:
    """Write the part of the page."""
    us = kept["result"]["us"]
    first, *more = us.values()
    rows = [
        [feature, f"{first[feature]:,.1f}", *(f"{other[feature]:,.1f}" for other in more)]
        for feature in first
    ]
    return "\n\n".join([_page.ran(kept), _page.table(["CPU us a call", *us], rows)])
