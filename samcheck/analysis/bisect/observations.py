"""What a cell's result says about one check, and whether that is good or bad (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from samcheck.analysis.bisect.boundary_search import Verdict
from samcheck.guest.node_ids import module_of
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult

#: What `--bad-outcome bad` stands for.
BAD = tuple(outcome for outcome in CheckOutcome if outcome.is_failure)


@dataclass(frozen=True)
class Observation:
    """The outcome of a check in one run.

    Attributes:
        outcome: of the check; None if the cell has none.
        defect: id in the catalogue, for ``known`` and ``fixed``.
        stored: whether it comes from an earlier run's stored result.
        samcheck: version that made it.
        environment: kind of environment.
        packages: installed packages, with versions.
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
        """Outcome and defect, as compared: ``known:onnx-official-recipe``."""
        return f"{self.outcome}:{self.defect}" if self.defect else str(self.outcome or "")


def observe(result: CellResult, check: str, stored: bool) -> Observation:
    """Return what `result` says about `check`."""
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
        return f"the check is not among this cell's {len(result.checks)} checks"
    return f"{result.outcome}: {result.reason}"


def verdict(observation: Observation, reference: Observation | None, bad: Sequence[str]) -> Verdict:
    """Judge an observation.

    `bad` lists outcomes (``failed``, ``known``), optionally with a defect (``known:onnx-official-recipe``),
    or ``bad`` for all bad ones. If it is empty, whatever differs from the good end's `reference` is bad.
    """
    names = {name for outcome in bad for name in (BAD if outcome == "bad" else (outcome,))}
    wanted = bool(names & {observation.outcome, observation.text})
    if observation.outcome is None or (observation.outcome.is_inconclusive and not wanted):
        return "untestable"
    if names:
        return "bad" if wanted else "good"
    return "bad" if reference is not None and observation.text != reference.text else "good"


def verdicts(observations: dict[int, list[Observation]], bad: Sequence[str]) -> dict[int, list[Verdict]]:
    """Judge all runs alike; the reference is the good end's first conclusive one."""
    good_end = observations.get(0, [])
    conclusive = (run for run in good_end if run.outcome and not run.outcome.is_inconclusive)
    reference = next(conclusive, None)
    if reference is None and not bad:
        return {0: [verdict(run, None, bad) for run in good_end]} if good_end else {}
    return {at: [verdict(run, reference, bad) for run in runs] for at, runs in observations.items()}
