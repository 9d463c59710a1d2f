"""The loss of one portion of a batch: cross entropy of the answer tokens only. Knows no optimiser.

Examples are packed (`distiller.training.packed`), and only the hidden states that say an answer token pass through
the output matrix. `loss_alone` is the same sum without either, for models that cannot be packed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from distiller.training.batches import shared_prefix
from distiller.training.encode import Example
from distiller.training.frozen import Lower
from distiller.training.packed import Row, packing

NEAR = {torch.float32: 1e-3, torch.bfloat16: 0.1}  # relative distance of hidden states that are the same


def loss_sum(causal: Any, examples: Sequence[Example], lower: Lower | None = None) -> Any:
    """Sum over the answer tokens of -log p, as a scalar tensor (nats), of a model that is `packing`.

    `lower`: what its frozen layers say of these examples, if it is known. Divide by `answer_tokens`.
    """
    return _entropy(causal, _together(causal, examples, lower), examples)


def loss_alone(causal: Any, examples: Sequence[Example]) -> Any:
    """Sum as `loss_sum`, one example at a time by the model's own attention."""
    return _entropy(causal, _apart(causal, examples), examples)


@torch.no_grad()  # type: ignore[untyped-decorator]
def packs(causal: Any, examples: Sequence[Example]) -> bool:
    """Whether a model says the same of packed examples: not where it mixes tokens by more than its attention."""
    try:
        with packing(causal):
            together = _together(causal, examples)
    except (TypeError, ValueError, RuntimeError):
        return False
    apart = _apart(causal, examples)
    return bool((together - apart).norm() <= NEAR[causal.dtype] * apart.norm())


def answer_tokens(examples: Sequence[Example]) -> int:
    """Tokens that are learnt."""
    return sum(len(e.answer) for e in examples)


def _together(causal: Any, examples: Sequence[Example], lower: Lower | None = None) -> Any:
    """Hidden states that say the answer tokens, (answer tokens, width)."""
    common = shared_prefix([e.prompt for e in examples])
    row = Row.of([e.inputs for e in examples], common, causal.device)
    said = torch.tensor(_before_answers(examples, common), device=causal.device)
    found = lower.through(causal.model, row, examples) if lower else row.through(causal.model)
    return found[0].index_select(0, said)


def _apart(causal: Any, examples: Sequence[Example]) -> Any:
    found = []
    for e in examples:
        ids = torch.tensor([e.inputs], device=causal.device)
        found.append(causal.model(input_ids=ids, use_cache=False).last_hidden_state[0, len(e.prompt) - 1 :])
    return torch.cat(found)


def _before_answers(examples: Sequence[Example], common: int) -> list[int]:
    """Where in the packed row the tokens stand that an answer token follows."""
    places: list[int] = []
    start = common
    for e in examples:
        first = start + len(e.prompt) - common - 1
        places += range(first, first + len(e.answer))
        start = first + len(e.answer)
    return places


def _entropy(causal: Any, hidden: Any, examples: Sequence[Example]) -> Any:
    wanted = torch.tensor([t for e in examples for t in e.answer], device=causal.device)
    return torch.nn.functional.cross_entropy(causal.lm_head(hidden).float(), wanted, reduction="sum")
