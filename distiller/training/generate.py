"""Greedy answers in batches, as the trainer itself gives them. Knows no scores and no server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import DynamicCache

from distiller.training.batches import portions, shared_prefix
from distiller.training.encode import Ids

BUDGET = 4096  # padded prompt tokens of one batch


@torch.no_grad()  # type: ignore[untyped-decorator]
def generate(
    causal: Any,
    prompts: Sequence[Ids],
    limits: Sequence[int],
    ends: frozenset[int],
    tell: Callable[[int, int], None],
) -> list[Ids]:
    """Answer ids for every prompt, in its order, without the end token; at most `limits[i]` tokens each.

    `tell(prompts done, of)` is called after each batch; it may raise to stop.
    """
    causal.eval()
    answers: list[Ids] = [()] * len(prompts)
    done = 0
    for group in portions([len(p) for p in prompts], BUDGET):
        found = _greedy(causal, [prompts[i] for i in group], [limits[i] for i in group], ends)
        for i, answer in zip(group, found, strict=True):
            answers[i] = answer
        done += len(group)
        tell(done, len(prompts))
    return answers


def _greedy(causal: Any, prompts: list[Ids], limits: list[int], ends: frozenset[int]) -> list[Ids]:
    """One batch, left-padded behind the prefix that all share."""
    common = shared_prefix(prompts)
    ids, mask = (t.to(causal.device) for t in _left_padded([p[common:] for p in prompts]))
    cache = _cache(causal, prompts[0][:common], len(prompts))
    seen = torch.cat([mask.new_ones((len(prompts), common)), mask], dim=1)
    where = (mask.cumsum(1) - 1).clamp(min=0) + common
    answers: list[list[int]] = [[] for _ in prompts]
    live = [limit > 0 for limit in limits]
    while any(live):
        hidden = causal.model(
            input_ids=ids, attention_mask=seen, position_ids=where, past_key_values=cache, use_cache=True
        ).last_hidden_state
        best = causal.lm_head(hidden[:, -1]).argmax(-1)
        for i, token in enumerate(best.tolist()):
            live[i] = live[i] and token not in ends
            if live[i]:
                answers[i].append(token)
                live[i] = len(answers[i]) < limits[i]
        ids, where = best[:, None], where[:, -1:] + 1
        seen = torch.cat([seen, seen.new_ones((len(prompts), 1))], dim=1)
    return [tuple(a) for a in answers]


def _cache(causal: Any, prefix: Ids, copies: int) -> Any:
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


def _left_padded(prompts: list[Ids]) -> tuple[Any, Any]:
    length = max(len(p) for p in prompts)
    ids = torch.zeros((len(prompts), length), dtype=torch.long)
    mask = torch.zeros((len(prompts), length), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, length - len(prompt) :] = torch.tensor(prompt)
        mask[row, length - len(prompt) :] = 1
    return ids, mask
