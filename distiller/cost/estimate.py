"""What a climb of the ladder will take, said before it begins. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HOUR_S = 3600.0
_CHARACTERS = 3.5  # of a token, of English text and JSON
_MODELS = ("instructions", "both")  # rungs that ask a model to rewrite prompts
_TAUGHT = ("internalised", "finetune", "service")  # rungs that may have a model as their teacher
_TRAINED = ("internalised", "finetune", "both")
_FIXED_S = 60.0  # of a rung: load, export, start of the server
_ROUNDS = 1.5  # of a held-out call: once for the screen, half of them again for parity


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """How fast this machine is, as earlier jobs saw it; else what two cores were measured at."""

    train_tokens_s: float = 150.0
    answer_s: float = 0.6  # of one answer, a few asked at once


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """An upper bound, for the case that every rung is tried."""

    seconds: float
    usd: float
    words: str


def estimate(
    ladder: Sequence[str],
    *,
    rows: int,
    heldout: int,
    characters: float,
    epochs: float,
    speed: Speed,
    usd_per_hour: float = 0.0,
    optimizer_usd: float = 0.0,
    taught: bool = False,
) -> Estimate:
    """Say what a climb takes at most.

    `rows`, `heldout`: of the trainset to be; `characters`: of one row, prompt and answer; `usd_per_hour`: of this
    machine; `optimizer_usd`: what the models that rewrite prompts or teach may cost, where a rung asks them;
    `taught`: whether weights are trained on answers of a model that is asked for them.
    """
    trained = rows * characters / _CHARACTERS * epochs / speed.train_tokens_s
    asked = heldout * _ROUNDS * speed.answer_s
    seconds = sum(_FIXED_S + asked + trained * (name in _TRAINED) for name in ladder)
    asking = _MODELS + _TAUGHT * taught
    models = optimizer_usd if any(name in asking for name in ladder) else 0.0
    usd = seconds / HOUR_S * usd_per_hour + models
    return Estimate(
        seconds=seconds,
        usd=usd,
        words=f"at most {_duration(seconds)} and ${usd:,.2f} for {len(ladder)} rungs over {rows:,} rows",
    )


def too_dear(wanted: Estimate, most_usd: float) -> str | None:
    """Return why a climb is not begun, None where it may be."""
    if wanted.usd <= most_usd:
        return None
    return f"it may cost ${wanted.usd:,.2f}, and distiller.max_usd is ${most_usd:,.2f}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds < 2 * HOUR_S else f"{seconds / HOUR_S:.1f} hours"
