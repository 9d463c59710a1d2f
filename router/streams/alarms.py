"""Harm tests and detectors of the streams beside the scores, now or after each of several observations.

Each stream says how much worse the student is, D in [-1, 1]; the claim "by no more than the margin" is bet
against as that of scores is (`router.betting`), from each step on over all pairs and over those that the student
served. Knows no decision.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router import betting
from router.betting import Floats
from router.counts import EMPTY, Cell, Sparse, worse_bin
from router.evidence import UNSEEN, Evidence
from router.settings import STEPS, since
from router.streams.budget import HARM, LATE
from store.vocabulary import Observation, State, Stream, Who

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspect:
    """One harm test of one stream, as it stands."""

    stream: str
    step: State  # from it on
    served: bool  # only what the student served
    cell: Cell
    excess: float  # of log wealth over its bar; an alarm from 0 on


def bar(stream: str, step_alpha: float, step: State) -> float:
    """Give the log wealth at which a test alarms: a canary step has two of each stream, for pairs."""
    parts = 1 if step == State.SHADOW or stream == Stream.FEEDBACK else 2
    return -math.log(step_alpha * HARM[stream] / parts)


def suspects(evidence: Evidence, step_alpha: float) -> list[Suspect]:
    """Give every test that has seen something, the most suspicious first."""
    found = [
        Suspect(
            stream=stream,
            step=step,
            served=bool(served),
            cell=cell,
            excess=_wealth(cell.worse, evidence.margins[stream]) - bar(stream, step_alpha, step),
        )
        for stream in evidence.margins
        for step, served in _tests(stream)
        if (cell := evidence.over(since(step), *served, stream=stream)) != EMPTY
    ]
    return sorted(found, key=lambda suspect: -suspect.excess)


def excess(evidence: Evidence, observations: Sequence[Observation], step_alpha: float) -> Floats:
    """Give the greatest excess of a test over its bar, before and after each observation, shape (n + 1,)."""
    worst = np.full(len(observations) + 1, -math.inf)
    for stream, margin in evidence.margins.items():
        own = _flags(o.stream == stream for o in observations)
        rows = _rows(betting.gains(margin), observations, own)
        for step, served in _tests(stream):
            steps = since(step)
            here = own & _flags(
                o.step in steps and (not served or o.served_by in served) for o in observations
            )
            cell = evidence.over(steps, *served, stream=stream)
            if cell == EMPTY and not here.any():
                continue
            before = betting.total(betting.gains(margin), cell.worse)
            grown = np.cumsum(np.where(here[:, None], rows, 0.0), axis=0)
            wealth = betting.wealth(np.vstack([before, before + grown]))
            begun = np.concatenate([[cell != EMPTY], (cell != EMPTY) | (np.cumsum(here) > 0)])
            over = np.where(begun, wealth - bar(stream, step_alpha, step), -math.inf)
            worst = np.maximum(worst, over)
    return worst


def late(evidence: Evidence, observations: Sequence[Observation]) -> Floats:
    """Give the greatest log R of a detector less what its part of the false alarms costs, shape (n + 1,)."""
    worst = np.full(len(observations) + 1, -math.inf)
    for stream, margin in evidence.margins.items():
        own = _flags(o.stream == stream for o in observations)
        state = np.asarray(evidence.late_beside.get(stream, UNSEEN))
        if not own.any() and np.isneginf(state).all():
            continue
        counted = [worse_bin(o) for o in observations if o.stream == stream]
        steps = betting.gains(margin)[[at for at in counted if at is not None]]
        states = np.vstack([state, betting.detect(state, steps)]) if len(steps) else state[None, :]
        seen = np.concatenate(
            [[0], np.cumsum(_flags(o.stream == stream and worse_bin(o) is not None for o in observations))]
        )
        worst = np.maximum(worst, _log_r(states)[seen] + math.log(LATE[stream]))
    return worst


def clean(evidence: Evidence, units: int, suspicion: float) -> bool:
    """Say whether users were listened to about enough conversations at 25% and 50%, and raise no suspicion.

    `suspicion` is a chance: an innocent student's bets against it reach 1 / suspicion with no more than that.
    """
    ramp = evidence.over(STEPS[1:], stream=Stream.FEEDBACK)
    wealth = _wealth(ramp.worse, evidence.margins.get(Stream.FEEDBACK, 0.0))
    return heard(evidence) >= units and wealth < -math.log(suspicion)


def heard(evidence: Evidence) -> int:
    """Give the student's conversations at 25% and 50% about which users have been listened to."""
    return evidence.over((State.CANARY_25, State.CANARY_50), stream=Stream.FEEDBACK).paired


def latest(evidence: Evidence) -> str:
    """Give the stream whose detector stands highest. Raises ValueError where none has seen anything."""
    return max(evidence.late_beside, key=lambda stream: _log_r(np.asarray([evidence.late_beside[stream]]))[0])


def _log_r(states: Floats) -> Floats:
    with np.errstate(invalid="ignore"):  # -inf less -inf, where nothing was seen yet
        return np.nan_to_num(betting.wealth(states), nan=-math.inf, neginf=-math.inf)


def _tests(stream: str) -> list[tuple[State, tuple[str, ...]]]:
    """Give the tests of a stream: (step, servers). Feedback has no pairs: each observation is of both."""
    every: list[tuple[State, tuple[str, ...]]] = [(step, ()) for step in STEPS]
    if stream == Stream.FEEDBACK:
        return every[1:]
    return [*every, *((step, (Who.STUDENT,)) for step in STEPS[1:])]


def _wealth(counts: Sparse, margin: float) -> float:
    return float(betting.wealth(betting.total(betting.gains(margin), counts)[None, :])[0])


def _rows(table: Floats, observations: Sequence[Observation], own: Flags) -> Floats:
    rows = np.zeros((len(observations), betting.BETS))
    for at in np.flatnonzero(own).tolist():
        if (where := worse_bin(observations[at])) is not None:
            rows[at] = table[where]
    return rows


def _flags(values: object) -> Flags:
    return np.fromiter(values, dtype=np.bool_)  # type: ignore[call-overload, no-any-return]
