"""A checkpoint: everything that a killed run needs to go on as if nothing had happened. Knows no schedule.

One file `checkpoint.pt`, replaced by rename: adapter weights, those of the best check, optimiser, random state, step,
running figures, and a digest of the data it belongs to.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from distiller.training.validation import Best

Adapter = dict[str, Any]  # name of a trained parameter -> its value, on the CPU


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Where a run stands after `step` optimiser steps. The plan of batches follows from spec and data."""

    step: int
    digest: str  # of rows and hyperparameters; a checkpoint of other ones is not taken up
    loss: float  # running mean over the last steps, nats per answer token
    tokens: int  # seen so far
    seconds: float  # spent so far
    best: Best = field(default_factory=Best)  # of the checks so far


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """Where the run stood, and the adapter of its best check; None before the first."""

    position: Position
    best: Adapter | None


def adapter(model: Any) -> Adapter:
    """Copy what is trained."""
    return {n: p.detach().cpu().clone() for n, p in model.named_parameters() if p.requires_grad}


def put(model: Any, values: Adapter) -> None:
    """Write such a copy back into its model."""
    own = {n: p for n, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for name, value in values.items():
            own[name].copy_(value)


def save(path: Path, model: Any, optimizer: Any, position: Position, best: Adapter | None) -> None:
    """Write it beside and rename it in; synced before the rename, so a crash leaves the old or the new one."""
    state = {
        "adapter": adapter(model),
        "best": best,
        "optimizer": optimizer.state_dict(),
        "random": torch.get_rng_state(),
        "position": asdict(position),
    }
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def restore(path: Path, model: Any, optimizer: Any, digest: str) -> Restored | None:
    """Load a checkpoint of the same data and hyperparameters into model and optimiser; None when there is none."""
    if not path.is_file():
        return None
    state = torch.load(path, map_location="cpu", weights_only=True)
    told = state["position"]
    position = Position(**{**told, "best": Best(**told["best"])})
    if position.digest != digest:
        return None
    put(model, state["adapter"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    return Restored(position=position, best=state["best"])
