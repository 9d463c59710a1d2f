"""The rung for closed sets of answers: a frozen encoder and a linear head. Knows no torch and no encoder's inside."""

from __future__ import annotations

from distiller.classifier.answers import collect, not_closed
from distiller.classifier.packaged import missing
from distiller.classifier.spec import ClassifierSpec
from distiller.recipes.case import Case
from distiller.recipes.recipe import Recipe
from distiller.recipes.weights import silent
from store.vocabulary import Engine


def _unfit(case: Case) -> str | None:
    answers = collect([row["completion"] for row in case.rows], case.shape)
    return not_closed(answers, case.shape) or missing(case.settings.student.encoder)


def _write(case: Case) -> object:
    """Learnt under the constant instructions, it never reads them: a request with others is the teacher's."""
    student = case.settings.student
    return ClassifierSpec(
        trainset=str(case.trainset),
        out=str(case.folder / "out"),
        shape=case.shape,
        encoder=student.encoder,
        program=silent(case),
        threads=student.threads,
        seed=case.settings.training.seed,
    ).save(case.folder)


CLASSIFIER = Recipe(
    name="classifier",
    child="distiller.classifier.child",
    engine=Engine.CLASSIFIER,
    unfit=_unfit,
    write=_write,
)
