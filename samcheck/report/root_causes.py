"""Failed checks of one result → the few causes behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from samcheck.guest.record import CheckResult
from samcheck.report.fields import UNRECORDED

#: What pytest's plugin puts behind the reason of a check whose fixture failed.
_IN_SETUP = " (in setup)"


class RootCause(NamedTuple):
    """A cause, and how many checks failed by it."""

    text: str
    checks: int


def root_causes(checks: Sequence[CheckResult]) -> tuple[RootCause, ...]:
    """The causes, the one behind the most checks first.

    If a check of the imports fails, it is the cause of every other failure: a package that cannot be imported
    or does not compute explains everything that follows. The most frequent message is added to it.
    """
    failed = [check for check in checks if check.outcome.is_failure]
    imports = [check for check in failed if check.group == "imports"]
    counts = Counter(map(_reason, failed))
    if imports:
        messages = dict.fromkeys([*map(_reason, imports), counts.most_common(1)[0][0]])
        return (RootCause("; ".join(messages), len(failed)),)
    return tuple(RootCause(text, times) for text, times in counts.most_common())


def _reason(check: CheckResult) -> str:
    return (check.reason or UNRECORDED).removesuffix(_IN_SETUP)
