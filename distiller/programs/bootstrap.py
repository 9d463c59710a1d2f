"""DSPy BootstrapFinetune over logged calls, as its task calls it. The log is the teacher, or a model is asked.

One compile in one process, and fresh objects for it: two that share a teacher would lose rows silently. Knows no torch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import dspy

from distiller.programs.provider import LocalProvider, Train
from distiller.programs.replay import ReplayLM
from distiller.programs.teaching import Teaching
from distiller.programs.verbatim import AnswerCall, Message, VerbatimAdapter
from distiller.programs.verdict import Verdict
from distiller.programs.watch import Watch
from distiller.scoring.user_metric import MetricUnusable, load
from distiller.settings import VERBATIM
from distiller.training.errors import TrainingError
from distiller.training.rows import Row

Recall = Callable[[str], Message]  # the id of a call -> the teacher's answer


def bootstrap(
    rows: Sequence[Row],
    train: Train,
    teaching: Teaching | None = None,
    *,
    recall: Recall | None = None,
    watch: Watch | None = None,
    token: str = "",
) -> str:
    """Run the compile and return the model id that `train` gave.

    `train` gets one chat row for each answer that counts: the request's messages, unchanged, and the answer; and
    the task's `train_kwargs` by name. `recall` asks a live teacher; without it the log answers. `token` opens
    the task's judge. Raises TrainingError, and what `watch` has kept: DSPy forgets what a program raised.
    """
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    how = teaching or Teaching()
    verdict = metric_of(how, token)
    logged = {row.call_id: row.completion for row in rows}
    adapter = adapter_of(how.finetune.adapter, recall or logged.__getitem__)
    checked = _checked(rows, train, verdict, watch, how.finetune.adapter)
    student, teacher = dspy.Predict(AnswerCall), dspy.Predict(AnswerCall)
    student.set_lm(_student_lm(checked))
    teacher.set_lm(ReplayLM())
    with dspy.context(adapter=adapter, disable_history=True):
        try:
            compiled = optimizer(how, verdict, adapter, how.train_kwargs).compile(
                student, trainset=[_example(row) for row in rows], teacher=teacher
            )
        except Exception:
            if watch is not None:
                watch.check()
            raise
    return str(compiled.lm.model)


def optimizer(teaching: Teaching, metric: Verdict, adapter: Any, train_kwargs: dict[str, Any]) -> Any:
    """Return DSPy's optimiser with the parameters of the task."""
    how = teaching.finetune
    return dspy.BootstrapFinetune(
        metric=metric,
        multitask=how.multitask,
        train_kwargs=train_kwargs,
        adapter=adapter,
        exclude_demos=how.exclude_demos,
        num_threads=how.num_threads,
    )


def metric_of(teaching: Teaching, token: str = "") -> Verdict:
    """Return a fresh metric; `token` opens the judge of the task, where it is asked at the same place."""
    judging = teaching.judging
    if judging is not None and judging.judge is not None and judging.judge.base_url == teaching.base_url:
        judging = replace(judging, token=token)
    return Verdict(judging, threshold=teaching.threshold)


def counted(rows: Sequence[Row], teaching: Teaching) -> list[Row]:
    """Return the rows whose logged answer counts: all of them, unless the task has a metric of its own for it."""
    if not teaching.finetune.metric:
        return list(rows)
    verdict = metric_of(teaching)
    return [row for row in rows if verdict(_example(row), dspy.Prediction(completion=row.completion))]


def adapter_of(name: str, recall: Recall) -> VerbatimAdapter:
    """Return a fresh adapter. Raises TrainingError for one that does not pass messages through untouched."""
    if name == VERBATIM:
        return VerbatimAdapter(recall)
    try:
        kind: Any = load(name, "adapter")
    except MetricUnusable as error:
        raise TrainingError(str(error)) from error
    if not (isinstance(kind, type) and issubclass(kind, VerbatimAdapter)):
        raise TrainingError(
            f"the adapter {name} is no subclass of distiller.programs.verbatim.VerbatimAdapter: "
            "what is trained on must be what is served"
        )
    made: VerbatimAdapter = kind(recall)
    return made


def _checked(rows: Sequence[Row], train: Train, verdict: Verdict, watch: Watch | None, adapter: str) -> Train:
    """Return `train`, called only where every row was seen and each asks what the student will be asked."""
    asked = {_asked(row.request["messages"], row.request.get("tools")) for row in rows}

    def checked(chats: list[dict[str, Any]], **kwargs: Any) -> str:
        if watch is not None:
            watch.check()
        verdict.check()
        if verdict.seen != len(rows):
            raise TrainingError(f"DSPy showed the metric {verdict.seen} of {len(rows)} rows")
        if any(_asked(chat["messages"][:-1], chat.get("tools")) not in asked for chat in chats):
            raise TrainingError(
                f"the adapter {adapter} changes what is asked: what is trained on must be what is served"
            )
        return train(chats, **kwargs)

    return checked


def _asked(messages: Sequence[Message], tools: Any) -> str:
    return json.dumps([messages, tools or None], sort_keys=True)


def _student_lm(train: Train) -> Any:
    base = "openai/stillhouse-base"  # a name only: nothing is ever asked of it here
    return dspy.LM(base, api_key="none", cache=False, provider=LocalProvider(train), finetuning_model=base)


def _example(row: Row) -> Any:
    told = {
        "call_id": row.call_id,
        "request": row.request,
        "completion": row.completion,
        "passed": row.passed,
    }
    return dspy.Example(**told).with_inputs("call_id", "request")
