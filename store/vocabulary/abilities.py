"""What a student is able to do, what makes a request its own, and how sure it is of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a student can do; a request outside goes to the teacher."""

    context: int = 4096  # tokens, prompt and answer together
    images: bool = False
    tools: bool = False
    logprobs: bool = False
    n: int = 1  # greatest `n`
    json_object: bool = True
    json_schema: bool = True
    multi_turn: bool = True
    stored: bool = (
        False  # may answer where the provider would keep the answer; the operator's word, never its own
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """How a request is rewritten for a student, identically in training, evaluation and serving.

    The rewritten messages are `head` (None: the leading system/developer messages stay; empty: prompt
    internalisation), then `demos`, then the rest of the request's own. A program that was made for one head
    names its hash: a request with another is the teacher's.
    """

    head: tuple[dict[str, Any], ...] | None = None  # messages
    demos: tuple[dict[str, Any], ...] = ()  # messages, in turns of user and assistant
    head_hash: str = ""  # "": any; always given where `head` is

    @property
    def silent(self) -> bool:
        """Whether it leaves the instructions out: the weights have learned them."""
        return self.head == ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """What the log-probabilities of a student's answer are worth, as fitted on held-out calls.

    x is the log-odds of exp(l), where l is the sum of the answer's token log-probabilities or their mean; the
    confidence is 1 / (1 + exp(-(slope x + intercept))). So slope 1 and intercept 0 take the sum as it is.
    """

    form: str  # "sum" or "mean", of the tokens' log-probabilities
    slope: float  # more than 0: a surer answer is never thought less of
    intercept: float
    n: int  # calls that it was fitted on
    thresholds: tuple[float, ...] = ()  # candidates for `Route.threshold`, strictest first, all different
