"""``--variants``: samcheck's own, those that a matrix file declares, and those that only a guest knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from samcheck import facts, files, matrix
from samcheck.environments.own_variant import OwnVariant
from samcheck.errors import BadInput
from samcheck.facts.target_machine import NO_GPU
from samcheck.guest.variant_names import VARIANT_TIERS
from samcheck.matrix import selection
from samcheck.matrix.ranking import NO_LIMIT
from samcheck.suggestions import did_you_mean


def declared_in(file: Path | None) -> tuple[OwnVariant, ...]:
    """Return the variants that a matrix file declares; none without a file.

    Raises:
        BadInput: the file is invalid.
    """
    if file is None:
        return ()
    path = selection.file_of(file)
    return matrix.plan(path, facts.load(), NO_GPU, budget=NO_LIMIT).variants


def variants_of(given: str, tier: str, own: bool, declared: Sequence[OwnVariant] = ()) -> tuple[str, ...]:
    """Parse a comma-separated list of the tier's variants into a fixed order, so that one run has one name.

    An environment of the user's `own` may have variants that only the guest knows.

    Raises:
        BadInput: there is no such variant, or it is not part of the tier.
    """
    names = tuple(name.strip() for name in given.split(",") if name.strip())
    known = [*(variant.name for variant in declared), *VARIANT_TIERS]
    for name in names:
        if own:
            _require_in_name(name)
        elif name not in known:
            raise BadInput(f"--variants: {_no_variant(name, known)}")
        if VARIANT_TIERS.get(name) == "full" and tier != "full":
            raise BadInput(f"--variants: {name} is not part of the tier {tier}: add --tier full")
    for variant in declared:
        if variant.name in names and tier == "fast":
            _require_fast(variant)
    ours = [name for name in VARIANT_TIERS if name in names]
    return (*ours, *sorted(set(names).difference(ours)))


def _no_variant(name: str, known: Sequence[str]) -> str:
    """Say that there is no such variant, and which there are."""
    hint = did_you_mean(name, known, lead="; ")
    return f"there is no variant {name!r}{f'{hint} Known' if hint else '; known'}: {', '.join(known)}"


def _require_fast(variant: OwnVariant) -> None:
    """Require that the fast tier has a declared variant: no check would run it otherwise.

    Raises:
        BadInput: it has not, or only the package knows.
    """
    if variant.tier == "fast":
        return
    why = "its package says how large it is only once an environment is built"
    if variant.tier:
        why = "the matrix file says so" if variant.given_tier else f"its base {variant.base} is"
        why = f"it is of the tier full, since {why}"
    raise BadInput(
        f"--variants: {variant.name} is not known to be part of the tier fast ({why}): add --tier full, or, "
        f'if it runs in seconds on a CPU, tier = "fast" to [variant.{variant.name}] in the matrix file'
    )


def _require_in_name(variant: str) -> None:
    """Require that a variant's name can be part of a result's name, as in ``…+variant@group``.

    Raises:
        BadInput: the name would escape the folder or be ambiguous.
    """
    files.require_name(variant, "--variants: the name")
    if set("+@") & set(variant):
        raise BadInput(
            f"--variants: the name {variant!r} contains + or @, which result names use as separators"
        )
