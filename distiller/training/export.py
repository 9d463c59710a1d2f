"""Base weights and a LoRA adapter into one Q8_0 GGUF for the local server. Knows no torch and no training.

Only numpy, safetensors and gguf. Q8_0 because a merge re-quantised to 4 bits falls back on the base's
grid and answers like the base.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
from safetensors import safe_open

from distiller.training.base import VOCABULARY
from distiller.training.errors import Unexportable
from distiller.training.vocabulary import add_fields, make_fields, read_fields

Array = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]

# Hugging Face architecture -> (GGUF architecture, whether q and k rows are interleaved for rotation)
_ARCHITECTURES = {
    "LlamaForCausalLM": ("llama", True),
    "MistralForCausalLM": ("llama", True),
    "Qwen2ForCausalLM": ("qwen2", False),
    "Qwen3ForCausalLM": ("qwen3", False),
}
_TOP = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}
_BLOCK = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What of the model's config.json the file format needs."""

    arch: str
    interleave: bool
    heads: int
    kv_heads: int
    head_dim: int
    layers: int
    hidden: int
    inner: int
    context: int  # tokens
    vocabulary: int  # tokens
    rope_base: float
    epsilon: float
    tied: bool  # the output matrix is the embedding


def read_shape(config: dict[str, Any]) -> Shape:
    """From a Hugging Face config. Raises Unexportable for an architecture or rotation without a known form."""
    name = (config.get("architectures") or ["unknown"])[0]
    if name not in _ARCHITECTURES:
        raise Unexportable(f"{name} cannot be written for the local server: serve it with another server")
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if rope.get("rope_type", "default") != "default":
        raise Unexportable(f"rotary scaling {rope['rope_type']!r} cannot be written for the local server")
    arch, interleave = _ARCHITECTURES[name]
    heads = int(config["num_attention_heads"])
    return Shape(
        arch=arch,
        interleave=interleave,
        heads=heads,
        kv_heads=int(config.get("num_key_value_heads") or heads),
        head_dim=int(config.get("head_dim") or config["hidden_size"] // heads),
        layers=int(config["num_hidden_layers"]),
        hidden=int(config["hidden_size"]),
        inner=int(config["intermediate_size"]),
        context=int(config["max_position_embeddings"]),
        vocabulary=int(config["vocab_size"]),
        rope_base=float(config.get("rope_theta") or rope.get("rope_theta") or 10_000.0),
        epsilon=float(config["rms_norm_eps"]),
        tied=bool(config.get("tie_word_embeddings", False)),
    )


def export(
    base: Path, adapter: Path | None, target: Path, *, tokenizer: Any, name: str, tell: Progress
) -> Path:
    """Write `target` (atomically): the base with the adapter merged in, Q8_0, with our chat template.

    `tell(tensors done, of)` is called as it goes on. Raises Unexportable.
    """
    shape = read_shape(json.loads((base / "config.json").read_text("utf-8")))
    partial = target.with_suffix(".part")
    writer = gguf.GGUFWriter(partial, shape.arch)
    _describe(writer, shape, name)
    vocabulary = base / VOCABULARY
    add_fields(
        writer, read_fields(vocabulary) if vocabulary.is_file() else make_fields(tokenizer, shape.vocabulary)
    )
    writer.add_chat_template(tokenizer.chat_template)
    change = _Adapter(adapter)
    for i, (key, weight) in enumerate(tensors := list(_names(base, shape))):
        _add(writer, *to_gguf(key, change.merge(key, weight()), shape))
        tell(i + 1, len(tensors))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(target)
    return target


def interleave(weight: Array, heads: int) -> Array:
    """Rows of a q or k matrix in llama.cpp's order: the two halves of each head, in turns."""
    shape = weight.shape
    halves = weight.reshape(heads, 2, shape[0] // heads // 2, *shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(shape))


def to_gguf(key: str, weight: Array, shape: Shape) -> tuple[str, Array]:
    """Name and value of a Hugging Face tensor in the GGUF. Raises Unexportable for an unknown tensor."""
    stem, kind = key.rsplit(".", 1)
    if stem in _TOP:
        return f"{_TOP[stem]}.{kind}", weight
    parts = stem.split(".", 3)
    if parts[:2] != ["model", "layers"] or parts[-1] not in _BLOCK:
        raise Unexportable(f"tensor {key!r} has no place in the local server's file format")
    short = _BLOCK[parts[3]]
    if shape.interleave and short in ("attn_q", "attn_k"):
        weight = interleave(weight, shape.heads if short == "attn_q" else shape.kv_heads)
    return f"blk.{parts[2]}.{short}.{kind}", weight


def _names(base: Path, shape: Shape) -> Iterator[tuple[str, Callable[[], Array]]]:
    """Each tensor's name and a way to read it as fp32."""
    for path in sorted(base.glob("*.safetensors")):
        with safe_open(path, "numpy") as file:
            keys = [k for k in sorted(file.keys()) if not (shape.tied and k == "lm_head.weight")]
        for key in keys:
            yield key, lambda path=path, key=key: _read(path, key)  # type: ignore[misc]


def _read(path: Path, key: str) -> Array:
    with safe_open(path, "numpy") as file:
        return np.asarray(file.get_tensor(key), dtype=np.float32)


class _Adapter:
    """The low-rank changes of a PEFT adapter folder; none when the folder is None."""

    def __init__(self, folder: Path | None) -> None:
        self._factors: dict[str, Array] = {}
        self._scale = 0.0
        if folder is None:
            return
        config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        self._scale = float(config["lora_alpha"]) / float(config["r"])
        path = folder / "adapter_model.safetensors"
        with safe_open(path, "numpy") as file:
            keys = list(file.keys())
        self._factors = {k.removeprefix("base_model.model."): _read(path, k) for k in keys}

    def merge(self, key: str, weight: Array) -> Array:
        """Return the weight with its change added, in fp32."""
        stem = key.removesuffix(".weight")
        a, b = self._factors.get(f"{stem}.lora_A.weight"), self._factors.get(f"{stem}.lora_B.weight")
        if a is None or b is None:
            return weight
        return weight + np.float32(self._scale) * (b @ a)


def _describe(writer: Any, shape: Shape, name: str) -> None:
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)


def _add(writer: Any, name: str, weight: Array) -> None:
    """Vectors stay fp32, matrices become Q8_0, or fp16 where a row is no multiple of its 32-value block."""
    if weight.ndim < 2:  # noqa: PLR2004 - a vector
        writer.add_tensor(name, weight)
    elif weight.shape[-1] % 32:
        writer.add_tensor(name, weight.astype(np.float16))
    else:
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quantize(weight, kind), raw_dtype=kind)
