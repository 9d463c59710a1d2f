"""How fast the local backend trains against plain TRL, on the same rows and as well.

python -m benchmarks training -- --data FOLDER --base FOLDER [--rows N] [--tests N] [--epochs E] [--seeds N ...] [--arms ARM ...]

SNIPS intents with their instructions in every call, as an app sends them. Each seed is one round in which the arms take
turns: other rows, the same for all arms; the same base, LoRA, batch, schedule and epochs. An adapter's score is the share
of test rows that it answers exactly, greedily, in fp32 by one generator. `--steps` cuts a round short.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks._ladder import tasks
from benchmarks._page import ran, table
from benchmarks._training import environment
from distiller.training.adapt import pace
from distiller.training.model import LINEAR, load_tokenizer

ARMS = ("trl-fp32", "ours-fp32", "ours-auto", "trl-bf16")
LIMIT_S = 1800  # of one program


def main(argv: list[str]) -> dict[str, Any]:
    """Train and score each arm, seed by seed; give a row for each."""
    wish = _arguments(argv)
    trl = environment.python()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in wish.seeds:
            round_ = Path(folder) / str(seed)
            terms = _prepare(round_, wish, seed)
            turn = seed % len(wish.arms)
            for arm in wish.arms[turn:] + wish.arms[:turn]:
                rows.append({"arm": arm, "seed": seed, **_run(arm, round_, trl)})
                print(json.dumps(rows[-1]), flush=True)
    return {
        "terms": {**terms, "base": wish.base.name, "rows": wish.rows, "arms": wish.arms},
        "rows": rows,
    }


def report(kept: dict[str, Any], _plots: Path) -> str:
    """Write the part of the page."""
    found, terms = kept["result"]["rows"], kept["result"]["terms"]
    mean = {
        arm: {key: fmean(row[key] for row in found if row["arm"] == arm) for key in ("seconds", "step_s")}
        for arm in terms["arms"]
    }
    rows = []
    plain = mean[terms["arms"][0]]["seconds"]
    for arm in terms["arms"]:
        own = [row for row in found if row["arm"] == arm]
        right, of = sum(row["right"] for row in own), sum(row["of"] for row in own)
        seconds = mean[arm]["seconds"]
        cells = [f"{seconds:.1f}", f"{1 / mean[arm]['step_s']:.2f}", f"{terms['tokens'] / seconds:,.0f}"]
        rows.append(
            [
                arm,
                *cells,
                f"{plain / seconds:.2f}",
                f"{right / of:.3f} ({right} of {of})",
            ]
        )
    heads = ["arm", "seconds", "steps/s", "tokens/s", f"times {terms['arms'][0]}", "exact on test rows"]
    seeds = len({row["seed"] for row in found})
    said = f"{terms['rows']} rows, {terms['epochs']} epochs, batch {terms['batch']}, LoRA rank {terms['rank']}, {seeds} seeds."
    return f"{ran(kept)} {said}\n\n{table(heads, rows)}"


def _prepare(round_: Path, wish: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Write the rows and the terms of a round; gives the terms."""
    play = tasks.make("snips-intents", wish.data, 1_000_000, wish.tests)
    learnt = play.train[seed * wish.rows : (seed + 1) * wish.rows]
    round_.mkdir()
    for name, part in (("train", learnt), ("test", play.test)):
        lines = (json.dumps({"messages": [*one.request["messages"], one.answer]}) for one in part)
        (round_ / f"{name}.jsonl").write_text("".join(line + "\n" for line in lines))
    own = pace(len(learnt), epochs=wish.epochs, batch=None, lr=None)
    steps = round(-(-len(learnt) // own.batch) * own.epochs)
    tokenizer = load_tokenizer(wish.base)
    chats = [[*one.request["messages"], one.answer] for one in learnt]
    texts = tokenizer.apply_chat_template(chats, tokenize=False)
    terms = {
        "base": str(wish.base.absolute()), "epochs": own.epochs, "batch": own.batch, "lr": own.lr, "rank": 16,
        "targets": list(LINEAR), "max_length": 1024, "seed": seed, "threads": os.cpu_count() or 1,
        "warm_up": round(0.06 * steps), "steps": wish.steps,
        "tokens": round(own.epochs * sum(len(tokenizer(text).input_ids) for text in texts)),
    }  # fmt: skip
    (round_ / "terms.json").write_text(json.dumps(terms))
    return terms


def _run(arm: str, round_: Path, trl: Path) -> dict[str, Any]:
    """Train and score one arm, each in a process of its own."""
    out = round_ / arm
    out.mkdir()
    ours = [sys.executable, "-m", "benchmarks._training.ours"]
    plain = [str(trl), str(Path(__file__).parent / "_training" / "plain_trl.py")]
    _call([*(plain if arm.startswith("trl") else [*ours, "train"]), str(round_), str(out)], out)
    _call([*ours, "score", str(round_), str(out)], out)
    told = json.loads((out / "told.json").read_text()) | json.loads((out / "score.json").read_text())
    return {**told, "step_s": told["seconds"] / told["steps"]}


def _call(command: list[str], out: Path) -> None:
    """Run a program as the training child runs. Raises RuntimeError with its last words."""
    threads = str(os.cpu_count() or 1)
    own = {"OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "PASSIVE", "TOKENIZERS_PARALLELISM": "false"}
    log = out / "log.txt"
    with log.open("ab") as file:
        done = subprocess.run(
            command, env={**os.environ, **own}, stdout=file, stderr=file, check=False, timeout=LIMIT_S
        )
    if done.returncode:
        raise RuntimeError(f"{command} ended with {done.returncode}: {log.read_text()[-2000:]}")


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks training --", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="holds snips/")
    parser.add_argument("--base", type=Path, required=True, help="a prepared base model")
    parser.add_argument("--rows", type=int, default=400, help="of one round")
    parser.add_argument("--tests", type=int, default=200)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument(
        "--arms", nargs="+", choices=ARMS, default=list(ARMS[:3]), help="the first is held against"
    )
    parser.add_argument("--steps", type=int, default=-1, help="at most so many in a round; -1: all")
    return parser.parse_args(argv)
