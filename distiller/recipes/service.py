"""The rung that a training service makes: weights that stay there. Knows no API of a service."""

from __future__ import annotations

from distiller.recipes.case import Case
from distiller.recipes.recipe import Recipe
from distiller.recipes.weights import alone, teaching
from distiller.service.spec import ServiceSpec
from store.vocabulary import Engine, Program


def _unfit(case: Case) -> str | None:
    if case.settings.service is None:
        return "no training service is configured (distiller.service)"
    if not case.background:
        return "no upstream has a key of its own for work that no app asked for"
    return alone(case)


def _write(case: Case) -> None:
    service, access = case.settings.service, case.access
    if service is None or access is None:
        raise RuntimeError("a service is written for where there is one")
    ServiceSpec(
        trainset=case.trainset,
        out=case.folder / "out",
        base_url=access.service_url,
        service=service,
        program=Program(),
        teaching=teaching(case),
        epochs=case.settings.training.epochs or 3,
        seed=case.settings.training.seed,
    ).save(case.folder)


SERVICE = Recipe(
    name="service", child="distiller.service.child", engine=Engine.ENDPOINT, unfit=_unfit, write=_write
)
