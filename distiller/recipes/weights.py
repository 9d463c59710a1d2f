"""The rungs that the training child makes: the base as it is, and LoRA adapters on it. Knows no torch."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

from distiller.programs.teaching import Teaching
from distiller.recipes.case import Case
from distiller.recipes.recipe import Recipe
from distiller.training.spec import TrainSpec
from store.vocabulary import Engine, Program

CHILD = "distiller.training.child"
_NEEDED = ("torch", "transformers", "peft", "gguf", "xllamacpp")


def spec_of(case: Case, program: Program, *, tuned: bool) -> TrainSpec:
    """Return what the training child is told; `tuned`: it trains, else it exports the base as it is."""
    student, training = case.settings.student, case.settings.training
    return TrainSpec(
        trainset=case.trainset,
        beside=case.beside,
        base=case.base,
        out=case.folder / "out",
        base_name=student.base,
        program=program,
        teaching=teaching(case),
        task_id=case.task_id,
        epochs=training.epochs,
        lr=training.lr,
        rank=training.rank,
        batch=training.batch,
        patience=training.patience,
        adapt_layers=training.adapt_layers,
        precision=training.precision,
        four_bit=training.four_bit,
        max_length=training.max_length,
        device=student.device,
        threads=student.threads,
        seed=training.seed,
        tuned=tuned,
    )


def teaching(case: Case) -> Teaching:
    """Return how DSPy's BootstrapFinetune is called for the task; no token stands in it."""
    return Teaching(
        finetune=case.policy.finetune,
        metric=replace(case.metric, token=""),
        threshold=case.policy.threshold,
        base_url=case.access.base_url if case.access else "",
    )


def silent(case: Case) -> Program:
    """Return the program that leaves out the constant instructions; the plain one where they vary."""
    head = case.constant_head
    return Program() if head is None else Program(head=(), head_hash=head)


def not_here() -> str | None:
    """Return why nothing is trained on this machine, None where it can be."""
    missing = next((name for name in _NEEDED if find_spec(name) is None), None)
    return (
        f'the local extra is not installed ({missing} is missing): `pip install "stillhouse[local]"`'
        if missing
        else None
    )


def untaught(case: Case) -> str | None:
    """Return why the task's teacher cannot be asked, None where it can be, or need not be."""
    if case.policy.finetune.live and not case.background:
        return "no upstream has a key of its own with which policy.finetune.teacher could be asked"
    return None


def alone(case: Case) -> str | None:
    """Return why a rung that trains one task by itself does not suit, None where no others are trained with it."""
    if case.policy.finetune.companions:
        return "it trains one task by itself, and policy.finetune.train_with names others"
    return None


def _fits(case: Case) -> str | None:  # noqa: ARG001 - any task may be tried
    return not_here()


def _taught(case: Case) -> str | None:
    return not_here() or untaught(case)


def _silenced(case: Case) -> str | None:
    if (why := _taught(case) or alone(case)) is not None:
        return why
    return "the instructions are not the same in all calls" if case.constant_head is None else None


BASE = Recipe(
    name="base",
    child=CHILD,
    engine=Engine.LLAMA,
    unfit=_fits,
    write=lambda case: spec_of(case, Program(), tuned=False).save(case.folder),
)
INTERNALISED = Recipe(
    name="internalised",
    child=CHILD,
    engine=Engine.LLAMA,
    unfit=_silenced,
    write=lambda case: spec_of(case, silent(case), tuned=True).save(case.folder),
)
FINETUNE = Recipe(
    name="finetune",
    child=CHILD,
    engine=Engine.LLAMA,
    unfit=_taught,
    write=lambda case: spec_of(case, Program(), tuned=True).save(case.folder),
    together=True,
)
