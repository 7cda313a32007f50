"""Who may build and who may run at a moment, so that cells go side by side without disturbing each other.

One build at a time: builders use all cores and the whole network by themselves. One running cell per GPU,
and as many on the CPU as were asked for.
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
    """The run ends now. Not an Exception: no cell may take it for a failure of its own."""


@dataclass(frozen=True)
class Slot:
    """A place for one running cell: a GPU by its number or UUID, or a share of the CPU if that is empty."""

    gpu: str = ""


ON_CPU = Slot()


@dataclass
class Gates:
    """What the cells of one run share.

    Attributes:
        jobs: how many cells run on the CPU at once.
        gpus: the driver's numbers of the GPUs to use.
        overlap: whether one more cell is built while others run.
        exclusive: whether a GPU that others compute on is refused.
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
        """How many cells can be in hand at once."""
        return max(self.jobs, len(self.gpus)) + (1 if self.overlap else 0)

    @contextmanager
    def build(self) -> Iterator[None]:
        """Wait until nobody else builds."""
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
        """Wait for a free place, on a GPU if there are any and `on_gpu`."""
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
        """Called again and again by everything that takes long.

        Raises:
            Stopped: the run ends now.
        """
        if self.stop.is_set():
            raise Stopped


def side_by_side(steps: Sequence[Callable[[], T]], gates: Gates) -> Generator[T, None, None]:
    """Do the steps as the gates allow; gives what each gives, in the order in which they end.

    The first error, or a signal that ends samcheck, ends all of them, and every process that they started.
    Once that has begun no other signal cuts it short.
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
    """Have all steps end that have begun, and the others not begin."""
    pending = {future for future in futures if not future.cancel()}
    while pending:
        _end_children()  # again and again: a step may have been just about to start one
        _, pending = wait(pending, timeout=END_AGAIN_SECONDS)


def _end_children() -> None:
    """Builders do not ask whether to stop; a guest is ended by who waits for it."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.terminate()


def gpus(wanted: str, count: int, allotted: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """The driver's numbers of the GPUs to use, from ``0,2``; when nothing is given, those that this process
    was `allotted`, else all of `count`.

    Raises:
        BadInput: not numbers, one twice, or of GPUs that are not there.
    """
    numbers = tuple(part.strip() for part in wanted.split(",") if part.strip())
    existing = [str(number) for number in range(count)]
    wrong = [number for number in numbers if number not in existing or numbers.count(number) > 1]
    if wrong:
        raise BadInput(
            f"--gpus: {wrong[0]!r} cannot be: this machine has {count} GPUs"
            + (f", {', '.join(existing)}; name each once" if existing else "")
        )
    return numbers or (tuple(existing) if allotted is None else allotted)
