"""Many examples as one row of tokens: no padding, and what all of them begin with stands there once.

Every matrix product then sees real tokens only; attention alone knows where an example begins. A model's own
attention is replaced through transformers' attention interface. Knows no labels and no optimiser.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AttentionInterface

NAME = "stillhouse-packed"
PLAIN = 1 << 20  # scores up to which plain products beat the fused kernel on a CPU: its backward pass is slow
Ids = Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A pack of token sequences. Tensors are on the model's device; B sequences, the longest rest has S tokens."""

    ids: Any  # (1, T): the common tokens, then the rest of each sequence
    positions: Any  # (1, T): where a token stands in its own sequence
    common: int
    spread: Any  # (B * S,): for each place of the padded rests, the token that stands there (pads: any)
    real: Any  # (T - common,): the places of the padded rests that are no pads, in the row's order
    shape: tuple[int, int]  # B, S

    @classmethod
    def of(cls, sequences: Sequence[Ids], common: int, device: Any) -> Row:
        """Pack sequences that share their first `common` tokens and are longer than that."""
        rests = [len(s) - common for s in sequences]
        longest = max(rests)
        ids = [*sequences[0][:common], *(t for s in sequences for t in s[common:])]
        positions = [*range(common), *(p for rest in rests for p in range(common, common + rest))]
        starts = [common + sum(rests[:i]) for i in range(len(rests))]
        spread = [
            start + min(i, rest - 1)
            for start, rest in zip(starts, rests, strict=True)
            for i in range(longest)
        ]
        real = [b * longest + i for b, rest in enumerate(rests) for i in range(rest)]
        tensors = [torch.tensor(x, device=device) for x in (ids, positions, spread, real)]
        return cls(
            ids=tensors[0][None], positions=tensors[1][None], common=common, spread=tensors[2],
            real=tensors[3], shape=(len(rests), longest),
        )  # fmt: skip

    def through(self, model: Any, inputs: Any = None) -> Any:
        """Last hidden states, (1, T, width), of a decoder that is `packing`; `inputs`: its embeddings, if not the ids'."""
        given = {"input_ids": self.ids} if inputs is None else {"inputs_embeds": inputs}
        return model(**given, position_ids=self.positions, use_cache=False, packed=self).last_hidden_state


@contextmanager
def packing(causal: Any) -> Iterator[None]:
    """Have a causal model attend by packs, and by its own attention again afterwards."""
    own = causal.config._attn_implementation  # noqa: SLF001 - transformers has a setter only
    AttentionInterface.register(NAME, attend)
    causal.set_attn_implementation(NAME)
    try:
        yield
    finally:
        causal.set_attn_implementation(own)


def attend(
    module: Any, query: Any, key: Any, value: Any, _mask: Any, *, packed: Row, scaling: float, **_: Any
) -> tuple[Any, None]:
    """Attention of a packed row, as transformers asks for it: (1, heads, T, size) in, (1, T, heads, size) out.

    The common tokens see themselves; the rest of a sequence sees them and itself. Causality hides the pads.
    """
    groups = getattr(module, "num_key_value_groups", 1)
    key, value = (x.repeat_interleave(groups, dim=1) if groups > 1 else x for x in (key, value))
    common = packed.common
    mask = _mask_of(packed, query.device) if common else None
    own = _padded(query, packed, with_common=False)
    seen = [_padded(x, packed, with_common=True) for x in (key, value)]
    out = _scaled(own, seen[0], seen[1], scaling, mask)
    rests = out.transpose(1, 2).flatten(0, 1)[packed.real]
    if not common:
        return rests[None], None
    first = [x[:, :, :common] for x in (query, key, value)]
    head = _scaled(first[0], first[1], first[2], scaling, None)
    return torch.cat([head.transpose(1, 2), rests[None]], dim=1), None


def _padded(x: Any, packed: Row, *, with_common: bool) -> Any:
    """(1, heads, T, size) to (B, heads, S, size), the common tokens in front of each where wanted."""
    count, longest = packed.shape
    heads, size = x.shape[1], x.shape[3]
    rests = x[0].index_select(1, packed.spread).view(heads, count, longest, size).transpose(0, 1)
    if not with_common or not packed.common:
        return rests
    return torch.cat([x[:, :, : packed.common].expand(count, -1, -1, -1), rests], dim=2)


def _mask_of(packed: Row, device: Any) -> Any:
    longest = packed.shape[1]
    own = torch.ones((longest, longest), dtype=torch.bool, device=device).tril()
    return torch.cat([own.new_ones((longest, packed.common)), own], dim=1)


def _scaled(query: Any, key: Any, value: Any, scale: float, mask: Any) -> Any:
    """Causal attention where there is no mask; by plain products where all scores together are few."""
    scores = query.shape[0] * query.shape[1] * query.shape[2] * key.shape[2]
    if query.device.type != "cpu" or scores > PLAIN:
        return torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=mask is None, scale=scale
        )
    if mask is None:
        mask = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool).tril()
    hidden = torch.where(mask, 0.0, float("-inf")).to(query.dtype)
    return (query * scale @ key.transpose(2, 3) + hidden).softmax(-1) @ value
