"""The project's trainer on the rows of a round, and the score of any adapter on its test rows.

`python -m benchmarks._training.ours train|score ROUND OUT`: leaves OUT/adapter and OUT/told.json, or OUT/score.json.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from distiller.training.encode import encode
from distiller.training.generate import generate
from distiller.training.model import load, load_tokenizer, merged
from distiller.training.report import Report
from distiller.training.spec import TrainSpec
from distiller.training.trainer import Trainer

CPU = torch.device("cpu")


def train(round_: Path, out: Path, terms: dict[str, Any]) -> dict[str, Any]:
    base = Path(terms["base"])
    spec = TrainSpec(
        trainset=round_, base=base, out=out, epochs=terms["epochs"], lr=terms["lr"], batch=terms["batch"], patience=0,
        rank=terms["rank"], max_length=terms["max_length"], device="cpu", precision=out.name.rpartition("-")[2],
        threads=terms["threads"], seed=terms["seed"],
    )  # fmt: skip
    loaded = load(base, rank=spec.rank, adapt_layers=0, device=CPU, seed=spec.seed, precision=spec.precision)
    examples = encode(loaded.tokenizer, _chats(round_ / "train.jsonl"), spec.max_length).examples
    limit = terms["steps"] if terms["steps"] > 0 else sys.maxsize
    with (out / "events.jsonl").open("w") as events:
        began, cpu = time.perf_counter(), time.process_time()
        done = Trainer(spec, loaded, out, Report(events), lambda: False).run(
            examples[: limit * terms["batch"]]
        )
        told = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}
    loaded.model.save_pretrained(out / "adapter")
    return {**told, "steps": done.steps, "tokens": done.tokens, "packed": done.packed}


def score(round_: Path, out: Path, terms: dict[str, Any]) -> dict[str, Any]:
    """Share of the test rows that an adapter answers exactly, greedily."""
    base = Path(terms["base"])
    tokenizer = load_tokenizer(base)
    examples = encode(tokenizer, _chats(round_ / "test.jsonl"), terms["max_length"]).examples
    ends = frozenset({tokenizer.eos_token_id})
    limits = [len(e.answer) + 4 for e in examples]
    answers = generate(
        merged(base, out / "adapter", CPU), [e.prompt for e in examples], limits, ends, lambda *_: None
    )
    right = sum(a == e.answer[:-1] for a, e in zip(answers, examples, strict=True))
    return {"right": right, "of": len(examples)}


def _chats(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def main() -> None:
    verb, round_, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    terms = json.loads((round_ / "terms.json").read_text("utf-8"))
    torch.set_num_threads(terms["threads"])
    found = (train if verb == "train" else score)(round_, out, terms)
    (out / ("told.json" if verb == "train" else "score.json")).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
