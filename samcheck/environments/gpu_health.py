"""A cell's GPU, as the driver reports it: is it usable, and did anything happen to it while the cell ran?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from samcheck.errors import EnvironmentUnavailable, Refused
from samcheck.guest import gpu, nvml
from samcheck.guest.gpu import Gpu, Sign
from samcheck.guest.outcomes import CellOutcome, FailureCause
from samcheck.guest.record import CellResult, CheckResult

#: Xid errors that a program's own mistake causes as well, as a check that provokes a fault does: only noted,
#: since they say nothing of what others measure minutes away. Any other one is the GPU's, the driver's or the
#: machine's. 13: exception in a kernel, 31: access to an invalid address, 43: a program's fault stopped it,
#: 45: its rest is cleaned up, as when it is killed. https://docs.nvidia.com/deploy/xid-errors/index.html
OF_PROGRAMS = frozenset((13, 31, 43, 45))
#: Most Xid errors that are read after a cell: a broken GPU can report them without end.
MOST_XIDS = 100
SEE_LOG = "`sudo dmesg | grep -i xid` and `nvidia-smi -q` say more; re-run with --resume once it is well"


@dataclass(frozen=True)
class GpuState:
    """A GPU as the driver knows it; `shared` if MPS's server shares it among processes."""

    name: str
    uuid: str
    compute_mode: int
    shared: bool


@dataclass
class Health:
    """What happened to a GPU while a cell ran.

    Attributes:
        damage: why what was computed may be wrong.
        disturbed: why its measurements say little of the software.
        noted: what changes neither.
    """

    damage: list[str] = field(default_factory=list)
    disturbed: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)


@contextmanager
def _refused() -> Iterator[None]:
    """Let a GPU that does not answer refuse the cell."""
    try:
        yield
    except nvml.NvmlFailure as failure:
        raise Refused(FailureCause.GPU, str(failure)) from None


def state(name: str) -> GpuState | None:
    """Return the GPU with this number or UUID; None if NVML cannot be had here.

    Raises:
        Refused: it does not answer.
    """
    with _refused(), nvml.started() as library:
        if library is None:
            return None
        found = Gpu(library, name)
        return GpuState(
            nvml.required(library, "for its name", lambda: str(library.nvmlDeviceGetName(found.handle))),
            nvml.required(library, "for its UUID", lambda: str(library.nvmlDeviceGetUUID(found.handle))),
            int(found.settings().get("compute_mode", 0)),
            found.has_mps(),
        )


def obstacle(name: str, seen: GpuState, in_container: bool) -> tuple[str, str] | None:
    """Return why checks, which start further processes, cannot use a GPU, and what to do; else None."""
    cure = f"`sudo nvidia-smi -i {name} -c DEFAULT` allows it"
    if seen.compute_mode == gpu.PROHIBITED:
        return f"GPU {name} is in compute mode PROHIBITED, in which no process can use it", cure
    if seen.compute_mode != gpu.EXCLUSIVE:
        return None
    if not seen.shared:
        mode = "compute mode EXCLUSIVE_PROCESS, which allows it one process, but checks start others"
        return f"GPU {name} is in {mode}", cure
    if in_container:
        return (
            f"GPU {name} is shared by MPS in compute mode EXCLUSIVE_PROCESS, and containers cannot reach MPS",
            "use --environment venv, or end MPS with `echo quit | nvidia-cuda-mps-control`, then " + cure,
        )
    return None


def require_usable(names: Sequence[str], in_container: bool) -> None:
    """Require, before anything is built, that checks can use these GPUs.

    Raises:
        EnvironmentUnavailable: they cannot use one of them.
    """
    for name in names:
        with suppress(Refused):  # the cell that gets it says so
            seen = state(name)
            found = seen and obstacle(name, seen, in_container)
            if found:
                raise EnvironmentUnavailable(found[0], f"{found[1]}; or leave it out with --gpus")


def same_model(driver_says: str, torch_says: str) -> bool:
    """Return whether NVML and PyTorch name one model; a slice of it counts as the model."""
    return _model(driver_says) == _model(torch_says)


def _model(name: str) -> str:
    """Return a GPU's model without its maker, which older drivers leave out, and a MIG slice's profile."""
    return name.removeprefix("NVIDIA ").partition(" MIG ")[0]


def damage_counters(name: str) -> dict[str, float]:
    """Return the counters of a GPU that only damage increases; none where they are not to be had.

    `watched` reports a GPU that does not answer.
    """
    with suppress(nvml.NvmlFailure), nvml.started() as library:
        if name and library is not None:
            return Gpu(library, name).counters(gpu.DAMAGING)
    return {}


def damage(before: dict[str, float], after: dict[str, float]) -> list[str]:
    """Return the damage between two moments, by the counters of then."""
    begin, end = (gpu.Snapshot(counters, {}, 0.0) for counters in (before, after))
    return [change.text for change in gpu.changes(begin, end)]


@contextmanager
def watched(name: str) -> Iterator[Health]:
    """Yield what happens inside to a GPU, which is known at the end; nothing without a GPU or NVML.

    A GPU that cannot be watched only marks what is measured: the cell's own processes may see it well.
    """
    health = Health()
    with ExitStack() as stack:
        finish: Callable[[], None] = _nothing
        if name:
            with _told(health):
                finish = _begin(stack, name, health)
        try:
            yield health
        except Refused as refused:  # the driver may know why
            with _told(health):
                finish()
            raise Refused(refused.cause, "; ".join((str(refused), *health.damage))) from None
        except BaseException:  # also when the whole run ends: what is resumed must be right
            with _told(health):
                finish()
            raise
        with _told(health):
            finish()


def _nothing() -> None: ...


@contextmanager
def _told(health: Health) -> Iterator[None]:
    """Turn a GPU that does not answer into damage, and one that withholds something into a disturbance."""
    try:
        yield
    except nvml.NvmlFailure as failure:
        (health.damage if failure.is_lost else health.disturbed).append(str(failure))


def _begin(stack: ExitStack, name: str, health: Health) -> Callable[[], None]:
    """Look at a GPU; return a function that looks again and says what has happened."""
    library = stack.enter_context(nvml.started())
    if library is None:
        return _nothing
    seen = Gpu(library, name)
    before = seen.snapshot(time.monotonic())
    events = _xid_events(stack, seen)

    def finish() -> None:
        for xid in _xids(library, events) if events is not None else ():
            _note_xid(health, xid)
        for change in gpu.changes(before, seen.snapshot(time.monotonic())):
            _note(health, change)

    return finish


def _xid_events(stack: ExitStack, of: Gpu) -> Any:
    """Return NVML's events of a GPU's Xid errors from now on; None where the driver does not report them."""
    library, kind = of.library, of.library.nvmlEventTypeXidCriticalError
    events = nvml.reading(library, "for events", library.nvmlEventSetCreate)
    if events is None:
        return None
    stack.enter_context(suppress(*nvml.errors(library)))  # a lost GPU's events cannot be freed
    stack.callback(library.nvmlEventSetFree, events)
    registered = nvml.reading(
        library,
        "for Xid errors",
        lambda: library.nvmlDeviceRegisterEvents(of.card, kind, events) is None,
    )
    return events if registered else None


def _note(health: Health, change: gpu.GpuChange) -> None:
    match change.sign:
        case Sign.DAMAGED:
            health.damage.append(change.text)
        case None:
            health.disturbed.append(change.text)
        case _:  # benchmarks are marked by the guest, which knows when they ran
            health.noted.append(change.text)


def _note_xid(health: Health, xid: int) -> None:
    text = f"the driver reported Xid error {xid}"
    (health.noted if xid in OF_PROGRAMS else health.damage).append(text)


def _xids(library: Any, events: Any) -> Iterator[int]:
    for _ in range(MOST_XIDS):
        try:
            event = library.nvmlEventSetWait_v2(events, 0)
        except nvml.errors(library) as error:
            if nvml.number(error) in (nvml.TIMEOUT, *nvml.UNREPORTED):  # there are no more
                return
            raise nvml.NvmlFailure("for Xid errors", error) from None
        yield int(event.eventData)


def judged(result: CellResult, health: Health) -> CellResult:
    """Return a cell's result in the light of what happened to its GPU meanwhile."""
    details = dict(result.environment.details)
    if health.damage or health.disturbed or health.noted:
        details["gpu_health"] = "; ".join(health.damage + health.disturbed + health.noted)
    result = replace(
        result,
        environment=replace(result.environment, details=details),
        checks=[_marked(check, health.damage + health.disturbed) for check in result.checks],
    )
    if not health.damage:
        return result
    reason = f"{'; '.join(health.damage)}: what was computed meanwhile may be wrong; {SEE_LOG}"
    return replace(result, outcome=CellOutcome.REFUSED, cause=FailureCause.GPU, reason=reason)


def _marked(check: CheckResult, reasons: list[str]) -> CheckResult:
    """Mark a benchmark's measurements."""
    series = [replace(one, disturbed=list(dict.fromkeys((*one.disturbed, *reasons)))) for one in check.series]
    return replace(check, series=series) if check.series and reasons else check
