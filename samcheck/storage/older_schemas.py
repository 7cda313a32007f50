"""Results of older schemas → the current schema.

Only this module parses sentences of older samchecks, which will not change any more. Later fields have
defaults that are true for older results.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from samcheck import codec
from samcheck.guest.outcomes import CellOutcome, CheckOutcome, FailureCause
from samcheck.guest.record import SCHEMA_VERSION, CellResult, CheckResult

#: Phrases in reasons before schema 4 that show a cause in the machine or the network.
_OUTSIDE = {
    "could not be reached": FailureCause.NETWORK,
    "could not download": FailureCause.INTERPRETER,
    "disk is full": FailureCause.DISK,
    "MiB of disk": FailureCause.DISK,
    "not trusted here": FailureCause.CERTIFICATE,
    "credentials": FailureCause.CREDENTIALS,
}
#: From this one on, results have no sentences that have to be parsed.
PLAIN_SCHEMA = 4
_PARENTHESIS = re.compile(r"[()]")
_SIGN = re.compile("|".join(map(re.escape, _OUTSIDE)), re.IGNORECASE)


def upgraded(result: CellResult) -> CellResult:
    """Convert a result to the current schema; return one that has it unchanged."""
    if result.schema_version == SCHEMA_VERSION:
        return result
    if result.schema_version >= PLAIN_SCHEMA:  # what is new since has true defaults
        return codec.replace(result, schema_version=SCHEMA_VERSION)
    details = dict(result.environment.details)
    stopped, turns = "stopped" in details, details.get("met")
    for name in ("stopped", "met"):
        details.pop(name, None)
    return codec.replace(
        result,
        schema_version=SCHEMA_VERSION,
        environment=codec.replace(result.environment, details=details),
        checks=[*map(_check, result.checks)],
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


def _check(check: CheckResult) -> CheckResult:
    """Convert a check; of thousands of results, most need no change."""
    if check.outcome is CheckOutcome.KNOWN and check.reason.endswith(")"):
        check = _with_evidence(check)
    return _with_plain_verdict(check) if "verdict" in check.settings else check


def _with_plain_verdict(check: CheckResult) -> CheckResult:
    """Drop why a recipe was not tried from its verdict; the check's reason has it too."""
    verdict, colon, _ = check.settings["verdict"].partition(":")
    return codec.replace(check, settings={**check.settings, "verdict": verdict}) if colon else check


def _with_evidence(check: CheckResult) -> CheckResult:
    """Split off a defect's evidence, which stood in parentheses after its reason; both may contain some."""
    depth = 0
    for sign in reversed([*_PARENTHESIS.finditer(check.reason)]):
        at = sign.start()
        depth += 1 if sign[0] == ")" else -1
        if depth == 0 and at:
            return codec.replace(check, reason=check.reason[: at - 1], evidence=check.reason[at + 1 : -1])
    return check
