"""What a cell's result says of one check, and whether that is good or bad (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from samcheck.analysis.bisect.search import Verdict
from samcheck.guest.record import CellResult, CheckOutcome, CheckResult, module_of

#: What `--bad-outcome bad` stands for.
BAD = tuple(outcome for outcome in CheckOutcome if outcome.is_failure)


@dataclass(frozen=True)
class Observation:
    """What one run showed.

    Attributes:
        outcome: of the check, None where the cell gave none.
        defect: id in the catalogue, for ``known`` and ``fixed``.
        stored: whether it is of an earlier run's stored result.
        samcheck: version that it was seen with.
        environment: kind of environment.
        packages: what was installed, with versions.
    """

    outcome: CheckOutcome | None
    defect: str
    reason: str
    stored: bool
    samcheck: str
    environment: str = ""
    packages: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def text(self) -> str:
        """Outcome and defect, which together are compared: ``known:onnx-official-recipe``."""
        return f"{self.outcome}:{self.defect}" if self.defect else str(self.outcome or "")


def observe(result: CellResult, check: str, stored: bool) -> Observation:
    """What `result` says of `check`."""
    found = next((each for each in result.checks if each.check == check), None)
    outcome, defect = (found.outcome, found.defect or "") if found else (None, "")
    reason = found.explanation if found else _absent(result, check)
    packages = result.observed.packages if result.observed else {}
    return Observation(outcome, defect, reason, stored, result.samcheck, result.environment.kind, packages)


def _absent(result: CellResult, check: str) -> str:
    module = module_of(check)
    broken: CheckResult | None = next((each for each in result.checks if each.check == module), None)
    if broken is not None:
        return broken.reason
    if result.checks:
        return f"the check is not among the {len(result.checks)} of this cell"
    return f"{result.outcome}: {result.reason}"


def verdict(seen: Observation, reference: Observation | None, bad: Sequence[str]) -> Verdict:
    """Whether an observation is bad.

    `bad` lists outcomes (``failed``, ``known``), with a defect where one is meant
    (``known:onnx-official-recipe``), or ``bad`` for all bad ones. Without any, bad is what differs from the
    `reference`, which is the good end's.
    """
    names = {name for each in bad for name in (BAD if each == "bad" else (each,))}
    if seen.outcome is None or (seen.outcome.is_inconclusive and not names & {seen.outcome, seen.text}):
        return "untestable"
    if names:
        return "bad" if names & {seen.outcome, seen.text} else "good"
    return "bad" if reference is not None and seen.text != reference.text else "good"


def verdicts(seen: dict[int, list[Observation]], bad: Sequence[str]) -> dict[int, list[Verdict]]:
    """All runs judged by the same measure; the good end's first one that tells anything is the reference."""
    tell = (each for each in seen.get(0, []) if each.outcome and not each.outcome.is_inconclusive)
    reference = next(tell, None)
    if reference is None and not bad:
        return {0: [verdict(each, None, bad) for each in seen[0]]} if seen.get(0) else {}
    return {at: [verdict(each, reference, bad) for each in runs] for at, runs in seen.items()}
