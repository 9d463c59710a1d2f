"""The tokenizer as GGUF fields: copied from the original file, or written from a Hugging Face tokenizer.

Knows no tensors. Only byte-level BPE tokenizers have a form here; any other is Unexportable.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf

from distiller.training.errors import Unexportable

_TEMPLATE = "tokenizer.chat_template"
# Pre-tokenisers that llama.cpp knows by name, told by a part of their description in tokenizer.json.
_SPLITS = (
    ("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|", "llama-bpe"),
    ("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|", "qwen2"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One key and value of a GGUF header."""

    name: str
    value: Any
    kind: gguf.GGUFValueType
    item: gguf.GGUFValueType | None = None  # of an array


def copy_vocabulary(source: Path, target: Path) -> None:
    """Write the tokenizer fields of a GGUF into a small GGUF without tensors."""
    writer = gguf.GGUFWriter(target, "llama")
    add_fields(writer, read_fields(source))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def read_fields(path: Path) -> list[Field]:
    """Read the tokenizer fields of a GGUF, less its chat template."""
    reader = gguf.GGUFReader(path)
    return [
        Field(
            name=f.name,
            value=f.contents(),
            kind=f.types[0],
            item=f.types[-1] if f.types[0] == gguf.GGUFValueType.ARRAY else None,
        )
        for f in reader.fields.values()
        if f.name.startswith("tokenizer.") and f.name != _TEMPLATE
    ]


def add_fields(writer: Any, fields: list[Field]) -> None:
    """Put fields into an open GGUF writer."""
    for f in fields:
        writer.add_key_value(f.name, f.value, f.kind, f.item)


def make_fields(tokenizer: Any, size: int) -> list[Field]:
    """Make the fields of a byte-level BPE tokenizer, padded to the model's `size` tokens. Raises Unexportable."""
    data = json.loads(tokenizer.backend_tokenizer.to_str())
    if data["model"].get("type") != "BPE":
        raise Unexportable(f"a {data['model'].get('type')} tokenizer cannot be written for the local server")
    names = {i: t for t, i in data["model"]["vocab"].items()}
    special = {t["id"]: t for t in data["added_tokens"]}
    names |= {i: t["content"] for i, t in special.items()}
    tokens = [names.get(i, f"[PAD{i}]") for i in range(size)]
    merges = [m if isinstance(m, str) else " ".join(m) for m in data["model"]["merges"]]
    types = [_token_type(i, names, special) for i in range(size)]
    kinds = gguf.GGUFValueType
    fields = [
        Field(name="tokenizer.ggml.model", value="gpt2", kind=kinds.STRING),
        Field(name="tokenizer.ggml.pre", value=_pre(data.get("pre_tokenizer")), kind=kinds.STRING),
        Field(name="tokenizer.ggml.tokens", value=tokens, kind=kinds.ARRAY, item=kinds.STRING),
        Field(name="tokenizer.ggml.token_type", value=types, kind=kinds.ARRAY, item=kinds.INT32),
        Field(name="tokenizer.ggml.merges", value=merges, kind=kinds.ARRAY, item=kinds.STRING),
        Field(name="tokenizer.ggml.add_bos_token", value=False, kind=kinds.BOOL),
        Field(name="tokenizer.ggml.add_space_prefix", value=False, kind=kinds.BOOL),
    ]
    ids = {"bos": tokenizer.bos_token_id, "eos": tokenizer.eos_token_id, "padding": tokenizer.pad_token_id}
    return fields + [
        Field(name=f"tokenizer.ggml.{role}_token_id", value=i, kind=kinds.UINT32)
        for role, i in ids.items()
        if i is not None
    ]


def _token_type(i: int, names: dict[int, str], special: dict[int, dict[str, Any]]) -> int:
    kind = gguf.TokenType
    if i in special:
        return int(kind.CONTROL if special[i].get("special") else kind.USER_DEFINED)
    return int(kind.NORMAL if i in names else kind.UNUSED)


def _pre(description: dict[str, Any] | None) -> str:
    """Find the name that llama.cpp has for a pre-tokeniser. Raises Unexportable for one it has none for."""
    parts = (description or {}).get("pretokenizers") or [description or {}]
    kinds = [p.get("type") for p in parts]
    if kinds == ["ByteLevel"] and parts[0].get("use_regex", True):
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and parts[0].get("individual_digits"):
        return "smollm"
    if kinds == ["Split", "ByteLevel"]:
        pattern = str(parts[0].get("pattern", {}).get("Regex", ""))
        for start, name in _SPLITS:
            if pattern.startswith(start):
                return name
    raise Unexportable(f"the local server has no name for this tokenizer's splitting ({kinds})")
