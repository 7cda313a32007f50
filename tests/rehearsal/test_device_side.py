"""What a GPU says of a benchmark's step; PyTorch's profiler, events and graphs are played."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from samcheck.guest import fitness
from tests.rehearsal.played_torch import PlayedGpu, event

ROOT = Path(__file__).parents[2]
PACKAGE = "samcheck.guest.benchmark"
PARTS = ("synchronised", "kernels", "graph_replay", "device_side", "latency")
MODULES = [f"{PACKAGE}.{name}" for name in PARTS]
GEMM, SOFTMAX = "void cutlass::Kernel<gemm_128x64>(Params)", "void softmax<float>(float*)"

Step = Callable[[], None]


class Played:
    """A GPU, and the guest's modules that were imported with it."""

    def __init__(self, gpu: PlayedGpu) -> None:
        self.gpu = gpu
        modules = [importlib.import_module(name) for name in MODULES]
        self.synchronised, self.kernels, _, self.device_side, self.latency = modules

    def measured(self, step: Step) -> tuple[dict[str, float], dict[str, str]]:
        timed = self.synchronised.Synchronised(step, "cuda")
        for _ in range(3):
            timed()
        found: tuple[dict[str, float], dict[str, str]] = self.device_side.measured(step, timed.device_ms)
        return found


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Played]]:
    monkeypatch.setattr(fitness, "REPORTED", [])
    package = importlib.import_module(PACKAGE)

    def forget() -> None:
        for name in MODULES:
            sys.modules.pop(name, None)
            package.__dict__.pop(name.rpartition(".")[2], None)

    def play(gap_us: float = 0.0) -> Played:
        gpu = PlayedGpu(gap_us)
        torch = gpu.torch()
        monkeypatch.setitem(sys.modules, "torch", torch)
        monkeypatch.setitem(sys.modules, "torch.profiler", torch.profiler)
        forget()
        return Played(gpu)

    yield play
    forget()


def encoder(gpu: PlayedGpu) -> Step:
    def step() -> None:
        gpu.launch(GEMM, 60.5)
        gpu.launch(SOFTMAX, 20.25)
        gpu.launch(GEMM, 19.25)
        gpu.launch("Memset (Device)", 10.0)

    return step


def test_kernels_and_the_gaps_between_them(played: Callable[..., Played]) -> None:
    this = played(gap_us=100.0)
    metrics, settings = this.measured(encoder(this.gpu))
    assert metrics == pytest.approx(
        {
            "device_ms": 0.51,
            "kernel_ms": 0.1,
            "copy_ms": 0.01,
            "kernels": 3,
            "kernel_1_share": 0.7975,
            "kernel_2_share": 0.2025,
            "device_after_profiler_ms": 0.51,
            "graph_ms": 0.11,
        }
    )
    assert settings == {
        "kernel_1": "cutlass::Kernel<gemm_128x64>(Params)",
        "kernel_2": "softmax<float>(float*)",
        "launch_bound": "yes",
        "graph": "captured",
    }


@pytest.mark.parametrize(("gap_us", "word"), [(0.0, "no"), (6.0, "no"), (7.0, "yes")])
def test_launch_bound_is_more_than_a_fifth_of_waiting(
    played: Callable[..., Played], gap_us: float, word: str
) -> None:
    this = played(gap_us)
    assert this.measured(encoder(this.gpu))[1]["launch_bound"] == word


def test_copies_are_work_of_the_gpu(played: Callable[..., Played]) -> None:
    this = played()

    def step() -> None:
        this.gpu.launch("Memcpy DtoH (Device -> Pinned)", 500.5)
        this.gpu.launch(GEMM, 10.0)

    metrics, settings = this.measured(step)
    assert (metrics["kernel_ms"], metrics["copy_ms"], metrics["kernels"]) == (0.01, 0.5005, 1)
    assert settings["launch_bound"] == "no"


def test_whole_microseconds_are_the_least(played: Callable[..., Played]) -> None:
    """Before 2.4, a kernel of 1.9 µs is one of 1 µs: what is lost does not make a step launch-bound."""
    kernels = played().kernels
    times = kernels.of(event("k", 1) for _ in range(100))
    assert times.coarse
    assert not times.launch_bound(0.19)
    assert times.launch_bound(0.26)
    fine = kernels.of(event("k", 1.25) for _ in range(100))
    assert not fine.coarse
    assert fine.launch_bound(0.19)


def test_only_the_gpu_counts_and_no_span(played: Callable[..., Played]) -> None:
    times = played().kernels.of(
        [
            event("aten::mm", 900.0, "CPU"),
            event("my region", 800.0, is_user_annotation=True),
            event("k", 2.5, is_user_annotation=False),
        ]
    )
    assert (times.ms, times.count) == ({"k": 0.0025}, 1)


def test_the_slowest_are_named_and_long_names_cut(played: Callable[..., Played]) -> None:
    kernels = played().kernels
    times = kernels.of(event(f"void k{number}<{'x' * 999}>", number + 0.5) for number in range(9))
    assert list(times.settings) == [f"kernel_{rank}" for rank in range(1, kernels.LISTED + 1)]
    assert times.settings["kernel_1"].startswith("k8<xxx")
    assert {len(name) for name in times.settings.values()} == {kernels.NAME_LIMIT}


def test_a_profiler_that_sees_nothing_is_said(played: Callable[..., Played]) -> None:
    this = played()
    this.gpu.no_profiler = True
    metrics, settings = this.measured(encoder(this.gpu))
    assert settings["kernels"].startswith(
        "not measured: NothingSeen: PyTorch's profiler saw nothing that ran"
    )
    assert "launch_bound" not in settings
    assert "kernel_ms" not in metrics
    assert metrics["graph_ms"] == pytest.approx(0.11)


def test_a_step_that_waits_is_never_captured(played: Callable[..., Played]) -> None:
    this = played()

    def step() -> None:
        this.gpu.launch(GEMM, 60.5)
        this.gpu.wait()

    metrics, settings = this.measured(step)
    assert settings["graph"].startswith("not measured: the step waits for the GPU")
    assert "graph_ms" not in metrics
    assert this.gpu.used == []
    this.gpu.wait()  # allowed again


def test_positions_made_on_the_host(played: Callable[..., Played]) -> None:
    this = played()

    def step() -> None:
        this.gpu.launch(GEMM, 60.5)
        this.gpu.index_with_a_host_tensor()

    metrics, settings = this.measured(step)
    assert settings["graph"] == "captured, with the host's tensors made on the GPU"
    assert metrics["graph_ms"] == pytest.approx(0.0605)
    assert this.gpu.stream == "main"


@pytest.mark.parametrize("broken", ["", "Offset increment outside graph capture encountered unexpectedly."])
def test_a_capture_that_fails_leaves_no_trace_or_is_reported(
    played: Callable[..., Played], broken: str
) -> None:
    this = played()
    this.gpu.hidden, this.gpu.broken = True, broken

    def step() -> None:
        this.gpu.launch(GEMM, 60.5)
        this.gpu.wait()

    _, settings = this.measured(step)
    assert settings["graph"].startswith("not measured: RuntimeError: CUDA error: operation not permitted")
    assert settings["launch_bound"] == "no"
    assert this.gpu.stream == "main"
    damage = fitness.Fitness().damage()
    assert damage.endswith(f"PyTorch says: {broken}") if broken else not damage


def test_an_error_that_stays_is_not_hidden(played: Callable[..., Played]) -> None:
    this = played()
    calls: list[int] = []

    def step() -> None:
        calls.append(0)
        if len(calls) > 3:  # not in the timed rounds
            this.gpu.stuck = "CUDA error: an illegal memory access was encountered"
        this.gpu.launch(GEMM, 1.5)

    with pytest.raises(RuntimeError, match="illegal memory access"):
        this.measured(step)


class PlayedBenchmark:
    """pytest-benchmark's fixture."""

    def pedantic(self, step: Step, setup: Step, rounds: int) -> None:
        wall = []
        for _ in range(rounds):
            setup()
            step()
            wall.append(0.25)
        self.stats = SimpleNamespace(stats=SimpleNamespace(data=wall))


class PlayedPace:
    """Another process that takes turns: each round is a turn."""

    def plan(self, pilot: list[float], seconds: float) -> int:
        return 4

    def before(self, step: Step) -> None:
        pass

    def medians(self, samples: list[float]) -> list[float]:
        return samples


def test_a_benchmark_holds_both_clocks_and_the_kernels(played: Callable[..., Played]) -> None:
    this = played(gap_us=100.0)
    timing = this.latency.Timing(PlayedBenchmark(), encoder(this.gpu), "cuda", 0.01)
    assert set(timing.series.samples["wall_ms"]) == {250.0}
    assert timing.series.samples["device_ms"] == pytest.approx([0.51] * timing.series.rounds)
    assert timing.metrics["median_ms"] == 250.0
    assert timing.metrics["kernel_ms"] == pytest.approx(0.1)
    assert timing.settings["launch_bound"] == "yes"


def test_nothing_disturbs_a_process_that_takes_turns(played: Callable[..., Played]) -> None:
    this = played(gap_us=100.0)
    pace = PlayedPace()
    timing = this.latency.Timing(PlayedBenchmark(), encoder(this.gpu), "cuda", 0.01, lambda monitor: pace)
    assert timing.series.samples["turn_ms"] == pytest.approx([0.51] * 4)
    assert timing.settings == this.device_side.IN_TURNS
    assert "kernel_ms" not in timing.metrics
    assert this.gpu.used == []


REAL = """
import json, sys, torch
from torch.profiler import ProfilerActivity, profile
from samcheck.guest.benchmark import kernels
from samcheck.guest.benchmark.kernels import of
left = torch.rand(256, 256)
with profile(activities=[ProfilerActivity.CPU]) as profiler:
    for _ in range(3):
        torch.nn.functional.gelu(left @ left)
times = of(profiler.events(), "CPU")
print(json.dumps([times.ms, times.count, times.coarse, times.settings, of(profiler.events()).count]))
"""


def test_events_of_a_real_profiler(interpreter: str) -> None:
    done = subprocess.run(
        [interpreter, "-W", "ignore", "-c", REAL], cwd=ROOT, capture_output=True, text=True, check=True
    )
    ms, count, coarse, settings, on_gpu = json.loads(done.stdout.splitlines()[-1])
    assert {"aten::mm", "aten::gelu"} <= set(ms)
    assert all(time > 0 for time in ms.values())
    assert count >= 9
    assert not coarse
    assert settings["kernel_1"] == max(ms, key=ms.get)
    assert on_gpu == 0


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_encoder_fits_a_graph_with_the_hosts_tensors_on_the_gpu(
    interpreter: str, cudart: Path, precision: str
) -> None:
    done = subprocess.run(
        [interpreter, "-W", "ignore", "-m", "tests.rehearsal.host_tensors", "tiny", precision],
        env={**os.environ, "LD_PRELOAD": str(cudart), "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    as_it_is, on_the_gpu = json.loads(done.stdout)
    assert set(as_it_is) == {"aten.index.Tensor"}
    assert on_the_gpu == []
