"""Results of older schemas → what they would be today.

What an older samcheck wrote into a sentence is taken out of it here, and nowhere else: its sentences will
not change any more. Fields that came later have defaults that are true of older results.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from samcheck import codec
from samcheck.guest.outcomes import CellOutcome, CheckOutcome, FailureCause
from samcheck.guest.record import SCHEMA_VERSION, CellResult, CheckResult

#: What a reason before schema 4 says of causes that are a matter of the machine or the network.
_OUTSIDE = {
    "could not be reached": FailureCause.NETWORK,
    "could not download": FailureCause.INTERPRETER,
    "disk is full": FailureCause.DISK,
    "MiB of disk": FailureCause.DISK,
    "not trusted here": FailureCause.CERTIFICATE,
    "credentials": FailureCause.CREDENTIALS,
}
_SIGN = re.compile("|".join(map(re.escape, _OUTSIDE)), re.IGNORECASE)


def upgraded(result: CellResult) -> CellResult:
    """A result in today's schema; one that is in it already as it is."""
    if result.schema_version == SCHEMA_VERSION:
        return result
    details = dict(result.environment.details)
    stopped, turns = "stopped" in details, details.get("met")
    for name in ("stopped", "met"):
        details.pop(name, None)
    return codec.replace(
        result,
        schema_version=SCHEMA_VERSION,
        environment=codec.replace(result.environment, details=details),
        checks=[_with_plain_verdict(_with_evidence(check)) for check in result.checks],
        cause=_cause(result.outcome, result.reason),
        stopped=stopped,
        turns=turns,
    )


def _cause(outcome: CellOutcome, reason: str) -> FailureCause | None:
    if outcome not in (CellOutcome.BUILD_FAILED, CellOutcome.MISBUILT, CellOutcome.REFUSED):
        return None
    sign = _SIGN.search(reason)
    known: Mapping[str, FailureCause] = {text.lower(): cause for text, cause in _OUTSIDE.items()}
    return known[sign.group().lower()] if sign else None


def _with_plain_verdict(check: CheckResult) -> CheckResult:
    """Why a recipe was not tried stood behind its verdict also; it is the reason of the check."""
    verdict, colon, _ = check.settings.get("verdict", "").partition(":")
    return codec.replace(check, settings={**check.settings, "verdict": verdict}) if colon else check


def _with_evidence(check: CheckResult) -> CheckResult:
    """What was seen of a defect stood in parentheses behind what it is; either may have some of its own."""
    if check.outcome is not CheckOutcome.KNOWN or not check.reason.endswith(")"):
        return check
    depth = 0
    for at in range(len(check.reason) - 1, 0, -1):
        depth += {")": 1, "(": -1}.get(check.reason[at], 0)
        if depth == 0:
            return codec.replace(check, reason=check.reason[: at - 1], evidence=check.reason[at + 1 : -1])
    return check
