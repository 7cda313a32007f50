"""Public figures of SAM's speed against stored results.

A ratio is given only where both sides are known to be the same thing: the source must state everything that
the time depends on, and a result must agree with all that it states. Unknown is not a match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from packaging.version import Version

from samcheck import codec
from samcheck.facts import Claim, Facts, version_of
from samcheck.facts.claim_schema import TimedStage
from samcheck.guest.node_ids import function_of
from samcheck.guest.record import CheckResult
from samcheck.guest.variant_names import VARIANT_TIERS
from samcheck.measurable import step_time
from samcheck.storage.results import Stored

#: The model and the code that samcheck runs.
MODEL, CODE = "SAM 1", "segment-anything"
#: What must be the same in a claim and a result, in the order in which it is shown.
NEEDED = ("variant", "code", "gpu", "precision", "backend", "batch", "objects", "resolution", "torch")
#: Words of a GPU's name that make it another GPU: a part of it, or one with less power.
LESSER = frozenset({"laptop", "notebook", "max", "mig"})


@dataclass(frozen=True)
class BenchmarkScope:
    """A benchmark of the suite, and what it fixes; what it leaves out has no influence on the time."""

    function: str
    fixed: Mapping[str, str]


_EAGER = {"backend": "eager", "batch": "1"}
_DECODES = {**_EAGER, "precision": "fp32", "resolution": "320x240"}

#: By stage. The encoder's input has always the same size, whatever the image.
BENCHMARKS: dict[TimedStage, tuple[BenchmarkScope, ...]] = {
    TimedStage.ENCODER: (BenchmarkScope("test_encoder", _EAGER),),
    TimedStage.DECODER: (
        BenchmarkScope("test_decoder", {**_DECODES, "objects": "1"}),
        BenchmarkScope("test_decoder_many", {**_DECODES, "objects": "64"}),
    ),
    TimedStage.IMAGE: (
        BenchmarkScope("test_end_to_end", {**_EAGER, "objects": "1", "resolution": "320x240"}),
    ),
    TimedStage.AUTOMATIC: (BenchmarkScope("test_automatic", {**_DECODES, "objects": "64"}),),
}


class ClaimVerdict(StrEnum):
    """What came of a claim; all but `MATCHED` are unmatched."""

    MATCHED = "matched"
    OTHER_MODEL = "other-model"
    NOT_TIMED = "not-timed"
    NOT_STATED = "not-stated"
    NO_RESULT = "no-result"
    NO_INTERVAL = "no-interval"


@dataclass(frozen=True)
class ClaimRatio:
    """A result that agrees with a claim: measured time over claimed time, so above 1 is slower.

    Attributes:
        result: ``<device>/<driver>/<name>``.
        milliseconds, ratio: the ends of the 95 % interval; None where `because` says why.
    """

    result: str
    milliseconds: tuple[float, float] | None
    ratio: tuple[float, float] | None
    because: str = ""


@dataclass(frozen=True)
class ClaimAnswer:
    """What stored results say of a claim.

    Attributes:
        reason: why it is unmatched; empty if it is not.
        command: the command that tries it; empty if there is none, and `reason` says why.
        must_match: what has to be the same; empty text where the source does not state it.
    """

    claim: Claim
    verdict: ClaimVerdict
    reason: str
    command: str
    must_match: Mapping[str, str]
    ratios: tuple[ClaimRatio, ...] = ()


@dataclass(frozen=True)
class TimedBenchmark:
    """A check that times a step, and its result without its checks."""

    stored: Stored
    check: CheckResult


def benchmarks(stored: Iterable[Stored]) -> list[TimedBenchmark]:
    """The benchmarks of `BENCHMARKS` that ran and hold, in these results."""
    functions = {scope.function for scopes in BENCHMARKS.values() for scope in scopes}
    return [
        TimedBenchmark(replace(entry, result=codec.replace(entry.result, checks=[])), check)
        for entry in stored
        for check in entry.result.checks
        if function_of(check.check) in functions and check.outcome.is_expected
    ]


def answer(
    claim: Claim, facts: Facts, measured: Sequence[TimedBenchmark], cells: Sequence[tuple[str, str]]
) -> ClaimAnswer:
    """Judge one claim.

    Args:
        measured: see `benchmarks`.
        cells: PyTorch and id of the cells that can be run on a GPU.
    """
    if claim.model != MODEL:
        reason = f"samcheck does not run this model yet: {claim.model}"
        return ClaimAnswer(claim, ClaimVerdict.OTHER_MODEL, reason, "", _stated(claim, NEEDED))
    scopes = BENCHMARKS.get(claim.stage, ())
    misfits = [_misfit(claim, scope) for scope in scopes]
    if "" not in misfits:
        reason = "; ".join(misfits) or f"samcheck does not time this: {claim.stage}"
        return ClaimAnswer(claim, ClaimVerdict.NOT_TIMED, reason, "", _stated(claim, NEEDED))
    scope = scopes[misfits.index("")]
    unmatched = ClaimAnswer(
        claim, ClaimVerdict.NO_RESULT, "", command(claim, cells), _stated(claim, _depends_on(scope))
    )
    missing = [name for name, text in unmatched.must_match.items() if not text]
    if missing:
        reason = f"the source does not state {', '.join(missing)}"
        return replace(unmatched, verdict=ClaimVerdict.NOT_STATED, reason=reason)
    of_scope = [found for found in measured if function_of(found.check.check) == scope.function]
    return _against(unmatched, facts, of_scope)


def _depends_on(scope: BenchmarkScope) -> tuple[str, ...]:
    """The fields that the time of a benchmark depends on."""
    if scope in BENCHMARKS[TimedStage.ENCODER]:
        return tuple(name for name in NEEDED if name not in ("objects", "resolution"))
    return NEEDED


def _stated(claim: Claim, names: Sequence[str]) -> dict[str, str]:
    """What a claim states, as text; empty where it states nothing."""
    return {name: str(getattr(claim, name) or "") for name in names}


def _misfit(claim: Claim, scope: BenchmarkScope) -> str:
    """Why a benchmark does not time what is claimed; empty if it may, also where the claim is silent."""
    if claim.code and claim.code != CODE:
        return f"samcheck runs {CODE}, not {claim.code}"
    stated = _stated(claim, NEEDED)
    if stated["variant"] and stated["variant"] not in VARIANT_TIERS:
        return f"samcheck has no variant {stated['variant']}"
    for name, value in scope.fixed.items():
        if stated[name] and stated[name] != value:
            return f"{scope.function} has {name} {value}, not {stated[name]}"
    return ""


def command(claim: Claim, cells: Sequence[tuple[str, str]]) -> str:
    """The command that times what is claimed; empty if the claim names no variant.

    With a cell of the claimed PyTorch if there is one, else in the Python at hand.
    """
    if not claim.variant:
        return ""
    mine = [id for torch, id in cells if claim.torch and torch == Version(claim.torch).public]
    where = f"cell {mine[0]}" if mine else "here"
    return f"samcheck {where} --tier full --variants {claim.variant} --groups latency --processes 5"


def _against(unmatched: ClaimAnswer, facts: Facts, measured: Sequence[TimedBenchmark]) -> ClaimAnswer:
    claim = unmatched.claim
    differing = [(found, tuple(differences(claim, found, facts))) for found in measured]
    ratios = tuple(_ratio(claim, found) for found, differs in differing if not differs)
    if not differing:
        return replace(unmatched, reason="no result times it")
    if not ratios:
        nearest = min((differs for _, differs in differing), key=len)
        return replace(unmatched, reason=f"the nearest result has {', '.join(nearest)}")
    if all(ratio.ratio is None for ratio in ratios):
        reason = f"a result agrees, but: {ratios[0].because}"
        return replace(unmatched, verdict=ClaimVerdict.NO_INTERVAL, reason=reason, ratios=ratios)
    return replace(unmatched, verdict=ClaimVerdict.MATCHED, ratios=ratios)


def differences(claim: Claim, found: TimedBenchmark, facts: Facts) -> Iterator[str]:
    """What a result has in place of what is claimed, unknown included, as ``torch 2.4.1+cu121``."""
    check, sam, seen = found.check, found.stored.result.cell.sam, found.stored.result.observed
    gpu = seen.gpu if seen is not None and seen.device == "cuda" else None
    torch = seen.torch if seen is not None else None
    if not gpu or not same_gpu(claim.gpu, gpu, facts):
        yield f"GPU {gpu or 'none'}"
    device = check.settings.get("device", "unknown")
    if not device.startswith("cuda"):
        yield f"device {device}"
    if not torch or not same_torch(claim.torch, torch):
        yield f"torch {torch or 'unknown'}"
    if sam.partition("==")[0] != claim.code:
        yield f"code {sam or 'unknown'}"
    for name in ("variant", "precision", "backend"):
        if getattr(check, name) != getattr(claim, name):
            yield f"{name} {getattr(check, name) or 'unknown'}"


def same_gpu(claimed: str, observed: str, facts: Facts) -> bool:
    """Whether the GPU that a driver names is the claimed one, with the memory and form that are claimed."""
    one, other = facts.gpu(claimed), facts.gpu(observed)
    wanted, words = _words(claimed), _words(observed)
    return one is not None and one == other and wanted <= words and wanted & LESSER == words & LESSER


def _words(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z0-9]+", name.lower()))


def same_torch(claimed: str, observed: str) -> bool:
    """Whether it is the same release, and the same build if the claim states one."""
    wanted, seen = Version(claimed), version_of(observed)
    return wanted == seen if wanted.local else wanted.public == seen.public


def _ratio(claim: Claim, found: TimedBenchmark) -> ClaimRatio:
    place = f"{found.stored.device}/{found.stored.driver}/{found.stored.result.name}"
    time = step_time(found.check)
    if time is None or time.limits is None:
        return ClaimRatio(place, None, None, time.because if time else "it has no time")
    low, high = time.limits
    return ClaimRatio(place, time.limits, (low / claim.milliseconds, high / claim.milliseconds))
