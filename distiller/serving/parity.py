"""Whether the endpoint answers as the trainer did. Pure: knows no server and no file.

The trainer's greedy answers (heldout_outputs.jsonl) and the endpoint's are scored by the same function.
Parity is the share of prompts on which the two scores are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

SHARE = 0.98  # of the prompts must score the same; at least 200 prompts make it a verdict

Score = Callable[[str, str], float]  # (call id, answer text) -> score in [0, 1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """How well two sets of answers to the same prompts agree."""

    prompts: int  # of the trainer
    compared: int  # of them answered by the endpoint too
    same_score: float  # share of `prompts`, an unanswered one counts as different; 0 when there are none
    same_text: float  # likewise
    different: tuple[str, ...]  # call ids whose score differs or is missing

    @property
    def holds(self) -> bool:
        """Whether the endpoint is the model that was trained."""
        return self.prompts > 0 and self.same_score >= SHARE


def compare(
    trained: Mapping[str, str], served: Mapping[str, str], score: Score, *, tolerance: float = 1e-9
) -> Parity:
    """Compare answer texts by call id."""
    both = [i for i in trained if i in served]
    texts = sum(trained[i].strip() == served[i].strip() for i in both)
    same = {i for i in both if abs(score(i, trained[i]) - score(i, served[i])) <= tolerance}
    n = len(trained)
    return Parity(
        prompts=n,
        compared=len(both),
        same_score=len(same) / n if n else 0.0,
        same_text=texts / n if n else 0.0,
        different=tuple(i for i in trained if i not in same),
    )
