"""What an app receives of a pair while a threshold is published: the student's answer, or the teacher's.

Knows no counts. An answer below the threshold is the teacher's to give, so nothing is lost and nothing won there:
D' = (S - T) * 1{kept}, of mean at least -delta exactly where what the app receives is within the margin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from store.vocabulary import Observation, ObservationKind, Stream


def received(observations: Iterable[Observation], threshold: float | None) -> list[Observation]:
    """Give the observations, scores with D as the app receives it; None: every answer goes out, all are as they were.

    A pair whose confidence is not known counts where it lost and not where it won: a failure of the student,
    rescued or not, is held against every threshold. A missing one stays missing.
    """
    if threshold is None:
        return list(observations)
    return [_received(o, threshold) for o in observations]


def _received(observation: Observation, threshold: float) -> Observation:
    if observation.stream != Stream.SCORE or not parts(observation):
        return observation
    ds = [_kept(d, confidence, threshold) for d, confidence in parts(observation)]
    return replace(observation, d=sum(ds) / len(ds))


def _kept(d: float, confidence: float | None, threshold: float) -> float:
    if confidence is None:
        return min(d, 0.0)
    return d if confidence >= threshold else 0.0


def parts(observation: Observation) -> tuple[tuple[float, float | None], ...]:
    """Give D and confidence of each call of a compared pair; nothing of any other."""
    if observation.kind != ObservationKind.PAIRED or observation.d is None:
        return ()
    return observation.parts or ((observation.d, observation.confidence),)
