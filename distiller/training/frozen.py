"""What the layers below the adapter say of every example: computed once, since training never changes it.

Only where the adapter leaves out the lowest layers. Knows no loss and no order of training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from distiller.training.batches import packs, shared_prefix
from distiller.training.encode import Example
from distiller.training.packed import Row

MOST_BYTES = 1 << 30  # of hidden states kept; with more, every step computes them anew


@dataclass(frozen=True, kw_only=True)
class Lower:
    """Hidden states after the `depth` lowest layers. What all examples begin with is kept once."""

    depth: int
    head: Any  # (common, width)
    rests: dict[Example, Any]  # (tokens - common, width)

    @classmethod
    @torch.no_grad()  # type: ignore[untyped-decorator]
    def of(cls, causal: Any, examples: Sequence[Example], depth: int, budget: int) -> Lower | None:
        """Compute them for a model that is `packing`, `budget` tokens at a time; None where they are too many to keep."""
        common = shared_prefix([e.prompt for e in examples])
        sizes = [len(e.inputs) for e in examples]
        kept = (sum(sizes) - common * (len(sizes) - 1)) * causal.config.hidden_size * causal.dtype.itemsize
        if kept > MOST_BYTES:
            return None
        head, rests = None, {}
        for part in packs(sizes, common, budget):
            row = Row.of([examples[i].inputs for i in part], common, causal.device)
            with _layers(causal.model, upto=depth):
                found = row.through(causal.model)[0]
            head = found[:common].clone() if head is None else head
            pieces = found[common:].split([sizes[i] - common for i in part])
            rests.update({examples[i]: piece.clone() for i, piece in zip(part, pieces, strict=True)})
        return cls(depth=depth, head=head, rests=rests)

    def through(self, model: Any, row: Row, examples: Sequence[Example]) -> Any:
        """Last hidden states, (1, T, width), of a row of such examples, through the upper layers only."""
        whole = [torch.cat([self.head, self.rests[e]]) for e in examples]
        inputs = torch.cat([whole[0][: row.common], *(states[row.common :] for states in whole)])
        with _layers(model, start=self.depth):
            return row.through(model, inputs[None])


@contextmanager
def _layers(model: Any, *, start: int = 0, upto: int | None = None) -> Iterator[None]:
    """Have a decoder run some of its layers; without the uppermost ones, without its last norm too."""
    layers, norm = model.layers, model.norm
    model.layers = layers[start:upto]
    if upto is not None:
        model.norm = torch.nn.Identity()
    try:
        yield
    finally:
        model.layers, model.norm = layers, norm
