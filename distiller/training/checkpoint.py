"""A checkpoint: everything that a killed run needs to go on as if nothing had happened. Knows no schedule.

One file `checkpoint.pt`, replaced by rename: adapter weights, optimiser, random state, step, running
figures, and a digest of the data it belongs to.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Where a run stands after `step` optimiser steps. The plan of batches follows from spec and data."""

    step: int
    digest: str  # of rows and hyperparameters; a checkpoint of other ones is not taken up
    loss: float  # running mean over the last steps, nats per answer token
    tokens: int  # seen so far
    seconds: float  # spent so far


def save(path: Path, model: Any, optimizer: Any, position: Position) -> None:
    """Write it beside and rename it in; synced before the rename, so a crash leaves the old or the new one."""
    state = {
        "adapter": {n: p.detach().cpu() for n, p in model.named_parameters() if p.requires_grad},
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


def restore(path: Path, model: Any, optimizer: Any, digest: str) -> Position | None:
    """Load a checkpoint of the same data and hyperparameters into model and optimiser; None when there is none."""
    if not path.is_file():
        return None
    state = torch.load(path, map_location="cpu", weights_only=True)
    position = Position(**state["position"])
    if position.digest != digest:
        return None
    own = {n: p for n, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for name, value in state["adapter"].items():
            own[name].copy_(value)
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    return position
