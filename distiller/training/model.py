"""The base model with a LoRA adapter on every linear layer. Knows no data and no schedule.

The frozen base is in bf16 where the device computes in it (CUDA; a CPU with AVX512-BF16 or AMX, where products
are twice as fast), else in fp32: without such instructions bf16 is many times slower. The adapter is in fp32.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from distiller.training.errors import TrainingError
from distiller.training.template import speak_chatml

LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A causal model ready to train, its tokenizer, and where it lives."""

    model: Any  # PeftModel
    tokenizer: Any
    device: torch.device

    @property
    def causal(self) -> Any:
        """The Hugging Face causal model inside: `.model` gives hidden states, `.lm_head` logits."""
        return self.model.get_base_model()

    @property
    def end_ids(self) -> frozenset[int]:
        """Tokens that end an answer."""
        configured = self.causal.generation_config.eos_token_id
        more = configured if isinstance(configured, list) else [configured]
        return frozenset(i for i in [self.tokenizer.eos_token_id, *more] if i is not None)


def pick_device(wanted: str) -> torch.device:
    """`auto` takes CUDA where there is one. Raises TrainingError when cuda is wanted and absent."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise TrainingError("device is cuda, but no CUDA device is to be seen: set it to auto or cpu")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def load_tokenizer(base: Path) -> Any:
    """Load the base's tokenizer with our template."""
    return speak_chatml(AutoTokenizer.from_pretrained(base))


def pick_precision(wanted: str, device: torch.device) -> torch.dtype:
    """`auto` takes bf16 where the device has instructions for it."""
    if wanted == "auto":
        able = torch.cpu.get_capabilities()
        fast = device.type == "cuda" or able.get("avx512_bf16") or able.get("amx_bf16")
        wanted = "bf16" if fast else "fp32"
    return torch.bfloat16 if wanted == "bf16" else torch.float32


def load(
    base: Path, *, rank: int, adapt_layers: int, device: torch.device, seed: int, precision: str = "fp32",
    four_bit: bool = False,
) -> Loaded:  # fmt: skip
    """Load the base with a fresh adapter on its top `adapt_layers` layers (0: all); alpha is twice the rank.

    `four_bit`: QLoRA. Raises TrainingError where it cannot be.
    """
    torch.manual_seed(seed)
    kind = pick_precision(precision, device)
    packed = {"quantization_config": _four_bit(device)} if four_bit else {}
    model = AutoModelForCausalLM.from_pretrained(base, dtype=kind, **packed)
    depth = int(model.config.num_hidden_layers)
    some = list(range(max(0, depth - adapt_layers), depth)) if adapt_layers else None
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=list(LINEAR), layers_to_transform=some,
        task_type="CAUSAL_LM",
    )  # fmt: skip
    with _quiet():
        tuned = get_peft_model(model, config)  # keeps the adapter in fp32 over a bf16 base
    placed = tuned if four_bit else tuned.to(device)  # blocks of four bits lie on their device from the start
    return Loaded(model=placed, tokenizer=load_tokenizer(base), device=device)


def merged(base: Path, adapter: Path, device: torch.device) -> Any:
    """Load the base afresh with a trained adapter merged in, as it is exported: fp32 on a CPU, bf16 on CUDA."""
    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(base, dtype=kind)
    with _quiet():
        return PeftModel.from_pretrained(model, adapter).merge_and_unload().to(device)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hear nothing of a property of transformers that peft asks for by its old name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing")
        yield


def _four_bit(device: torch.device) -> Any:
    if device.type != "cuda":
        raise TrainingError("four_bit needs a CUDA device: leave it out, or set device to cuda")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise TrainingError("four_bit needs bitsandbytes: run `pip install bitsandbytes`")
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )  # fmt: skip


def trainable(model: Any) -> list[Any]:
    """List the adapter's parameters, in a stable order."""
    return [p for p in model.parameters() if p.requires_grad]
