"""The loss of one portion of a batch: cross entropy of the answer tokens only. Knows no optimiser.

Two savings: only the hidden states at answer positions pass through the output matrix, and a prompt prefix
that all examples share is computed once, with its gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache

from distiller.training.batches import shared_prefix
from distiller.training.encode import Example


def prefix_cache(causal: Any, prefix: Sequence[int], copies: int) -> Any:
    """Keys and values of a prefix, computed once and seen `copies` times; empty for an empty prefix."""
    cache = DynamicCache()
    if prefix:
        ids = torch.tensor([list(prefix)], device=causal.device)
        once = causal.model(input_ids=ids, use_cache=True).past_key_values
        for index, layer in enumerate(once.layers):
            cache.update(
                layer.keys.expand(copies, -1, -1, -1), layer.values.expand(copies, -1, -1, -1), index
            )
    return cache


def loss_sum(causal: Any, examples: Sequence[Example], *, share: bool = True) -> Any:
    """Sum over the answer tokens of -log p, as a scalar tensor (nats). Divide by `answer_tokens`."""
    common = shared_prefix([e.prompt for e in examples]) if share else 0
    ids, mask, labels = (t.to(causal.device) for t in _padded(examples, common))
    cache = prefix_cache(causal, examples[0].prompt[:common], len(examples)) if common else None
    seen = torch.cat([mask.new_ones((len(examples), common)), mask], dim=1)
    where = torch.arange(common, common + ids.shape[1], device=ids.device)[None].expand(len(examples), -1)
    hidden = causal.model(
        input_ids=ids, attention_mask=seen, position_ids=where, past_key_values=cache, use_cache=bool(common)
    ).last_hidden_state
    chosen = labels[:, 1:] >= 0
    logits = causal.lm_head(hidden[:, :-1][chosen])
    return torch.nn.functional.cross_entropy(logits.float(), labels[:, 1:][chosen], reduction="sum")


def answer_tokens(examples: Sequence[Example]) -> int:
    """Tokens that are learnt."""
    return sum(len(e.answer) for e in examples)


def _padded(examples: Sequence[Example], common: int) -> tuple[Any, Any, Any]:
    """Ids, attention mask and labels, (examples, longest) each, without the shared prefix; right-padded."""
    length = max(len(e) for e in examples) - common
    ids = torch.zeros((len(examples), length), dtype=torch.long)
    mask = torch.zeros((len(examples), length), dtype=torch.long)
    labels = torch.full((len(examples), length), -1)
    for row, e in enumerate(examples):
        rest = len(e) - common
        ids[row, :rest] = torch.tensor([*e.prompt[common:], *e.answer])
        mask[row, :rest] = 1
        labels[row, len(e.prompt) - common : rest] = torch.tensor(e.answer)
    return ids, mask, labels
