"""Results → flat rows, one for each check; a cell without any has one row all the same."""

from __future__ import annotations

from collections.abc import Iterator

from samcheck.storage.results import Stored, numpy_of

#: Columns that are fields of a check: `metrics` and `settings` are dicts, `seconds` is a number, the rest is
#: text or None.
OF_CHECK = (
    *("check", "group", "variant", "precision", "backend", "outcome", "defect", "reason", "evidence"),
    *("seconds", "metrics", "settings", "details"),
)
#: Columns that all checks of a result share, which are text.
SHARED = (
    *("device", "driver", "cell", "torch", "cuda", "python", "numpy", "sam", "variants", "groups"),
    *("environment", "tier", "samcheck", "started", "finished", "cell_outcome", "cell_reason"),
)
#: In the order of the columns.
COLUMNS = (*SHARED, *OF_CHECK)

Value = str | float | dict[str, float] | dict[str, str] | None


def rows(stored: Stored) -> Iterator[dict[str, Value]]:
    """The rows of one result."""
    shared = head(stored)
    for check in stored.result.checks:
        yield {**shared, **{name: getattr(check, name) for name in OF_CHECK}}
    if not stored.result.checks:
        yield {**dict.fromkeys(COLUMNS), **shared}


def head(stored: Stored) -> dict[str, str]:
    """What the rows of all checks share, in the order of the columns."""
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
