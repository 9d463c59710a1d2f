"""All rungs, by name. Knows no task."""

from __future__ import annotations

from distiller.recipes.classifier import CLASSIFIER
from distiller.recipes.prompts import BOTH, FEWSHOT, INSTRUCTIONS
from distiller.recipes.service import SERVICE
from distiller.recipes.weights import BASE, FINETUNE, INTERNALISED

RECIPES = {
    recipe.name: recipe
    for recipe in (BASE, CLASSIFIER, FEWSHOT, INSTRUCTIONS, INTERNALISED, FINETUNE, BOTH, SERVICE)
}
LADDER = tuple(RECIPES)  # cheapest first
