"""Arguments that run the suite, or one check of it."""

from __future__ import annotations

from samcheck.environments import LAUNCH, SOURCE

#: As the guest sees it.
SUITE = f"{SOURCE}/tests/suite"
TIERS = {"fast": "fast", "full": "fast or full"}


def arguments(
    suite: str, tier: str, variants: tuple[str, ...], what: str, groups: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Return Python's arguments to run `what`: the folder `suite`, or a check in it; only some `groups`."""
    return (
        *(LAUNCH, "pytest", "-c", f"{suite}/pytest.ini", "--rootdir", suite, what),
        # -s: output of a check that kills the interpreter must not be lost in pytest's capture.
        *("-q", "-s", "-m", TIERS.get(tier, TIERS["full"])),
        *((f"--samcheck-variants={','.join(variants)}",) if variants else ()),
        *((f"--samcheck-groups={','.join(groups)}",) if groups else ()),
    )
