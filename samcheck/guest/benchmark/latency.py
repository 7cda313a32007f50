"""Timing a step so that the clock sees all of it: the device is waited for before it is read.

Without that a GPU's encoder looks free and whatever copies first to the host looks slow
(https://github.com/facebookresearch/segment-anything/issues/344).
"""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import Any, Callable, Dict, List, Optional

import torch

from ..record import Series
from . import heap, sampling
from .disturbance import DisturbanceMonitor
from .turns import Paced

#: Makes what paces the rounds of a benchmark that another process takes part in.
TakesTurns = Callable[[DisturbanceMonitor], Paced]

#: The timer may take this share of the shortest step that is measured. On a GPU it waits for the device and
#: records two events, and a small model's step is hardly longer than starting its kernels; not measured yet.
TIMER_SHARE = {"cpu": 0.01, "cuda": 0.05}


class Synchronised:
    """A step that returns only when the device has finished it, and what the device's own clock says of it.

    Attributes:
        device_ms: of each call on a GPU, by CUDA events; empty on the CPU.
    """

    def __init__(self, step: Callable[[], Any], device: str) -> None:
        self._step, self._on_gpu = step, device == "cuda"
        self._events: List[Any] = []

    @property
    def device_ms(self) -> List[float]:
        return [begin.elapsed_time(end) for begin, end in self._events]

    def forget(self) -> None:
        """Of the calls so far, as of a warm-up."""
        self._events.clear()

    def __call__(self) -> Any:
        if not self._on_gpu:
            return self._step()
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        result = self._step()
        end.record()
        torch.cuda.synchronize()
        self._events.append((begin, end))  # asked for their time later, so that this is not timed
        return result


class Timing:
    """Times a step with the pytest-benchmark fixture.

    Attributes:
        result: what the step gave last.
        series: the samples of this process; None where pytest-benchmark was switched off.

    Args:
        seconds: at most so long for warming up, and again for the samples.
        turns: where another process takes turns with this one.
    """

    def __init__(
        self,
        benchmark: Any,
        step: Callable[[], Any],
        device: str,
        seconds: float,
        turns: Optional[TakesTurns] = None,
    ) -> None:
        timed, monitor = Synchronised(step, device), DisturbanceMonitor(device, expected=2 if turns else 1)
        paced = turns(monitor) if turns else None
        self.series = None
        warm = sampling.warm_up(timed, seconds)
        pilot = warm[-sampling.PILOT :] if len(warm) > 2 else warm[-1:]
        rounds = paced.plan(pilot, seconds) if paced else sampling.rounds_for(pilot, seconds)
        timed.forget()
        again = Synchronised(step, device)  # what it does must be over before the clock starts

        def between() -> None:
            monitor.during()
            if paced:
                paced.before(again)

        monitor.before()
        faults = heap.page_faults()
        self.result = benchmark.pedantic(timed, setup=between, rounds=rounds)
        monitor.readings["page_faults_per_round"] = round((heap.page_faults() - faults) / rounds, 1)
        monitor.after()
        if benchmark.stats is not None:
            self.wall_ms = [sample * 1e3 for sample in benchmark.stats.stats.data]
            self.series = self._series(timed.device_ms, paced, monitor, len(warm))

    def _series(
        self, device_ms: List[float], paced: Optional[Paced], monitor: DisturbanceMonitor, warmup: int
    ) -> Series:
        samples = {"wall_ms": _stored(self.wall_ms)}
        if device_ms:
            samples["device_ms"] = _stored(device_ms)
        if paced:
            samples["turn_ms"] = _stored(paced.medians(self.wall_ms))
        steady = sampling.relative_error(self.wall_ms) <= sampling.TARGET
        return Series(
            samples=samples,
            rounds=len(self.wall_ms),
            warmup=warmup,
            stopped="steady" if steady else "budget",
            disturbed=monitor.disturbed,
            readings=monitor.readings,
        )

    @property
    def metrics(self) -> Dict[str, float]:
        """In milliseconds, over all rounds."""
        return sampling.summary(self.wall_ms)


def _stored(samples: List[float]) -> List[float]:
    """Thinned out, with the six digits that a clock of nanoseconds and its noise can give."""
    return [float("{:.6g}".format(sample)) for sample in sampling.thinned(samples)]


def plain_ms(step: Callable[[], Any], device: str, seconds: float = 1.0) -> float:
    """The median time of a step without pytest-benchmark: by the GPU's own clock where there is one."""
    timed = Synchronised(step, device)
    pilot = sampling.warm_up(timed, seconds)[-sampling.PILOT :]
    timed.forget()
    wall_ms = []
    for _ in range(sampling.rounds_for(pilot, seconds)):
        begin = perf_counter()
        timed()
        wall_ms.append((perf_counter() - begin) * 1e3)
    return median(timed.device_ms or wall_ms)


def timer_ms(device: str, rounds: int = 200) -> float:
    """What `Synchronised` and the clock add to a step: the median time of a step that does nothing."""
    nothing = Synchronised(lambda: None, device)
    times = []
    for _ in range(rounds):
        before = perf_counter()
        nothing()
        times.append(perf_counter() - before)
    return median(times) * 1e3
