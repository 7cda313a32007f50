"""One line about an environment, from the checks that run first: in which precisions does SAM work there?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from samcheck.guest.record import CheckResult
from samcheck.report.fields import Column, Field, by_precision, fields
from samcheck.report.marks import Mark, mark


def first_verdict(checks: Iterable[CheckResult]) -> str:
    """``SAM (tiny) works in fp32, bf16; cannot run in tf32 (…)``, for each variant that was tried."""
    by_variant: dict[str, dict[Column, Field]] = {}
    for column, field in sorted(fields(checks, by_precision).items(), key=lambda item: item[0].order):
        by_variant.setdefault(column.variant, {})[column] = field
    return "; ".join(_verdict(*item) for item in by_variant.items()) or "no check of SAM's precisions ran"


def _verdict(variant: str, mine: Mapping[Column, Field]) -> str:
    works = [column.precision for column, field in mine.items() if mark(field) is Mark.WORKS]
    others = [
        f"{mark(field).word} in {column.precision} ({field.reasons[0].explanation})"
        for column, field in mine.items()
        if mark(field) is not Mark.WORKS
    ]
    return "; ".join([f"SAM ({variant}) works in {', '.join(works) or 'no precision'}", *others])
