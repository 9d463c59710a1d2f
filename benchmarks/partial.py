"""Partial cutover on Banking77: how much of the traffic a student that is refused as a whole may serve, and how well.

python -m benchmarks partial -- --data FOLDER [--trained N ...] [--folder FOLDER]

The first calls of the train file are logged and distilled by the whole pipeline (`classifier` rung, its evaluation and
calibration on the newest of them); the rest of the file is the traffic of the rollout, in the `replay` profile. The teacher
answers the labels. The test file is neither trained on nor part of the evidence: it is asked once, at the end, under the
threshold that is published then. The best threshold is chosen on that very file: no one could know it beforehand.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks._ladder import tasks
from benchmarks._ladder.ground import prepared
from benchmarks._ladder.testing import interval
from benchmarks._partial.answers import Answered, answered
from benchmarks._partial.playing import Played, kept, play
from distiller.settings import TrainingSettings
from router.opening import open_rollout
from router.settings import RolloutPolicy, profiled
from store.vocabulary import TaskMode

POLICY = profiled(RolloutPolicy(mode=TaskMode.AUTO), "replay")
_HELDOUT = (0.25, 400)  # logged beside the calls that are learnt from: the share, and the most


def main(argv: list[str]) -> dict[str, Any]:
    """Give one row for each number of calls that were learnt from."""
    wish = _arguments(argv)
    rows = []
    for trained in wish.trained:
        with tempfile.TemporaryDirectory(dir=wish.folder) as folder:
            vectors = (wish.folder or Path(folder)) / "vectors"  # kept with the folder: an ended run goes on
            rows.append(_row(Path(folder), wish.data, trained, vectors))
        print(json.dumps(rows[-1]), flush=True)
    return {"delta": POLICY.delta, "alpha": POLICY.alpha, "profile": POLICY.profile, "rows": rows}


def _row(root: Path, data: Path, trained: int, vectors: Path) -> dict[str, Any]:
    every = tasks.make("banking77", data, 10**6, 10**6)
    logged = trained + min(int(trained * _HELDOUT[0]), _HELDOUT[1])
    learnt = replace(every, train=every.train[:logged])
    with prepared(root / "house", learnt, base="", training=TrainingSettings()) as ground:
        job, student, evaluation = ground.climb("classifier")
        if student is None or evaluation is None:
            raise RuntimeError(f"no student was made: {job.error}")
        given = ground.folder.artifacts, vectors
        metric = evaluation.detail["metric"]
        traffic = answered(student, *given, every.train[logged:], metric)
        test = answered(student, *given, every.test, metric)
        epoch = ground.control.take_epoch("benchmark")
        rollout = open_rollout(ground.control, student, evaluation, POLICY, epoch=epoch, clock=time.time)
        (version,) = ground.control.versions(rollout.task_id)
    rollout = replace(rollout, salt="benchmark", created=0.0, entered=0.0)  # the same run each time, in calls
    played = play(rollout, (student, version, evaluation), POLICY, traffic)
    return {
        "trained": student.training["trained_rows"],
        "heldout": evaluation.n,
        "whole": {"verdict": evaluation.verdict, "why": evaluation.why},
        "calibration": {
            "form": student.calibration.form,
            "slope": student.calibration.slope,
            "n": student.calibration.n,
        }
        if student.calibration
        else None,
        "rollout": _went(played),
        "test": _tested(test, played.rollout.threshold),
    }


def _went(played: Played) -> dict[str, Any]:
    return {
        "state": played.rollout.state,
        "threshold": played.rollout.threshold,
        "calls": played.calls,
        "student": played.student,
        "deferred": played.deferred,
        "mean_d_received": played.lost / max(1, played.calls),
        "transitions": played.transitions,
    }


def _tested(test: Sequence[Answered], threshold: float | None) -> dict[str, Any]:
    """Say what the app would have received on the test file, and what the best threshold would have kept there."""
    said = {"n": len(test), "whole_agreement": 1 + fmean(one.d for one in test), "best_kept": _best(test)}
    if threshold is None:
        return said
    own = [one for one in test if kept(one, threshold)]
    received = [1 + one.d if kept(one, threshold) else 1.0 for one in test]
    low, high = interval(received)
    return {**said, "kept": len(own) / len(test), "agreement": fmean(received), "low": low, "high": high}


def _best(test: Sequence[Answered]) -> float:
    """Give the share of the calls that a threshold could keep with an error of at most the margin over all calls."""
    lost, best = 0.0, 0
    for at, one in enumerate(sorted(test, key=lambda one: -(one.confidence or 0.0)), 1):
        lost -= one.d
        best = at if lost <= POLICY.delta * len(test) else best
    return best / len(test)


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks partial --", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="holds banking77/{train,test}.csv")
    parser.add_argument(
        "--trained", type=int, nargs="+", default=[1000, 5000], help="calls that are learnt from"
    )
    parser.add_argument("--folder", type=Path, default=None, help="where the data folders are made")
    return parser.parse_args(argv)
