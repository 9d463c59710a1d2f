"""The base model with a LoRA adapter on every linear layer. Knows no data and no schedule.

fp32 on a CPU (bf16 is slower than fp32 there without special instructions), bf16 on CUDA with the adapter
itself in fp32.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

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


def load(base: Path, *, rank: int, adapt_layers: int, device: torch.device, seed: int) -> Loaded:
    """Load the base with a fresh adapter on its top `adapt_layers` layers (0: all); alpha is twice the rank."""
    torch.manual_seed(seed)
    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(base, dtype=kind)
    depth = int(model.config.num_hidden_layers)
    some = list(range(max(0, depth - adapt_layers), depth)) if adapt_layers else None
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=list(LINEAR), layers_to_transform=some,
        task_type="CAUSAL_LM",
    )  # fmt: skip
    with warnings.catch_warnings():  # peft asks transformers for a property by its old name
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing")
        tuned = get_peft_model(model, config)  # keeps the adapter in fp32 over a bf16 base
    return Loaded(model=tuned.to(device), tokenizer=load_tokenizer(base), device=device)


def trainable(model: Any) -> list[Any]:
    """List the adapter's parameters, in a stable order."""
    return [p for p in model.parameters() if p.requires_grad]
