"""A bootstrap with the teacher that its task names: the log, or a model over control's loopback. Knows no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from distiller.programs.bootstrap import bootstrap
from distiller.programs.live import Live
from distiller.programs.provider import Train
from distiller.programs.student import Answers
from distiller.programs.teaching import Teaching
from distiller.programs.watch import Watch
from distiller.training.errors import TrainingError
from distiller.training.rows import Row, read_rows
from store.vocabulary import Program


def taught(
    rows: Sequence[Row],
    train: Train,
    teaching: Teaching,
    *,
    trainset: Path,
    cache: Path,
    stopping: Callable[[], bool],
    token: str,
) -> str:
    """Return the model id that `train` gave. Raises TrainingError; Stopped when asked to stop.

    A live teacher gets the requests as the app sent them. Where its answers are compared with the logged ones, it is
    asked for no call whose logged answer did not pass.
    """
    if not teaching.finetune.live:
        return bootstrap(rows, train, teaching)
    if not teaching.base_url or not token:
        raise TrainingError(f"the teacher {teaching.finetune.teacher} cannot be asked: no access was given")
    sent = {row.call_id: row.request for row in read_rows(trainset / "train.jsonl", Program()).rows}
    told = [row for row in rows if row.passed or teaching.finetune.metric]
    watch = Watch(stopping)
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=teaching.base_url, headers=headers) as client:
        live = Live(
            teaching.finetune.teacher,
            sent,
            client=client,
            answers=Answers(cache / "teacher.jsonl"),
            watch=watch,
        )
        return bootstrap(told, train, teaching, recall=live, watch=watch, token=token)
