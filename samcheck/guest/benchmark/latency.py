"""Timing of a step, synchronised with the device before the clock is read.

Without that, a GPU's encoder looks free, and the first copy to the host looks slow
(https://github.com/facebookresearch/segment-anything/issues/344).
"""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import Any, Callable, Dict, List, Optional

import torch

from ..record import Series
from . import device_side, heap, sampling
from .disturbance import DisturbanceMonitor
from .synchronised import Synchronised
from .turns import Paced

#: Creates the pacer for the rounds of a benchmark that alternates with another process.
TakesTurns = Callable[[DisturbanceMonitor], Paced]

#: Largest share of the shortest measured step that the timer may take. On a GPU it waits for the device and
#: records two events, and a small model's step is hardly longer than launching its kernels; not measured yet.
TIMER_SHARE = {"cpu": 0.01, "cuda": 0.05}


class Timing:
    """A step timed with the pytest-benchmark fixture.

    Attributes:
        result: the last result of the step.
        series: the samples of this process; None if pytest-benchmark was disabled.
        settings: facts on the step's kernels, on a GPU.

    Args:
        seconds: time limit for the warm-up, and again for the samples.
        turns: creates the pacer if another process takes turns with this one.
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
        self.settings: Dict[str, str] = {}
        self._of_device: Dict[str, float] = {}
        warm = sampling.warm_up(timed, seconds)
        pilot = warm[-sampling.PILOT :] if len(warm) > 2 else warm[-1:]
        rounds = paced.plan(pilot, seconds) if paced else sampling.rounds_for(pilot, seconds)
        timed.forget()
        again = Synchronised(step, device)  # must have finished before the clock starts

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
            if paced and timed.device_ms:
                self.settings = dict(device_side.IN_TURNS)
            elif timed.device_ms:
                self._of_device, self.settings = device_side.measured(step, timed.device_ms)

    def _series(
        self, device_ms: List[float], paced: Optional[Paced], monitor: DisturbanceMonitor, warmup: int
    ) -> Series:
        samples = {"wall_ms": _stored(self.wall_ms)}
        if device_ms:
            samples["device_ms"] = _stored(device_ms)
        if paced:
            samples["turn_ms"] = _stored(paced.medians(device_ms or self.wall_ms))
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
        """Statistics over all rounds by the host's clock, in milliseconds, and what the GPU says."""
        return dict(sampling.summary(self.wall_ms), **self._of_device)


def _stored(samples: List[float]) -> List[float]:
    """Thin out samples, keeping the six significant digits that a nanosecond clock and its noise allow."""
    return [float("{:.6g}".format(sample)) for sample in sampling.thinned(samples)]


def plain_ms(step: Callable[[], Any], device: str, seconds: float = 1.0) -> float:
    """Measure the median time of a step without pytest-benchmark, with the GPU's own clock if available."""
    timed = Synchronised(step, device)
    pilot = sampling.warm_up(timed, seconds)[-sampling.PILOT :]
    timed.forget()
    wall_ms = []
    for _ in range(sampling.rounds_for(pilot, seconds)):
        begin = perf_counter()
        timed()
        wall_ms.append((perf_counter() - begin) * 1e3)
    return median(timed.device_ms or wall_ms)


def launching_ms(step: Callable[[], Any], rounds: int = 5) -> float:
    """Measure the median time until a step has launched its kernels on an idle GPU."""
    times = []
    for _ in range(rounds):
        torch.cuda.synchronize()
        before = perf_counter()
        step()
        times.append((perf_counter() - before) * 1e3)
    torch.cuda.synchronize()
    return median(times)


def timer_ms(device: str, rounds: int = 200) -> float:
    """Measure the overhead of `Synchronised` and the clock: the median time of an empty step."""
    nothing = Synchronised(lambda: None, device)
    times = []
    for _ in range(rounds):
        before = perf_counter()
        nothing()
        times.append(perf_counter() - before)
    return median(times) * 1e3
