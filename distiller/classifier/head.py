"""The linear head: from a text's vector to the log-probability of each answer. numpy only; knows no text and no training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """`log_softmax((vectors @ weight + bias) / temperature)`."""

    weight: Floats  # [width, answers]
    bias: Floats  # [answers]
    temperature: float = 1.0  # above 1: it was surer in training than it is right

    def logits(self, vectors: Floats) -> Floats:
        """Return them, [texts, answers], before the temperature."""
        found: Floats = vectors @ self.weight + self.bias
        return found

    def log_probs(self, vectors: Floats) -> Floats:
        """Return the natural logarithm of each answer's probability, [texts, answers]."""
        return log_softmax(self.logits(vectors) / np.float32(self.temperature))

    def save(self, path: Path) -> None:
        """Write it as safetensors."""
        tensors = {
            "weight": self.weight,
            "bias": self.bias,
            "temperature": np.array([self.temperature], np.float32),
        }
        save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, path)

    @classmethod
    def load(cls, path: Path) -> Head:
        """Read it. Raises ValueError for another file, OSError for none."""
        try:
            found = load_file(path)
            return cls(weight=found["weight"], bias=found["bias"], temperature=float(found["temperature"][0]))
        except (SafetensorError, KeyError) as error:
            raise ValueError(f"{path} holds no head ({error})") from error


def log_softmax(logits: Floats) -> Floats:
    """Return the logarithms of the softmax along the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    found: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return found
