"""Results → flat rows, one for each check; a cell without any has one row all the same."""

from __future__ import annotations

from collections.abc import Iterator

from samcheck.guest.record import CheckResult
from samcheck.results import Stored

#: In the order of the columns; `metrics` and `settings` are dicts, `seconds` is a number, the rest is text.
COLUMNS = (
    *("device", "driver", "cell", "torch", "cuda", "python", "numpy", "sam", "variants", "groups"),
    *("environment", "tier", "samcheck", "started", "finished", "cell_outcome", "cell_reason"),
    *("check", "group", "variant", "precision", "backend", "outcome", "defect", "reason", "seconds"),
    *("metrics", "settings", "details"),
)

Value = str | float | dict[str, float] | dict[str, str] | None


def rows(stored: Stored) -> Iterator[dict[str, Value]]:
    """The rows of one result."""
    head = _head(stored)
    for check in stored.result.checks:
        yield {**head, **_of(check)}
    if not stored.result.checks:
        yield {**dict.fromkeys(COLUMNS), **head}


def _head(stored: Stored) -> dict[str, Value]:
    result = stored.result
    return {
        "device": stored.device,
        "driver": stored.driver,
        "cell": result.cell.id,
        "torch": result.cell.torch,
        "cuda": result.cell.cuda,
        "python": result.cell.python,
        "numpy": (result.observed.numpy if result.observed else None) or result.cell.numpy,
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


def _of(check: CheckResult) -> dict[str, Value]:
    return {
        "check": check.check,
        "group": check.group,
        "variant": check.variant,
        "precision": check.precision,
        "backend": check.backend,
        "outcome": check.outcome,
        "defect": check.defect,
        "reason": check.reason,
        "seconds": check.seconds,
        "metrics": check.metrics,
        "settings": check.settings,
        "details": check.details,
    }
