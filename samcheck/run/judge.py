"""The verdict on a cell: is it what was declared, and did its checks hold? (pure)"""

from __future__ import annotations

from collections.abc import Iterator

from packaging.utils import canonicalize_name
from packaging.version import Version

from samcheck.cells import Cell
from samcheck.facts.requirements import Requirements
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CheckResult, Fingerprint
from samcheck.run.records import Attempt
from samcheck.sanitize import printable


def compare(cell: Cell, pins: Requirements, observed: Fingerprint) -> Iterator[str]:
    """Yield the differences between the environment and what the cell declares."""
    try:
        torch = Version(observed.torch) if observed.torch else None
    except ValueError:  # `InvalidVersion`, or thousands of digits
        text = printable(repr(observed.torch))
        yield f"PyTorch: declared {cell.torch}, observed {text}, which is not a version"
        return
    build = "cu" + observed.torch_cuda.replace(".", "") if observed.torch_cuda else "cpu"
    pairs = [
        ("Python", cell.python, ".".join(observed.python.split(".")[:2])),
        ("PyTorch", cell.torch, torch.public if torch else "absent"),
        # If torch cannot be imported, its build is unknown; the suite reports that.
        ("CUDA build", cell.cuda, cell.cuda if "torch" in observed.import_errors else build),
    ]
    versions: dict[str, str | None] = {
        **{canonicalize_name(name): version for name, version in observed.packages.items()},
        "torchvision": observed.torchvision,
        "numpy": observed.numpy,
        "segment-anything": observed.segment_anything,
    }
    for pin in (*pins.torch[1:], *pins.numpy, *pins.sam, *pins.bare):
        name, _, version = pin.partition("==")
        wanted = version.partition("+")[0]
        pairs.append((name, wanted, (versions.get(name) or "absent").partition("+")[0]))
    for name, declared, actual in pairs:
        if declared != actual and (declared or not cell.own):
            yield f"{name}: declared {declared}, observed {printable(actual)}"


def judge(
    attempts: list[Attempt], checks: list[CheckResult], stopped: bool = False
) -> tuple[CellOutcome, str]:
    """Return outcome and reason of a cell from its checks and from how the suite ended, or was `stopped`."""
    bad = [check for check in checks if check.outcome.is_bad]
    if stopped and not attempts[-1].complete and not any(check.outcome.is_failure for check in bad):
        ran = sum(check.outcome is not CheckOutcome.NOT_RUN for check in checks)
        reason = f"stopped by --stop-after: {ran} of {len(checks)} checks ran; --resume continues"
        return CellOutcome.TIMED_OUT, reason
    if bad:
        first = min(bad, key=_explanatory_rank)
        return _worst(bad), f"{len(bad)} of {len(checks)} checks: {first.check}: {first.reason}"
    return _whole_run_verdict(attempts[-1], checks) or (CellOutcome.PASSED, "")


def _explanatory_rank(check: CheckResult) -> tuple[bool, bool, bool]:
    """Return where a bad check stands among those that may explain a cell, the best first.

    A failed import explains everything after it; a check that did not run explains nothing.
    """
    return check.outcome is CheckOutcome.NOT_RUN, check.outcome.is_inconclusive, check.group != "imports"


def _worst(bad: list[CheckResult]) -> CellOutcome:
    """Return the outcome of a cell with these bad checks: a crash says more than a timeout."""
    outcomes = {check.outcome for check in bad}
    if CheckOutcome.CRASHED in outcomes:
        return CellOutcome.CRASHED
    return CellOutcome.TIMED_OUT if CheckOutcome.TIMED_OUT in outcomes else CellOutcome.FAILED


def _whole_run_verdict(last: Attempt, checks: list[CheckResult]) -> tuple[CellOutcome, str] | None:
    """Return outcome and reason of a cell that is bad although no check is; None if it is good."""
    if not last.complete:
        return CellOutcome.CRASHED, f"the suite ended outside of a check: {last.ended}{_last_line(last)}"
    if last.died_at_exit:
        reason = f"the interpreter died after the last check: {last.ended}{_last_line(last)}"
        return CellOutcome.CRASHED, reason
    if not checks:
        reason = f"no check ran (pytest status {last.journal.exit_status}){_last_line(last)}"
        return CellOutcome.FAILED, reason
    if last.journal.exit_status == 1:
        return (
            CellOutcome.FAILED,
            f"pytest reports that checks failed, but none was recorded{_last_line(last)}",
        )
    if not any(_ran_sam(check) for check in checks):
        return CellOutcome.FAILED, f"no check ran SAM itself: {len(checks)} checks of its environment held"
    return None


def _ran_sam(check: CheckResult) -> bool:
    """Return whether a check ran on a model: its variant's, or the small one that stands for all."""
    return bool(check.variant or "model" in check.settings) and check.outcome is not CheckOutcome.SKIPPED


def _last_line(attempt: Attempt) -> str:
    """Return the last line of the guest's output, to append to a sentence."""
    lines = attempt.output.strip().splitlines()
    return f": {lines[-1][:200]}" if lines else ""
