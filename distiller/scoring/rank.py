"""Which of the things known of an answer counts. Pure: knows no log and no metric.

`ScoreSource` is the order, most trusted first. Nothing is averaged over sources: they measure different things.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from store.vocabulary import Exchange, ScoreSource

GOLD = "gold"  # name of the scores of a person who was asked
GOLD_VERSION = "person"
Known = Mapping[ScoreSource, float]  # values in [0, 1]; a source that said nothing is not there


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """The value that counts, in [0, 1], and who says so."""

    value: float
    source: ScoreSource


def rank(known: Known) -> Ranked | None:
    """Return what the most trusted source says; None where none said anything."""
    said = [source for source in ScoreSource if source in known]
    return Ranked(value=known[said[0]], source=said[0]) if said else None


def compared(source: ScoreSource, *, corrected: bool) -> ScoreSource:
    """Return the source of a metric's score: what it compared with counts for more than who compared."""
    return ScoreSource.CORRECTION if corrected else source


def known(exchange: Exchange) -> dict[ScoreSource, float]:
    """Return all that is known of the answer of an exchange."""
    said = {
        ScoreSource.GOLD: exchange.gold,
        ScoreSource.FEEDBACK: exchange.feedback,
        ScoreSource.SIGNAL: exchange.signal,
    }
    if exchange.source is not None:
        said[ScoreSource(exchange.source)] = exchange.score
    return {source: value for source, value in said.items() if value is not None}


def countable(*, judged: bool) -> tuple[ScoreSource, ...]:
    """Return the sources that say what a teacher's answer is worth, most trusted first.

    Agreement with itself says nothing. Who corrects, corrects what was wrong: where nothing but corrections
    and agreement scores a task (not `judged`), a score against a correction is no sample of the answers.
    """
    silent = {ScoreSource.AGREEMENT} if judged else {ScoreSource.AGREEMENT, ScoreSource.CORRECTION}
    return tuple(source for source in ScoreSource if source not in silent)


def of_teacher(said: Known, *, judged: bool) -> Ranked | None:
    """Return what a teacher's answer is worth, by others than the teacher."""
    counts = countable(judged=judged)
    return rank({source: value for source, value in said.items() if source in counts})
