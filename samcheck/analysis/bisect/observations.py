"""What a cell's result says of one check, and whether that is good or bad (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from samcheck.analysis.bisect.boundary_search import Verdict
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, module_of

#: What `--bad-outcome bad` stands for.
BAD = tuple(outcome for outcome in CheckOutcome if outcome.is_failure)


@dataclass(frozen=True)
class Observation:
    """What one run showed.

    Attributes:
        outcome: of the check, None where the cell gave none.
        defect: id in the catalogue, for ``known`` and ``fixed``.
        stored: whether it is of an earlier run's stored result.
        samcheck: version that it was made with.
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
    reported = next((candidate for candidate in result.checks if candidate.check == check), None)
    outcome, defect = (reported.outcome, reported.defect or "") if reported else (None, "")
    reason = reported.explanation if reported else _absent(result, check)
    packages = result.observed.packages if result.observed else {}
    return Observation(outcome, defect, reason, stored, result.samcheck, result.environment.kind, packages)


def _absent(result: CellResult, check: str) -> str:
    module = module_of(check)
    broken: CheckResult | None = next(
        (reported for reported in result.checks if reported.check == module), None
    )
    if broken is not None:
        return broken.reason
    if result.checks:
        return f"the check is not among the {len(result.checks)} of this cell"
    return f"{result.outcome}: {result.reason}"


def verdict(observation: Observation, reference: Observation | None, bad: Sequence[str]) -> Verdict:
    """Whether an observation is bad.

    `bad` lists outcomes (``failed``, ``known``), with a defect where one is meant
    (``known:onnx-official-recipe``), or ``bad`` for all bad ones. Without any, bad is what differs from the
    `reference`, which is the good end's.
    """
    names = {name for outcome in bad for name in (BAD if outcome == "bad" else (outcome,))}
    wanted = bool(names & {observation.outcome, observation.text})
    if observation.outcome is None or (observation.outcome.is_inconclusive and not wanted):
        return "untestable"
    if names:
        return "bad" if wanted else "good"
    return "bad" if reference is not None and observation.text != reference.text else "good"


def verdicts(observations: dict[int, list[Observation]], bad: Sequence[str]) -> dict[int, list[Verdict]]:
    """All runs judged by the same measure; the good end's first one that tells anything is the reference."""
    good_end = observations.get(0, [])
    conclusive = (run for run in good_end if run.outcome and not run.outcome.is_inconclusive)
    reference = next(conclusive, None)
    if reference is None and not bad:
        return {0: [verdict(run, None, bad) for run in good_end]} if good_end else {}
    return {at: [verdict(run, reference, bad) for run in runs] for at, runs in observations.items()}
