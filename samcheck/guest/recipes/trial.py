"""Trial of a recipe, with a record of the result."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Callable, Dict

from ..fingerprint import one_line
from ..models.backends import Unavailable
from .recipe import Context, Measured, NoGain, Recipe

AS_WRITTEN, CORRECTED = "as written", "corrected"
#: By kind of recipe, the verdicts for one that works as written and one that does not.
WORDS = {"recipe": ("works as written", "broken"), "claim": ("holds", "contradicted")}
WHEN_CORRECTED = "works when corrected"
NOT_TRIED = "not tried"


class RecipeTrial:
    """The trial of one recipe in this environment; the verdict is always stored in `settings`.

    Attributes:
        recipe: the recipe.
        settings: receives ``verdict``, ``error`` (the exact error), and what the table shows.
        measured: receives the measurements, and the claims under ``claimed_``.
    """

    def __init__(self, recipe: Recipe, settings: Dict[str, str], measured: Measured) -> None:
        self.recipe, self.settings, self.measured = recipe, settings, measured

    def as_written(self, context: Context, defect: Any) -> None:
        """Try the literal recipe, which one of its catalogued defects may break.

        Raises:
            Unavailable: it cannot be tried here.
        """
        works, broken = WORDS[self.recipe.says]
        self._describe(AS_WRITTEN, broken, context)
        known = self.recipe.defects if self.recipe.expected(context) else ()
        with defect(*known) if known else nullcontext():
            self._run(self.recipe.as_written, context, works)

    def corrected(self, context: Context) -> None:
        """Try the corrected recipe, which must work.

        Raises:
            Unavailable: it cannot be tried here.
        """
        assert self.recipe.corrected is not None
        self._describe(CORRECTED, WORDS[self.recipe.says][1], context)
        self.settings["correction"] = self.recipe.correction
        self._run(self.recipe.corrected, context, WHEN_CORRECTED)

    def _describe(self, form: str, verdict: str, context: Context) -> None:
        recipe = self.recipe
        self.settings.update(
            recipe=recipe.id,
            title=recipe.title,
            claim=recipe.claim,
            says=recipe.says,
            source=recipe.source,
            form=form,
            verdict=verdict,
            device_class=device_class(context.device),
        )
        self.measured.update({"claimed_" + name: value for name, value in recipe.claimed.items()})

    def _run(self, form: Callable[[Context], Measured], context: Context, verdict: str) -> None:
        try:
            context.require_time(self.recipe.real_sizes)
            context.require_plain()
            self.measured.update(form(context))
        except Unavailable:
            self.settings["verdict"] = NOT_TRIED
            raise
        except Exception as problem:
            self.settings["error"] = one_line(problem)
            if isinstance(problem, NoGain):
                self.measured.update(problem.measured)
            raise
        self.settings["verdict"] = verdict


def device_class(device: str) -> str:
    """Return ``CPU``, or the name of the GPU."""
    if device != "cuda":
        return "CPU"
    import torch

    return str(torch.cuda.get_device_name(0))
