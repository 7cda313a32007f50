"""The records exchanged between the two halves of samcheck, and stored in ``results/``.

They are plain dataclasses for Python 3.8, so that the guest can write them with nothing installed.
The host reads them back strictly (`samcheck.storage.results`).

History of SCHEMA_VERSION
    1   first version
    2   `CheckResult.series`: raw samples of each process, with what disturbed them;
        `CheckResult.pictures`: of failed checks
    3   `CellResult.groups`: of a run of some groups of checks only
    4   `CheckResult.evidence`, which stood in parentheses behind the reason; `CellResult.cause`, and its
        `stopped` and `turns`, which were words among `EnvironmentRecord.details`;
        `CheckOutcome.INTERMITTENT`; `Fingerprint.libraries`
    5   `CellRecord.own`
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence

from .node_ids import function_of, module_of, parameters_of
from .outcomes import CellOutcome, CheckOutcome, FailureCause

SCHEMA_VERSION = 5

#: Every precision that the suite runs SAM in.
PRECISION_NAMES = ("fp32", "tf32", "fp16", "bf16", "autocast-fp16", "autocast-bf16", "int8-dynamic")

#: Backends that can run SAM; each of the suite's results names one.
BACKEND_NAMES = ("eager", "compile", "onnxruntime", "tensorrt")

#: Every group of checks, in the order of the table.
GROUP_NAMES = (
    "imports",
    "settings",
    "correctness",
    "quality",
    "automatic",
    "video",
    "implementations",
    "pitfalls",
    "dtype",
    "inputs",
    "checkpoints",
    "backends",
    "state",
    "memory",
    "recovery",
    "leaks",
    "peaks",
    "latency",
    "recipes",
)

#: Groups that run first: they are quick, and show whether SAM works.
FIRST_GROUPS = ("imports", "correctness", "dtype")

#: FIFOs of a process that takes turns with another one: what it writes, and what it reads.
TURN_FIFOS = ("turns-said", "turns-heard")

#: Begin of the names of a check's settings that are digests of exact bits, see `samcheck.guest.bits`.
BITS = "bits_"

#: Seconds after which a check is stopped by default.
CHECK_SECONDS = 900.0
#: By tier: seconds that one benchmark may take for its warm-up, and again for its samples. A median over
#: 0.3 s is stable to a few percent; a second would cost the fast tier 15 s more.
BENCHMARK_SECONDS = {"fast": 0.3, "full": 1.0}
#: Maximum number of characters kept of a check's traceback or of a guest's output.
DETAILS_LIMIT = 4000


@dataclass(frozen=True)
class Series:
    """What one process measured in one benchmark, in the order of time.

    Attributes:
        samples: by name with its unit (``wall_ms``; ``device_ms`` by CUDA events), evenly thinned out to
            at most `benchmark.sampling.KEPT` each; ``turn_ms``, the median of each turn, where two processes
            took turns.
        rounds: how many were taken.
        warmup: rounds before these, which are not among them.
        stopped: why no more were taken: ``steady`` (the relative standard error is under its target),
            ``budget`` (the time was over) or ``once per process``.
        disturbed: why they say little of the software: a throttled or shared GPU. Never averaged in.
        readings: of the GPU before, during and after, with units; page faults of the process.
    """

    samples: Dict[str, List[float]]
    rounds: int
    warmup: int
    stopped: str
    disturbed: List[str] = field(default_factory=list)
    readings: Dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class CheckResult:
    """One check in one environment.

    Attributes:
        check: node id relative to the suite, e.g. ``test_dtype.py::test_naive_cast[tiny-fp16]``.
        group: what the check is about: the `GROUP` of its module, or its name without ``test_``.
        variant, precision, backend: the parameters that apply, else None.
        reason: why, for every outcome but ``passed``; one line. Of a catalogued defect, what it is.
        defect: id in the catalogue of upstream defects (`samcheck.guest.defects.watch`).
        evidence: how the defect showed itself in this check; one line.
        seconds: wall-clock time of set-up, call and tear-down.
        metrics: measured numbers; the unit is the suffix of the name (``_ms``, ``_mib``).
        settings: what really ran, read back from live objects (dtype, device, thread count, ...).
        details: tail of the traceback, for outcomes that need one.
        series: of benchmarks, one for each process that ran it.
        pictures: of a failed check on masks: small PNGs in base64, by what they show.
    """

    check: str
    group: str
    outcome: CheckOutcome
    variant: Optional[str] = None
    precision: Optional[str] = None
    backend: Optional[str] = None
    reason: str = ""
    defect: Optional[str] = None
    seconds: float = 0.0
    metrics: Dict[str, float] = field(default_factory=dict)
    settings: Dict[str, str] = field(default_factory=dict)
    details: str = ""
    series: List[Series] = field(default_factory=list)
    pictures: Dict[str, str] = field(default_factory=dict)
    evidence: str = ""

    @property
    def explanation(self) -> str:
        """The reason, followed by the evidence in parentheses."""
        return "{} ({})".format(self.reason, self.evidence) if self.evidence else self.reason

    @property
    def disturbed(self) -> int:
        """How many of its processes were disturbed, see `Series`."""
        return sum(bool(series.disturbed) for series in self.series)

    @property
    def module(self) -> str:
        """The file of the check, ``test_dtype.py``; see `module_of`."""
        return module_of(self.check)

    @property
    def function(self) -> str:
        """``test_naive_cast``; see `function_of`."""
        return function_of(self.check)

    @property
    def parameters(self) -> str:
        """Its parameters as pytest joins them, ``tiny-fp16``; empty without any. See `parameters_of`."""
        return parameters_of(self.check)


@dataclass(frozen=True)
class LoadedLibrary:
    """A library that a process has loaded.

    Attributes:
        version: as it reports itself; None if it does not.
        file: inside the environment relative to it, otherwise absolute.
    """

    version: Optional[str]
    file: str


@dataclass(frozen=True)
class Fingerprint:
    """What an environment really holds, observed from inside it.

    A version is None where the package is absent; `import_errors` says for each package that is
    there but cannot be imported what the import raised; `libraries` has NVIDIA's that are really loaded.
    """

    python: str
    implementation: str
    platform: str
    libc: str
    cpu: str
    cpu_count: int
    memory_mib: int
    torch: Optional[str] = None
    torch_cuda: Optional[str] = None
    cudnn: Optional[str] = None
    arch_list: List[str] = field(default_factory=list)
    torchvision: Optional[str] = None
    numpy: Optional[str] = None
    segment_anything: Optional[str] = None
    device: str = "cpu"
    gpu: Optional[str] = None
    gpu_capability: Optional[str] = None
    gpu_memory_mib: Optional[int] = None
    driver: Optional[str] = None
    driver_cuda: Optional[str] = None
    cuda_unavailable: Optional[str] = None
    import_errors: Dict[str, str] = field(default_factory=dict)
    packages: Dict[str, str] = field(default_factory=dict)
    libraries: Dict[str, LoadedLibrary] = field(default_factory=dict)


@dataclass(frozen=True)
class CellRecord:
    """A cell's declared fields, as stored with its result.

    Attributes:
        own: whether it is an environment of the user's own: the fields are then what was found in it, and
            empty where that is not known.
    """

    id: str
    torch: str
    cuda: str
    python: str
    numpy: str
    sam: str
    tags: List[str] = field(default_factory=list)
    own: bool = False


@dataclass(frozen=True)
class EnvironmentRecord:
    """Where a cell ran: kind (``docker``, ``venv``, ``here``), why that kind, and how it was made."""

    kind: str
    why: str = ""
    details: Dict[str, str] = field(default_factory=dict)


def restriction(variants: Sequence[str], groups: Sequence[str]) -> str:
    """Describe a restriction, ``vit_h; groups recovery, peaks``; empty without any."""
    some = "{} {}".format("groups" if len(groups) > 1 else "group", ", ".join(groups))
    return "; ".join([", ".join(variants)] * bool(variants) + [some] * bool(groups))


def result_name(cell: str, variants: Sequence[str], groups: Sequence[str]) -> str:
    """``<cell>+<variant>@<group>``."""
    return cell + "".join(["+" + name for name in variants] + ["@" + name for name in groups])


@dataclass(frozen=True)
class CellResult:
    """Everything known about one cell after one run.

    Attributes:
        variants, groups: those that the run was restricted to; empty when it was not.
        weights: of each variant that ran, the kind and digest.
        phases: seconds of the steps ``prepare``, ``probe``, ``run`` and, where checks failed, ``run again``.
        cause: why its environment could not be made or used; None where it could.
        stopped: ``--stop-after`` ended it before all of it was measured.
        turns: results with the same word took turns: the n-th process of a benchmark on one side with the
            n-th on the other.
    """

    schema_version: int
    cell: CellRecord
    outcome: CellOutcome
    reason: str
    environment: EnvironmentRecord
    tier: str
    started: str
    finished: str
    samcheck: str
    observed: Optional[Fingerprint] = None
    variants: List[str] = field(default_factory=list)
    weights: Dict[str, str] = field(default_factory=dict)
    phases: Dict[str, float] = field(default_factory=dict)
    checks: List[CheckResult] = field(default_factory=list)
    groups: List[str] = field(default_factory=list)
    cause: Optional[FailureCause] = None
    stopped: bool = False
    turns: Optional[str] = None

    @property
    def is_conclusive(self) -> bool:
        """Whether the outcome says something about the environment that was declared."""
        return not self.outcome.is_inconclusive and not (self.cause and self.cause.is_outside)

    @property
    def name(self) -> str:
        """Name of its file and row, ``<cell>+<variant>@<group>``: a partial run never replaces a full one."""
        return result_name(self.cell.id, self.variants, self.groups)

    def asks(self, check: CheckResult) -> bool:
        """Whether the run includes the variant and the group of a check."""
        of_variant = not self.variants or check.variant is None or check.variant in self.variants
        return of_variant and (not self.groups or check.group in self.groups)

    @property
    def only(self) -> str:
        """Readable description of what the run was restricted to; empty if it was not."""
        return restriction(self.variants, self.groups)
