"""What a training run costs the calls beside it: the gateway's latency while idle, and beside a load like training's.

A real `stillhouse up` with the demo's stand-in teacher (20 to 80 ms, the same in both phases),
one app calling at a fixed rate. Beside it the real training child, on the trainset of a job that a demo left
(`--job demo-data/…/stillhouse-data/jobs/ID`), or, without one, backward passes of a model of SmolLM2's shape, at the
lowest priority, with threads that sleep while they wait.

    python -m benchmarks beside_training -- --calls 400 --rate 20 [--job FOLDER]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from stillhouse.demo.options import DemoOptions
from stillhouse.demo.stage import Stage
from stillhouse.demo.teacher import MODEL
from stillhouse.demo.tickets import INSTRUCTIONS, Pair

# As distiller.training.child does it: lowest priority, bounded threads that sleep while they wait.
_LOAD = """
import os, sys
os.nice(19)
os.environ.update(OMP_NUM_THREADS=sys.argv[1], OMP_WAIT_POLICY="PASSIVE")
import torch
from transformers import LlamaConfig, LlamaForCausalLM
torch.set_num_threads(int(sys.argv[1]))
model = LlamaForCausalLM(LlamaConfig(vocab_size=49152, hidden_size=576, intermediate_size=1536,
    num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3))
print("ready", flush=True)
while True:
    ids = torch.randint(0, 49152, (8, 65))
    model(input_ids=ids, labels=ids).loss.backward()
    model.zero_grad()
"""


def main(argv: list[str]) -> dict[str, Any]:
    """Measure both phases; return milliseconds and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks beside_training")
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second")
    parser.add_argument("--job", type=Path, help="folder of a training job: its training is run anew")
    wish = parser.parse_args(argv)
    pairs = [Pair(input=f"ticket {i}", output="billing") for i in range(wish.calls)]
    with tempfile.TemporaryDirectory() as folder:
        options = DemoOptions(folder=Path(folder), warmup=10**6)
        with Stage(folder=Path(folder), options=options, base=Path(folder), labels=pairs) as stage:
            _calls(stage.gateway, pairs[:50], wish.rate)
            idle = _calls(stage.gateway, pairs, wish.rate)
            with _child(wish.job) if wish.job else _stand_in():
                beside = _calls(stage.gateway, pairs, wish.rate)
    found = {"calls": wish.calls, "rate": wish.rate, "idle": _figures(idle), "beside": _figures(beside)}
    found["load"] = "training child" if wish.job else "stand-in"
    found["p99_ratio"] = round(found["beside"]["p99_ms"] / found["idle"]["p99_ms"], 2)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return found


def _calls(base_url: str, pairs: list[Pair], rate: float) -> list[float]:
    """Return the seconds of each call, at a fixed rate, one at a time."""
    seconds = []
    with httpx.Client(
        base_url=base_url, headers={"authorization": "Bearer bench"}, trust_env=False
    ) as client:
        for pair in pairs:
            started = time.perf_counter()
            messages = [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": pair.input}]
            client.post("/chat/completions", json={"model": MODEL, "messages": messages}).raise_for_status()
            seconds.append(time.perf_counter() - started)
            time.sleep(max(0.0, 1 / rate - seconds[-1]))
    return seconds


@contextlib.contextmanager
def _child(job: Path) -> Iterator[None]:
    """Run a job's training child anew, from its first step on, beside what is measured."""
    spec = json.loads((job / "spec.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        spec["out"] = str(Path(folder) / "out")
        (Path(folder) / "spec.json").write_text(json.dumps(spec), "utf-8")
        command = [sys.executable, "-m", "distiller.training.child", folder]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            try:
                _until_it_trains(process)
                yield
                if process.poll() is not None:
                    raise SystemExit("The training ended before the calls did: give a larger job.")
            finally:
                process.kill()


def _until_it_trains(process: subprocess.Popen[bytes]) -> None:
    for line in process.stdout or ():
        event = json.loads(line)
        if event.get("phase") == "train" and event.get("step", 0) > 0:
            return
    raise SystemExit("The training child ended before it trained.")


@contextlib.contextmanager
def _stand_in() -> Iterator[None]:
    """Train a model of SmolLM2's shape beside what is measured."""
    threads = str(os.cpu_count() or 1)
    with subprocess.Popen([sys.executable, "-c", _LOAD, threads], stdout=subprocess.PIPE) as process:
        try:
            if process.stdout:
                process.stdout.readline()
            time.sleep(3)
            yield
        finally:
            process.kill()


def _figures(seconds: list[float]) -> dict[str, float]:
    ranked = sorted(seconds)
    return {
        "p50_ms": round(1000 * ranked[len(ranked) // 2], 1),
        "p99_ms": round(1000 * ranked[int(0.99 * (len(ranked) - 1))], 1),
    }
