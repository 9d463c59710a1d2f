"""The ladder: ways to make a student, cheapest first. Knows no log, no control state and no evaluation.

A recipe says whether it suits a task and what its child is told; the child, a process of its own, makes the
student. `docs/ladder.md` has the rungs and their files.
"""

from distiller.recipes.case import Access, Case
from distiller.recipes.climb import Rung, following
from distiller.recipes.ladder import LADDER, RECIPES
from distiller.recipes.recipe import Recipe

__all__ = ["LADDER", "RECIPES", "Access", "Case", "Recipe", "Rung", "following"]
