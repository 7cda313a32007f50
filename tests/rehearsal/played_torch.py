"""As much of PyTorch as `samcheck.guest.benchmark.device_side` uses, on a GPU whose time is played.

A step says what it launches; the GPU's clock advances by each kernel and by the gap before it.
"""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

WAITS = "called a synchronizing CUDA operation"


def event(name: str, us: float, device: str = "CUDA", **more: Any) -> Any:
    """An event of the profiler."""
    span = SimpleNamespace(elapsed_us=lambda: us)
    return SimpleNamespace(name=name, device_type=SimpleNamespace(name=device), time_range=span, **more)


class PlayedGpu:
    """A GPU that waits `gap_us` for each kernel, unless they are replayed from a graph.

    Attributes:
        hidden: whether waiting goes unseen until a capture, as where PyTorch does not know of it.
        broken: what PyTorch says after a capture has failed, if that broke it.
        stuck: an error that stays in the CUDA context.
        used: the calls that tests ask for.
    """

    def __init__(self, gap_us: float = 0.0) -> None:
        self.gap_us, self.now_us = gap_us, 0.0
        self.hidden, self.no_profiler = False, False
        self.broken = self.stuck = ""
        self.used: list[str] = []
        self.stream = self.main = "main"
        self._mode, self._made_on = "default", "host"
        self._graph: list[float] | None = None
        self._seen: list[Any] | None = None

    def launch(self, name: str, us: float) -> None:
        if self._graph is not None:
            self._graph.append(us)
            return
        self.now_us += self.gap_us + us
        if self._seen is not None:
            self._seen.append(event(name, us))
            self._seen.append(event("cudaLaunchKernel", 9.0, "CPU"))

    def wait(self) -> None:
        """What `.cpu()` does."""
        if self._mode == "error" and not self.hidden:
            raise RuntimeError(WAITS)
        if self._graph is not None:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    def index_with_a_host_tensor(self) -> None:
        if self._made_on == "host":
            self.wait()

    def torch(self) -> Any:
        """The module."""
        cuda = SimpleNamespace(
            Event=lambda enable_timing: PlayedEvent(self),
            CUDAGraph=lambda: PlayedGraph(self),
            Stream=lambda: PlayedStream("side"),
            current_stream=lambda: PlayedStream(self.stream),
            stream=lambda stream: self._on(stream.name),
            set_stream=lambda stream: setattr(self, "stream", stream.name),
            graph=self._capture,
            set_sync_debug_mode=lambda mode: setattr(self, "_mode", mode),
            is_initialized=lambda: True,
            synchronize=self._synchronize,
            empty_cache=lambda: self.used.append("empty_cache"),
        )
        profiler = SimpleNamespace(ProfilerActivity=SimpleNamespace(CUDA="cuda"), profile=self._profile)
        gpu = self

        class Device:
            def __init__(self, name: str) -> None:
                self.name = name

            def __enter__(self) -> None:
                gpu._made_on = self.name

            def __exit__(self, *_: object) -> None:
                gpu._made_on = "host"

        return SimpleNamespace(cuda=cuda, profiler=profiler, device=Device, rand=self._rand)

    def _synchronize(self) -> None:
        if self.stuck:
            raise RuntimeError(self.stuck)

    def _rand(self, size: int, device: str) -> None:
        if self.broken:
            raise RuntimeError(self.broken)

    @contextmanager
    def _on(self, stream: str) -> Iterator[None]:
        before, self.stream = self.stream, stream
        yield
        self.stream = before

    @contextmanager
    def _capture(self, graph: PlayedGraph) -> Iterator[None]:
        self.used.append("capture")
        self.stream = "capture"
        self._graph = graph.kernels
        try:
            yield
        finally:
            self._graph = None
        self.stream = self.main  # not where the capture failed: `graph.__exit__` is the same

    @contextmanager
    def _profile(self, activities: list[str]) -> Iterator[Any]:
        assert activities == ["cuda"]
        seen: list[Any] = []
        self._seen = None if self.no_profiler else seen
        yield SimpleNamespace(events=lambda: seen)
        self._seen = None


class PlayedEvent:
    def __init__(self, gpu: PlayedGpu) -> None:
        self._gpu, self.at_us = gpu, 0.0

    def record(self) -> None:
        self.at_us = self._gpu.now_us

    def elapsed_time(self, end: PlayedEvent) -> float:
        return (end.at_us - self.at_us) / 1e3


class PlayedGraph:
    def __init__(self, gpu: PlayedGpu) -> None:
        self._gpu = gpu
        self.kernels: list[float] = []

    def replay(self) -> None:
        self._gpu.now_us += sum(self.kernels)


class PlayedStream:
    def __init__(self, name: str) -> None:
        self.name = name

    def wait_stream(self, other: PlayedStream) -> None:
        assert other.name != self.name
