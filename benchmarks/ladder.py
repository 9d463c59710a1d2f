"""Every rung of the ladder on real tasks: what it scores, costs and weighs, and where the ladder stops.

python -m benchmarks ladder -- --data FOLDER --base FOLDER [--task NAME ...] [--calls N] [--rung NAME ...]

Each rung is evaluated as in a distillation, on the held-out calls of the log; the rung that the ladder would stop at follows
from those verdicts. The task's own test split is asked once, of every rung that was made. What earlier runs found of other
tasks, rungs and numbers of calls is kept beside it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._ladder import tasks
from benchmarks._ladder.ground import Ground, prepared
from benchmarks._ladder.page import section
from benchmarks._ladder.testing import test
from distiller.recipes import LADDER
from distiller.recipes.climb import Rung
from distiller.settings import TrainingSettings

report = section
_KEPT = Path(__file__).parent / "results" / "ladder.json"
_FIELDS = ("seconds", "wall_s", "tokens_per_s", "bytes", "rows", "trained_rows", "steps", "loss", "usd")


def main(argv: list[str]) -> dict[str, Any]:
    """Climb each task's ladder, rung by rung; give a row for each."""
    wish = _arguments(argv)
    rows: list[dict[str, Any]] = []
    for name in wish.task:
        play = tasks.make(name, wish.data, wish.calls, wish.tests)
        training = TrainingSettings(epochs=wish.epochs)
        with (
            tempfile.TemporaryDirectory(dir=wish.folder) as folder,
            prepared(Path(folder), play, base=str(wish.base), training=training) as ground,
        ):
            for rung in wish.rung:
                rows.append({"task": name, "calls": len(play.train), **_rung(ground, play, rung)})
                print(json.dumps(rows[-1]), flush=True)
    before = json.loads(_KEPT.read_text("utf-8"))["result"]["rows"] if _KEPT.exists() else []
    return {"rows": merged(before, rows)}


def merged(before: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the rows of earlier runs and of this one, each task, rung and number of calls once, in the ladder's order."""
    of = {(row["task"], row["calls"], row["rung"]): row for row in (*before, *rows)}
    return sorted(
        of.values(),
        key=lambda row: (tasks.NAMES.index(row["task"]), LADDER.index(row["rung"]), row["calls"]),
    )


def _rung(ground: Ground, play: tasks.Play, name: str) -> dict[str, Any]:
    job, student, evaluation = ground.climb(name)
    if student is None or evaluation is None:
        found = [Rung.from_json(rung) for rung in job.result.get("rungs") or ()]
        why = found[0].why if found else job.error
        return {"rung": name, "verdict": found[0].verdict if found else job.state, "why": why}
    figures = {key: student.training[key] for key in _FIELDS if key in student.training}
    return {
        "rung": name,
        "verdict": evaluation.verdict,
        "why": evaluation.why,
        "heldout": {"n": evaluation.n, "score": evaluation.student_mean, "lower": evaluation.delta_lower},
        "latency_ms": evaluation.detail.get("latency_ms"),
        "parity": student.parity,
        **figures,
        "test": test(student, ground.folder.artifacts, play.test, evaluation.detail["metric"]),
    }


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks ladder --", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="holds snips/ and banking77/")
    parser.add_argument(
        "--base", type=Path, required=True, help="a prepared base model, or a folder to make it in"
    )
    parser.add_argument("--folder", type=Path, default=None, help="where the data folders are made")
    parser.add_argument("--task", nargs="+", choices=tasks.NAMES, default=list(tasks.NAMES))
    parser.add_argument("--rung", nargs="+", choices=LADDER, default=list(LADDER))
    parser.add_argument("--calls", type=int, default=1000, help="logged calls of each task, at most")
    parser.add_argument("--tests", type=int, default=500, help="of the test split, at most")
    parser.add_argument("--epochs", type=int, default=2)
    return parser.parse_args(argv)
