"""Two results → what changed between them, check by check (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from samcheck.guest.record import BAD_CHECK_OUTCOMES, CellResult, CheckResult

#: The worst first.
KINDS = {
    "breaks": "held, now failing",
    "defect appears": "held, now showing a known upstream defect",
    "no longer tried": "tried, now skipped",
    "still bad": "failed, still failing",
    "mended": "failed, now holding",
    "defect gone": "showed a known upstream defect, now gone",
    "newly tried": "skipped, now tried",
}
#: Kinds that speak against a change.
AGAINST = ("breaks",)


@dataclass(frozen=True)
class Change:
    """Checks of one group that changed in one way.

    Attributes:
        defect: the upstream defect that appeared or went; empty for other kinds.
        reason: what the first of them says now.
    """

    kind: str
    group: str
    defect: str
    checks: tuple[str, ...]
    reason: str


def changes(base: CellResult, new: CellResult) -> tuple[Change, ...]:
    """What became of the checks that both have, the worst first."""
    was = {check.check: check for check in base.checks}
    found: dict[tuple[str, str, str], list[CheckResult]] = {}
    for check in new.checks:
        old = was.get(check.check)
        kind = _kind(old.outcome, check.outcome) if old else ""
        if old and kind:
            defect = (check.defect or old.defect or "") if "defect" in kind else ""
            found.setdefault((kind, check.group, defect), []).append(check)
    made = [
        Change(kind, group, defect, tuple(each.check for each in checks), checks[0].reason)
        for (kind, group, defect), checks in found.items()
    ]
    return tuple(sorted(made, key=lambda each: (list(KINDS).index(each.kind), -len(each.checks))))


def _kind(was: str, now: str) -> str:
    if now in BAD_CHECK_OUTCOMES:
        return "still bad" if was in BAD_CHECK_OUTCOMES else "" if was == "skipped" else "breaks"
    if was in BAD_CHECK_OUTCOMES:
        return "" if now == "skipped" else "mended"
    if "skipped" in (was, now):
        return "" if was == now else "newly tried" if was == "skipped" else "no longer tried"
    if (was == "known") == (now == "known"):
        return ""
    return "defect appears" if now == "known" else "defect gone"


def unshared(base: CellResult, new: CellResult) -> int:
    """How many checks only one of the two has, as those of another samcheck."""
    return len({check.check for check in base.checks} ^ {check.check for check in new.checks})
