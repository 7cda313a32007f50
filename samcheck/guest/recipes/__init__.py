"""Recipes of a popular deployment guide, each tried as written and, if that fails, corrected.

Code in the guide runs unchanged; instructions in words are implemented with the shortest code that follows
them.
"""

from __future__ import annotations

from typing import Dict

from . import best_practice, claims, exporting, loading, out_of_memory, precision, serving
from .recipe import Recipe
from .serving import FIRST_REQUEST

__all__ = ["FIRST_REQUEST", "LOADING", "RECIPES"]

#: By id, in the order of the table.
RECIPES: Dict[str, Recipe] = {
    recipe.id: recipe
    for recipe in (
        *precision.RECIPES,
        *exporting.RECIPES,
        *out_of_memory.RECIPES,
        *serving.RECIPES,
        *best_practice.RECIPES,
        *claims.RECIPES,
    )
}
#: Recipes for loading SAM's sizes, by variant.
LOADING: Dict[str, Recipe] = {recipe.id[len("load-") :]: recipe for recipe in loading.recipes()}
