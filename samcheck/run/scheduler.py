"""Scheduling of builds and runs, so that cells run side by side without disturbing each other.

One build at a time: a build alone uses all cores and the whole network. One running cell per GPU, and --jobs
cells on the CPU.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

import psutil

from samcheck import signals
from samcheck.errors import BadInput

POLL_SECONDS = 0.2
END_AGAIN_SECONDS = 1.0

T = TypeVar("T")


class Stopped(BaseException):
    """The run ends now. Not an Exception, so that no cell takes it for its own failure."""


@dataclass(frozen=True)
class Slot:
    """A place for one running cell: a GPU by its number or UUID, or a share of the CPU if empty."""

    gpu: str = ""


ON_CPU = Slot()


@dataclass
class Gates:
    """The state that the cells of one run share.

    Attributes:
        jobs: number of cells that run on the CPU at once.
        gpus: the driver's numbers of the GPUs to use.
        overlap: whether the next cell is built while others run.
        exclusive: whether a GPU that other processes use is refused.
    """

    jobs: int = 1
    gpus: Sequence[str] = ()
    overlap: bool = False
    exclusive: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    builds: int = 0
    running: int = 0

    def __post_init__(self) -> None:
        self._building = threading.Lock()
        self._count = threading.Lock()
        self._cpu: queue.Queue[Slot] = queue.Queue()
        self._gpu: queue.Queue[Slot] = queue.Queue()
        for _ in range(self.jobs):
            self._cpu.put(Slot())
        for number in self.gpus:
            self._gpu.put(Slot(number))

    @property
    def workers(self) -> int:
        """Number of cells that can be in progress at once."""
        return max(self.jobs, len(self.gpus)) + (1 if self.overlap else 0)

    @contextmanager
    def build(self) -> Iterator[None]:
        """Wait until no other build is running."""
        while not self._building.acquire(timeout=POLL_SECONDS):
            self.check()
        try:
            self.check()
            self.builds += 1
            yield
        finally:
            self._building.release()

    @contextmanager
    def run(self, on_gpu: bool) -> Iterator[Slot]:
        """Wait for a free place: on a GPU if `on_gpu` and there are any, else on the CPU."""
        places = self._gpu if on_gpu and self.gpus else self._cpu
        slot = self._take(places)
        with self._count:
            self.running += 1
        try:
            yield slot
        finally:
            with self._count:
                self.running -= 1
            places.put(slot)

    def _take(self, places: queue.Queue[Slot]) -> Slot:
        while True:
            self.check()
            try:
                return places.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue

    def check(self) -> None:
        """Stop here if the run ends; every long step calls this repeatedly.

        Raises:
            Stopped: the run ends now.
        """
        if self.stop.is_set():
            raise Stopped


def side_by_side(steps: Sequence[Callable[[], T]], gates: Gates) -> Generator[T, None, None]:
    """Run the steps as the gates allow; yield their results in the order in which they end.

    The first error, or a signal that ends samcheck, ends all steps and every process that they started.
    No further signal interrupts that.
    """
    with signals.polled():
        pool = ThreadPoolExecutor(gates.workers, "cell")
        futures: list[Future[T]] = []
        try:
            futures += [pool.submit(step) for step in steps]
            pending = set(futures)
            while pending:
                signals.check()
                # With a timeout, so that signals are seen at once.
                done, pending = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BaseException:
            with signals.held():
                gates.stop.set()
                _end(futures)
                pool.shutdown()
            raise
        pool.shutdown()


def _end(futures: Collection[Future[T]]) -> None:
    """End all steps that have started, and cancel the others."""
    pending = {future for future in futures if not future.cancel()}
    while pending:
        _end_children()  # repeatedly: a step may have been about to start one
        _, pending = wait(pending, timeout=END_AGAIN_SECONDS)


def _end_children() -> None:
    """Terminate child processes: builders do not check whether to stop; guests are ended by their waiters."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.terminate()


def gpus(wanted: str, count: int) -> tuple[str, ...]:
    """Parse the driver's numbers of the GPUs to use, as in ``0,2``; none are given by default.

    Raises:
        BadInput: something is not a number, is repeated, or is not a GPU of this machine.
    """
    numbers = tuple(part.strip() for part in wanted.split(",") if part.strip())
    existing = [str(number) for number in range(count)]
    wrong = [number for number in numbers if number not in existing or numbers.count(number) > 1]
    if wrong:
        raise BadInput(
            f"--gpus: invalid GPU {wrong[0]!r}: this machine has {count} {'GPU' if count == 1 else 'GPUs'}"
            + (f", {', '.join(existing)}; name each once" if existing else "")
        )
    return numbers
