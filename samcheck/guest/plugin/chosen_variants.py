"""The variants that a run tests, and those that one check applies to."""

from __future__ import annotations

from typing import Any, List, Mapping

import pytest

from ..models.family import SEGMENT_ANYTHING, Capability
from ..models.variants import DECLARED, VARIANTS, discover
from ..variant_names import FAMILY_VARIANTS, VARIANT_TIERS
from .check_groups import group_of

#: Groups whose checks without a variant say something of every environment, whatever package it tests.
ENVIRONMENT_GROUPS = ("imports", "settings")


def require(config: pytest.Config) -> None:
    """Load the user's own variants, and refuse unknown names, which would run no check."""
    try:
        discover()
    except Exception as error:  # a third-party package may raise anything
        raise pytest.UsageError(
            "a variant cannot be loaded: {}: {}".format(type(error).__name__, error)
        ) from error
    families = dict.fromkeys(variant.family.name for variant in VARIANTS.values())
    own_first = sorted(VARIANTS, key=lambda name: name in VARIANT_TIERS)
    for option, known in (("variants", own_first), ("families", list(families))):
        unknown = [name for name in _listed(config, option) if name not in known]
        if unknown:
            raise pytest.UsageError(
                "--samcheck-{}: no {} {}; known: {}".format(
                    option,
                    option[:-1] if option == "variants" else "family",
                    ", ".join(unknown),
                    ", ".join(known),
                )
            )
    _require_tier(config)


def _require_tier(config: pytest.Config) -> None:
    """Refuse variants that are asked for by name but not in the tier: no check would run on them."""
    if config.option.markexpr != "fast":
        return
    slow = [name for name in _listed(config, "variants") if VARIANTS[name].tier != "fast"]
    if slow:
        raise pytest.UsageError(
            "{} is of the tier full, and only checks of the tier fast are to run: add --tier full (pytest: "
            "-m 'fast or full'), or give it tier=\"fast\"".format(", ".join(slow))
        )


def _listed(config: pytest.Config, option: str) -> List[str]:
    given = config.getoption("--samcheck-" + option)
    return given.split(",") if given else []


def chosen(config: pytest.Config) -> List[str]:
    """Return the variants to test: those named, else those of the named families, else all installed ones."""
    named, families = _listed(config, "variants"), _listed(config, "families")
    if named:
        return named
    if families:
        return [name for name in VARIANTS if _is_of(name, families)]
    return [name for name in VARIANTS if not unavailable(name)]


def _is_of(name: str, families: List[str]) -> bool:
    """Whether a variant is tested where these packages are: one of a package of the user's own always is."""
    family = VARIANTS[name].family.name
    return family in families or (name in DECLARED and family not in FAMILY_VARIANTS)


def beside(config: pytest.Config, places: Mapping[str, str]) -> List[str]:
    """Return variants of other packages that a check compares with those of the tested ones.

    `places` has, by variant, the package in whose cells that is done.
    """
    families = _listed(config, "families")
    return [name for name, family in places.items() if family in families and not unavailable(name)]


def applies(definition: Any, name: str) -> bool:
    """Whether a check applies to a variant, by its markers."""
    variant = VARIANTS[name]
    if definition.get_closest_marker("small") and variant.tier != "fast":
        return False
    families = definition.get_closest_marker("families")
    if families is not None and variant.family.name not in families.args:
        return False
    needs = definition.get_closest_marker("capabilities")
    needed = {Capability(word) for word in needs.args} if needs else {Capability.SAM1}
    return needed <= variant.capabilities


def of_other_families(config: pytest.Config, item: pytest.Item, variant: Any) -> bool:
    """Whether a check is about a package that this run does not test.

    A check without a variant names its packages with a marker. One without that is about the environment if
    its group is, and else about segment-anything.
    """
    if variant is not None:
        return False  # chosen by `applies`
    given = _listed(config, "families")
    marker = item.get_closest_marker("families")
    if marker is None:
        return bool(given) and SEGMENT_ANYTHING.name not in given and not _of_environment(item)
    tested = given or [variant.family.name for name, variant in VARIANTS.items() if not unavailable(name)]
    return not set(marker.args) & set(tested)


def _of_environment(item: pytest.Item) -> bool:
    return group_of(str(item.path)) in ENVIRONMENT_GROUPS


def unavailable(name: str) -> str:
    """Return why a variant cannot be built here; empty if it can, or if segment-anything should be there."""
    family = VARIANTS[name].family
    missing = family.missing()
    if not missing or family is SEGMENT_ANYTHING:
        return ""
    return "{} needs the package {}, which is not installed here (no module {})".format(
        name, family.name, ", ".join(missing)
    )
