"""DSPy BootstrapFinetune over logged calls: the log is the teacher, `passed` is the metric.

One compile in one process: two that share a teacher would lose rows silently. Knows no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dspy

from distiller.programs.provider import LocalProvider, Train
from distiller.programs.replay import ReplayLM
from distiller.programs.verbatim import AnswerCall, VerbatimAdapter
from distiller.training.rows import Row


def passed(example: Any, prediction: Any, trace: Any = None) -> bool:  # noqa: ARG001
    """Whether the logged row passed: a strict bool, because DSPy keeps whatever is truthy."""
    return example.passed is True


def bootstrap(rows: Sequence[Row], train: Train) -> str:
    """Run the compile and return the model id that `train` gave.

    `train` gets one chat row for each passing row: the request's messages and the logged answer, unchanged.
    """
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    logged = {row.call_id: row.completion for row in rows}
    adapter = VerbatimAdapter(logged.__getitem__)
    student, teacher = dspy.Predict(AnswerCall), dspy.Predict(AnswerCall)
    student.set_lm(_student_lm(train))
    teacher.set_lm(ReplayLM())
    optimizer = dspy.BootstrapFinetune(metric=passed, adapter=adapter, num_threads=1)
    with dspy.context(adapter=adapter, disable_history=True):
        compiled = optimizer.compile(student, trainset=[_example(row) for row in rows], teacher=teacher)
    return str(compiled.lm.model)


def _student_lm(train: Train) -> Any:
    base = "openai/stillhouse-base"  # a name only: nothing is ever asked of it here
    return dspy.LM(base, api_key="none", cache=False, provider=LocalProvider(train), finetuning_model=base)


def _example(row: Row) -> Any:
    example = dspy.Example(call_id=row.call_id, request=row.request, passed=row.passed)
    return example.with_inputs("call_id", "request")
