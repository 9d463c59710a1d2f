"""A frozen BERT-like sentence encoder on numpy: texts in, vectors out. Knows no label, no head and no server.

Written out here, so that a server needs neither torch nor transformers (90 MB of memory instead of 500) and
training and serving are the same arithmetic. Its words, half of the weights, are mapped from their file, not copied:
every server of this machine shares their pages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from distiller.training.errors import BaseUnavailable

Floats = NDArray[np.float32]
WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"
MAX_TOKENS = 128  # of a text: what all-MiniLM-L6-v2 was trained with
_BATCH_TOKENS = 512  # in one pass
_BLOCK = 16384  # numbers


class Encoder:
    """Gives each text the normalised means of its tokens' states after the last `layers` layers, side by side."""

    def __init__(self, folder: Path, *, layers: int = 1, max_tokens: int = MAX_TOKENS) -> None:
        """Load `folder`. Raises BaseUnavailable for what is no BERT in safetensors with its tokenizer."""
        try:
            config = json.loads((folder / CONFIG).read_text("utf-8"))
            self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
            self._weights = _Weights(folder / WEIGHTS)
            self._heads = int(config["num_attention_heads"])
            self._depth = int(config["num_hidden_layers"])
            self._eps = float(config["layer_norm_eps"])
            known = (config["model_type"], config["hidden_act"]) == ("bert", "gelu")
        except (OSError, ValueError, KeyError) as error:
            raise BaseUnavailable(f"{folder} holds no sentence encoder ({error!r})") from error
        except Exception as error:  # `tokenizers` raises the bare class
            raise BaseUnavailable(f"{folder / TOKENIZER} is no tokenizer ({error})") from error
        if not known:
            raise BaseUnavailable(f"{folder} holds a {config['model_type']} model; an encoder must be a BERT")
        self._layers = min(layers, self._depth)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(min(max_tokens, int(config["max_position_embeddings"])))
        self.width = self._layers * int(config["hidden_size"])  # of one vector

    def encode(self, texts: Sequence[str], tell: Callable[[int], None] = lambda _: None) -> Floats:
        """Return one row for each text, float32 [texts, width]. `tell` hears how many are done.

        Texts of one length go together: no padding, no mask, and the same sums whoever else is in the batch.
        """
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        found = np.empty((len(ids), self.width), np.float32)
        done = 0
        for chosen in _alike([len(one) for one in ids]):
            found[chosen] = self._forward(np.array([ids[i] for i in chosen]))
            done += len(chosen)
            tell(done)
        return found

    def count(self, text: str) -> int:
        """Return the tokens of a text as it is read: cut off after the most."""
        return len(self._tokenizer.encode(text).ids)

    def _forward(self, ids: NDArray[np.int64]) -> Floats:
        """Run texts of one length, [texts, tokens]."""
        get = self._weights
        first = get["embeddings.word_embeddings.weight"][ids]
        first = first + get["embeddings.position_embeddings.weight"][: ids.shape[1]]
        first += get["embeddings.token_type_embeddings.weight"][0]
        states = self._norm(first, "embeddings.LayerNorm")
        pooled = []
        for layer in range(self._depth):
            states = self._layer(states, f"encoder.layer.{layer}.")
            if layer >= self._depth - self._layers:
                mean = states.mean(axis=1)
                pooled.append(mean / np.linalg.norm(mean, axis=1, keepdims=True))
        return np.concatenate(pooled, axis=1)

    def _layer(self, states: Floats, name: str) -> Floats:
        query, key, value = (
            self._split(self._linear(states, f"{name}attention.self.{part}")) for part in _QKV
        )
        weights = query @ key.swapaxes(-1, -2)
        weights *= query.shape[-1] ** -0.5
        weights -= weights.max(axis=-1, keepdims=True)
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=-1, keepdims=True)
        mixed: Floats = np.matmul(weights, value).swapaxes(1, 2).reshape(states.shape)
        states = self._norm(
            states + self._linear(mixed, f"{name}attention.output.dense"), f"{name}attention.output.LayerNorm"
        )
        inner = gelu(self._linear(states, f"{name}intermediate.dense"))
        return self._norm(states + self._linear(inner, f"{name}output.dense"), f"{name}output.LayerNorm")

    def _split(self, states: Floats) -> Floats:
        """Cut [texts, tokens, width] into heads: [texts, heads, tokens, width of a head]."""
        texts, tokens, _ = states.shape
        return states.reshape(texts, tokens, self._heads, -1).swapaxes(1, 2)

    def _linear(self, states: Floats, name: str) -> Floats:
        weight = self._weights[f"{name}.weight"]
        flat = states.reshape(-1, states.shape[-1]) @ weight  # one product, whatever the number of texts
        flat += self._weights[f"{name}.bias"]
        return flat.reshape(*states.shape[:-1], -1)

    def _norm(self, states: Floats, name: str) -> Floats:
        centred = states - states.mean(axis=-1, keepdims=True)
        variance = np.mean(np.square(centred), axis=-1, keepdims=True)
        centred /= np.sqrt(variance + np.float32(self._eps))
        centred *= self._weights[f"{name}.weight"]
        found: Floats = centred + self._weights[f"{name}.bias"]
        return found


_QKV = ("query", "key", "value")


class _Weights:
    """The tensors of a safetensors file by name, mapped."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            header = int.from_bytes(file.read(8), "little")
            if header > path.stat().st_size:
                raise ValueError(f"{path} is no safetensors file")
            table: dict[str, Any] = json.loads(file.read(header))
        self._all = np.memmap(path, np.uint8, "r", offset=8 + header)
        plain = {
            name.removeprefix("bert."): self._view(entry)
            for name, entry in table.items()
            if entry.get("dtype") == "F32"
        }
        self._found = {name: self._laid(name, tensor) for name, tensor in plain.items()}

    def _view(self, entry: dict[str, Any]) -> Floats:
        begin, end = entry["data_offsets"]
        plain: Floats = np.asarray(self._all[begin:end]).view(np.float32).reshape(entry["shape"])
        return plain

    def _laid(self, name: str, plain: Floats) -> Floats:
        """Lay a layer's matrix out as [in, out]: for a single text a product with it takes two thirds of the time."""
        matrix = name.startswith("encoder.") and plain.ndim == 2  # noqa: PLR2004 - rows and columns
        return np.ascontiguousarray(plain.T) if matrix else plain

    def __getitem__(self, name: str) -> Floats:
        return self._found[name]


def gelu(x: Floats) -> Floats:
    """Return x Phi(x), exact to 2e-7: erf by Abramowitz and Stegun, 7.1.26."""
    flat = x.reshape(-1)
    found = np.empty_like(flat)
    for start in range(0, flat.size, _BLOCK):  # in the cache of a core: three times as fast
        found[start : start + _BLOCK] = _gelu(flat[start : start + _BLOCK])
    return found.reshape(x.shape)


def _gelu(x: Floats) -> Floats:
    z = np.abs(x)
    z *= np.float32(0.7071067811865476)
    t = z * np.float32(0.3275911)
    t += 1
    np.reciprocal(t, out=t)
    tail = t * np.float32(1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail += np.float32(coefficient)
        tail *= t
    z *= z
    np.negative(z, out=z)
    tail *= np.exp(z, out=z)  # 1 - erf(|x| / sqrt 2)
    tail *= np.abs(x)
    tail *= np.float32(-0.5)
    tail += np.maximum(x, 0)
    return tail


def _alike(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Give the places of equal lengths together, at most `_BATCH_TOKENS` tokens at a time."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    cuts = [i for i in range(1, len(order)) if lengths[order[i]] != lengths[order[i - 1]]]
    for begin, end in pairwise([0, *cuts, len(order)]):
        most = max(1, _BATCH_TOKENS // max(1, lengths[order[begin]])) if end > begin else 1
        for start in range(begin, end, most):
            yield order[start : min(start + most, end)]
