"""Fixtures of the checks that compare two implementations, and what those checks share.

PyTorch is not imported here: see `samcheck.guest.plugin.session_fixtures`.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Tuple

import pytest

from ..models import inference, scenes
from ..plugin.chosen_variants import unavailable


@pytest.fixture(scope="session")
def pair(variant: str) -> Any:
    """The variant and its original; skips where the package of one of them is not installed."""
    from .pairs import PAIRS

    reason = unavailable(variant) or PAIRS[variant].unavailable()
    if reason:
        pytest.skip(reason)
    return PAIRS[variant]


@pytest.fixture(scope="session")
def both(pair: Any, device: str) -> Callable[..., Any]:
    """Return a function that returns the original and the variant, which are built once for each type."""
    made: Dict[Any, Any] = {}

    def get(dtype: Any, how: str = "alike") -> Any:
        if (dtype, how) not in made:
            options = {"as it comes": {}, "eager": dict(pair.alike, attention="eager")}
            made[dtype, how] = pair.made_alike(dtype) if how == "alike" else pair.both(dtype, **options[how])
        return made[dtype, how]

    return get


@pytest.fixture(scope="session")
def compared(pair: Any, both: Any) -> Callable[..., Any]:
    """Return a function that compares them on one scene, whose features are computed once."""
    from .attribution import StageComparison

    made: Dict[Tuple[Any, str, bool], StageComparison] = {}

    def get(dtype: Any, how: str = "alike", same_pixels: bool = True) -> StageComparison:
        asked = dtype, how, same_pixels
        if asked not in made:
            reference, own = both(dtype, how)
            made[asked] = StageComparison(reference, own, scene_of(pair, same_pixels).image, same_pixels)
        return made[asked]

    return get


def scene_of(pair: Any, same_pixels: bool) -> scenes.Scene:
    """Draw a scene: one of the size on which both must agree, or one for each one's own preprocessing."""
    return scenes.draw(7, *((not same_pixels and pair.other_size) or pair.size))


def prompt_of(pair: Any, kind: str, same_pixels: bool = True) -> inference.Prompt:
    return inference.prompt(scene_of(pair, same_pixels), kind, pair.side)


def agree(comparison: Any, prompt: inference.Prompt, allowed: Any, measured: Any, settings: Any) -> None:
    """Require agreement, and store how far it goes and which stage ends it."""
    from .attribution import ImplementationsDiffer

    try:
        found = comparison.require(prompt, allowed)
    except ImplementationsDiffer as error:
        settings["stage"] = str(error).partition(":")[0]
        raise
    measured.update(
        logits_relative=found.low,
        full_logits_relative=found.full,
        score_error=found.score,
        different_pixels=found.pixels,
    )
