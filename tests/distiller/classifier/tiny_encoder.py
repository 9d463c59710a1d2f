"""A tiny BERT with random weights and a tokenizer of its own, rows for it, and a way to run the child and the server."""

import json
import subprocess
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from distiller.classifier.spec import ClassifierSpec
from distiller.scoring.shape import Shape
from store.prompt import head_hash
from store.vocabulary import Program

ROOT = Path(__file__).parents[3]
WORDS = ["red", "blue", "green", "warm", "cold", "dark", "light", "stone", "river", "cloud", "field", "house"]
HEAD = [{"role": "system", "content": "Say what it is about."}]
LABELS = ("A colour", "The weather", "A place")


def make_encoder(folder, **changes):
    vocab = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(1)
    config = BertConfig(
        **{
            "vocab_size": len(vocab), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 4, "max_position_embeddings": 64, "initializer_range": 0.3, **changes,
        }
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def make_row(i, *, passed=True):
    """The first word decides; three words are of each kind, and answers are not always spelled alike."""
    kind = (i // 2) % 3
    words = [WORDS[kind * 4 + i % 4], WORDS[(i * 5 + 1) % 12]]
    request = {
        "model": "t",
        "messages": [*HEAD, {"role": "user", "content": " ".join(words[:1] * 3 + words[1:])}],
    }
    label = LABELS[kind] if i % 7 else LABELS[kind].lower() + "."
    answer = {"role": "assistant", "content": label}
    return {"call_id": f"c{i}", "unit": f"u{i}", "request": request, "completion": answer, "passed": passed}


def write_trainset(folder, train, heldout):
    folder.mkdir(parents=True)
    for name, rows in (("train", train), ("heldout", heldout)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "card.json").write_text('{"shape": "label"}')
    return folder


def spec_for(job, trainset, encoder, **changes):
    job.mkdir(parents=True, exist_ok=True)
    program = Program(head=(), head_hash=head_hash({"messages": HEAD}))
    given = {
        "trainset": str(trainset), "out": str(job / "out"), "shape": Shape.LABEL, "encoder": str(encoder),
        "program": program, "threads": 2,
    }  # fmt: skip
    spec = ClassifierSpec(**{**given, **changes})
    spec.save(job)
    return spec


def start(module, *arguments, log):
    with log.open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT,
        )  # fmt: skip


def events(process):
    for line in process.stdout:
        yield json.loads(line)


def end(process):
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
