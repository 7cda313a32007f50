"""Results → flat rows, one for each check; a cell without checks still has one row."""

from __future__ import annotations

from collections.abc import Iterator

from samcheck.storage.results import Stored, numpy_of

#: Columns that are fields of a check: `metrics` and `settings` are dicts, `seconds` is a number, `disturbed`
#: counts processes, the rest are text or None.
OF_CHECK = (
    *("check", "group", "variant", "precision", "backend", "outcome", "defect", "reason", "evidence"),
    *("seconds", "disturbed", "metrics", "settings", "details"),
)
#: Text columns that all checks of a result share.
SHARED = (
    *("device", "driver", "cell", "torch", "cuda", "python", "numpy", "sam", "variants", "groups"),
    *("environment", "tier", "samcheck", "started", "finished", "cell_outcome", "cell_reason"),
)
#: All columns, in order.
COLUMNS = (*SHARED, *OF_CHECK)

Value = str | int | float | dict[str, float] | dict[str, str] | None


def rows(stored: Stored) -> Iterator[dict[str, Value]]:
    """Yield the rows of one result."""
    shared = head(stored)
    for check in stored.result.checks:
        yield {**shared, **{name: getattr(check, name) for name in OF_CHECK}}
    if not stored.result.checks:
        yield {**dict.fromkeys(COLUMNS), **shared}


def head(stored: Stored) -> dict[str, str]:
    """Return the columns that the rows of all checks share, in order."""
    result = stored.result
    return {
        "device": stored.device,
        "driver": stored.driver,
        "cell": result.cell.id,
        "torch": result.cell.torch,
        "cuda": result.cell.cuda,
        "python": result.cell.python,
        "numpy": numpy_of(result),
        "sam": result.cell.sam,
        "variants": ",".join(result.variants),
        "groups": ",".join(result.groups),
        "environment": result.environment.kind,
        "tier": result.tier,
        "samcheck": result.samcheck,
        "started": result.started,
        "finished": result.finished,
        "cell_outcome": result.outcome,
        "cell_reason": result.reason,
    }
