"""A tiny llama with a tokenizer of its own, made on the spot, and a way to run the training child on it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from distiller.training.spec import TrainSpec

ROOT = Path(__file__).parents[3]
WORDS = ["red", "blue", "green", "warm", "cold", "dark", "light", "stone", "river", "cloud", "field", "house"]


def make_tokenizer() -> Any:
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator([" ".join(WORDS), "system user assistant", "yes no", *WORDS], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|im_end|>", bos_token="<|im_start|>"
    )


def make_base(folder: Path, *, tied: bool = False) -> Path:
    """A few hundred KB: two layers of 64, four heads, two of them for keys and values."""
    tokenizer = make_tokenizer()
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=tied,
        initializer_range=0.15, bos_token_id=1, eos_token_id=2, pad_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_row(i: int, *, passed: bool = True) -> dict[str, Any]:
    """A question of three words; the answer is decided by the first one."""
    words = [WORDS[i % 12], WORDS[(i * 5 + 1) % 12], WORDS[(i * 7 + 2) % 12]]
    request = {
        "model": "teacher",
        "messages": [
            {"role": "system", "content": "dark or light"},
            {"role": "user", "content": " ".join(words)},
        ],
    }
    answer = {"role": "assistant", "content": "yes" if i % 2 else "no"}
    return {
        "call_id": f"c{i}", "unit": f"u{i}", "request": request, "completion": answer, "passed": passed,
        "score": 1.0 if passed else 0.0,
    }  # fmt: skip


def write_trainset(folder: Path, train: list[dict[str, Any]], heldout: list[dict[str, Any]]) -> Path:
    folder.mkdir(parents=True)
    for name, rows in (("train", train), ("heldout", heldout)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (folder / "card.json").write_text("{}")
    return folder


@dataclass
class Child:
    """The training child as its parent sees it."""

    process: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            yield self.events[-1]

    def finish(self) -> int:
        for _ in self:
            pass
        return self.process.wait(60)

    def close_stdin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()


def start_child(job: Path) -> Child:
    with (job / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "distiller.training.child", str(job)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, env=dict(os.environ),
        )  # fmt: skip
    return Child(process)


@dataclass
class Finished:
    job: Path
    spec: TrainSpec
    events: list[dict[str, Any]]
    result: dict[str, Any]
