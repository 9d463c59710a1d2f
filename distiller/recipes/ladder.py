"""All rungs, by name. Knows no task."""

from __future__ import annotations

from distiller.recipes.weights import BASE, FINETUNE, INTERNALISED

RECIPES = {recipe.name: recipe for recipe in (BASE, INTERNALISED, FINETUNE)}
LADDER = tuple(RECIPES)  # cheapest first
