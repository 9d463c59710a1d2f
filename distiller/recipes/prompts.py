"""The rungs that rewrite a request for the student: examples, instructions, and both with weights. Knows no DSPy."""

from __future__ import annotations

from dataclasses import replace

from distiller.programs.spec import PromptSpec, Way
from distiller.recipes.case import Case
from distiller.recipes.recipe import Recipe
from distiller.recipes.weights import alone, spec_of
from distiller.scoring.shape import Shape
from distiller.settings import VERBATIM
from store.vocabulary import Engine, Program

CHILD = "distiller.programs.child"
LEAST = 40  # passing rows: fewer leave too little to compare candidates on


def prompt_spec(case: Case, way: Way, start: Program) -> PromptSpec:
    """Return what the child is told; `start` is the program that it begins with."""
    student, access = case.settings.student, case.access
    train = spec_of(case, start, tuned=way is Way.BOTH)
    return PromptSpec(
        way=way,
        train=replace(train, max_length=max(train.max_length, student.context)),  # a row carries its examples
        metric=replace(case.metric, token=""),
        demo_calls=() if start == Program() else case.demo_calls,
        head_hash=case.constant_head or "",
        context=student.context,
        parallel=student.parallel,
        optimizer_model=case.policy.optimizer_model if access else "",
        base_url=access.base_url if access else "",
    )


def _few(case: Case) -> str | None:
    have = len(case.rows)
    return f"{have} passing rows, {LEAST} are needed to compare prompts" if have < LEAST else None


def _no_examples(case: Case) -> str | None:
    if case.shape is Shape.TOOL_CALL:
        return "the answers are tool calls, of which no example is a plain message"
    return _few(case)


def _no_rewriting(case: Case) -> str | None:
    if not case.policy.optimizer_model:
        return "no model is configured to rewrite instructions (policy.optimizer_model)"
    if not case.background:
        return "no upstream has a key of its own for work that no app asked for"
    if case.constant_head is None:
        return "there are no instructions that all calls share"
    return _few(case)


def _neither(case: Case) -> str | None:
    own = case.policy.finetune
    if own.live:
        return "it learns from the log alone, and policy.finetune.teacher is a model"
    if own.adapter != VERBATIM:
        return "its rows carry a prompt of its own, and policy.finetune.adapter is not verbatim"
    return alone(case) or _few(case) or (_no_examples(case) and _no_rewriting(case))


FEWSHOT = Recipe(
    name="fewshot",
    child=CHILD,
    engine=Engine.LLAMA,
    unfit=_no_examples,
    write=lambda case: prompt_spec(case, Way.FEWSHOT, Program()).save(case.folder),
)
INSTRUCTIONS = Recipe(
    name="instructions",
    child=CHILD,
    engine=Engine.LLAMA,
    unfit=_no_rewriting,
    write=lambda case: prompt_spec(case, Way.INSTRUCTIONS, case.program).save(case.folder),
)
BOTH = Recipe(
    name="both",
    child=CHILD,
    engine=Engine.LLAMA,
    unfit=_neither,
    write=lambda case: prompt_spec(case, Way.BOTH, case.program).save(case.folder),
)
