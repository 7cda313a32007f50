"""Times on a GPU are judged by its own clock, and what only the host delayed is said to be so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from samcheck.analysis import screen
from samcheck.analysis.compare import Comparison, compare, noise
from samcheck.analysis.compare.comparison_text import markdown
from samcheck.analysis.compare.statistics import Noise, Variance
from samcheck.analysis.compare.trend import trends
from samcheck.commands.compare import _json
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, Series
from samcheck.measurable import deciding_clock, step_time
from samcheck.report.escaping import escape
from tests.unit import made

ENCODER = "test_latency.py::test_encoder[tiny-fp32]"
QUIET = Noise(Variance(0.01**2, 40.0), Variance(0.005**2, 20.0))
STEADY = (10.0, 10.1, 9.9, 10.05, 9.95)
GEMM, OTHER_GEMM = "sm80_xmma_gemm_f32f32_tilesize128x128", "sm80_xmma_gemm_f32f32_tilesize64x64"


def bench(
    wall: Sequence[float], device: Sequence[float] = (), name: str = ENCODER, **fields: object
) -> CheckResult:
    """A benchmark with a process for each time by the host's clock, and by the GPU's if there are any."""
    clocks = {"wall_ms": wall, **({"device_ms": device} if device else {})}
    series = [
        Series({clock: [times[number]] * 3 for clock, times in clocks.items()}, 3, 2, "steady")
        for number in range(len(wall))
    ]
    check = CheckResult(name, "latency", CheckOutcome.PASSED, "tiny", "fp32", "eager", series=series)
    return replace(check, **fields)  # type: ignore[arg-type]


def result(*checks: CheckResult, **fields: object) -> CellResult:
    return replace(made.RESULT, checks=list(checks), **fields)  # type: ignore[arg-type]


def compared(base: CellResult, new: CellResult) -> Comparison:
    names = {f"{check.check} {clock}" for check in base.checks for clock in ("wall_ms", "device_ms")}
    return compare([base], [new], lambda _: dict.fromkeys(names, QUIET))


def times(factor: float) -> list[float]:
    return [factor * time for time in STEADY]


def kernels(*names_and_shares: tuple[str, float]) -> dict[str, object]:
    ranked = list(enumerate(names_and_shares, 1))
    return {
        "settings": {f"kernel_{rank}": name for rank, (name, _) in ranked},
        "metrics": {f"kernel_{rank}_share": share for rank, (_, share) in ranked},
    }


@pytest.mark.parametrize(
    ("host", "gpu", "word"), [(1.0, 1.2, "regressed"), (1.2, 1.0, "unchanged"), (1.2, 0.8, "improved")]
)
def test_the_gpus_clock_decides(host: float, gpu: float, word: str) -> None:
    base = result(bench(times(2.0), times(1.0)))
    new = result(bench(times(2.0 * host), times(gpu)))
    (verdict,) = compared(base, new).verdicts
    assert (verdict.verdict, verdict.key.metric) == (word, "device_ms")


def test_where_one_side_has_no_clock_of_the_gpu_the_hosts_decides() -> None:
    old, new = result(bench(times(1.0))), result(bench(times(1.0), times(5.0)))
    for sides in ((old, new), (new, old)):
        (verdict,) = compared(*sides).verdicts
        assert (verdict.verdict, verdict.key.metric) == ("unchanged", "wall_ms")


def test_each_process_must_have_it() -> None:
    both, host = bench(times(1.0), times(1.0)), bench(times(1.0))
    assert deciding_clock(both) == "device_ms"
    assert deciding_clock(replace(both, series=[*both.series, host.series[0]])) == "wall_ms"
    assert deciding_clock(replace(host, series=[])) == "wall_ms"


def test_a_failed_benchmark_of_the_other_side_does_not_choose_the_clock() -> None:
    base = result(bench(times(1.0), times(1.0)))
    failed = result(bench(times(1.0), outcome=CheckOutcome.FAILED))
    (verdict,) = compared(base, failed).verdicts
    assert (verdict.verdict, verdict.key.metric) == ("missing", "device_ms")


def test_the_shown_time_is_the_gpus() -> None:
    assert str(step_time(bench([99.0, 99.0], [10.0, 10.0]))) == "9.119 to 10.97 ms on the GPU (2 processes)"


def test_a_history_is_by_the_gpus_clock() -> None:
    days = [
        result(bench(times(9.0 / day), times(1.0)), started=f"2026-11-{20 + day}T12:00:00+00:00")
        for day in (1, 2, 3)
    ]
    (trend,) = trends(days)
    assert trend.key.metric == "device_ms"
    assert len(trend.levels) == 1


def test_noise_is_of_the_gpus_clock() -> None:
    run = noise.run_of(result(bench(times(2.0), times(1.0))))
    assert run is not None
    assert list(run.values) == [f"{ENCODER} device_ms"]


def launch_bound(count: int, of: int = 1) -> list[tuple[CheckResult, CheckResult]]:
    """Benchmarks that got slower, of which `count` are launch-bound."""
    pairs = []
    for number in range(of):
        name = ENCODER.replace("encoder", f"step_{number}")
        settings = {"launch_bound": "yes" if number < count else "no"}
        base = bench(times(1.0), times(1.0), name, settings=settings)
        pairs.append((base, bench(times(1.0), times(1.3), name, settings=settings)))
    return pairs


@pytest.mark.parametrize(
    ("count", "of", "said"),
    [(1, 1, "(launch-bound)"), (3, 3, "(launch-bound)"), (2, 3, "(2 of 3 launch-bound)"), (0, 3, "")],
)
def test_launch_bound_steps_are_said_to_be_so(count: int, of: int, said: str) -> None:
    before, after = zip(*launch_bound(count, of), strict=True)
    text = markdown(compared(result(*before), result(*after)), everything=True)
    (line,) = [line for line in text.splitlines() if "regressed:" in line and line.startswith("-")]
    assert line.endswith(said)
    assert ("launch-bound" in line) == bool(count)
    assert ("the GPU waits for the host" in text) == bool(count)


def test_a_launch_bound_step_that_did_not_change_needs_no_words() -> None:
    ((base, _),) = launch_bound(1)
    assert "launch-bound" not in markdown(compared(result(base), result(base)), everything=True)


def with_kernels(*names_and_shares: tuple[str, float], name: str = ENCODER) -> CheckResult:
    return bench(times(1.0), times(1.0), name, **kernels(*names_and_shares))


def test_other_kernels_are_told() -> None:
    base = result(with_kernels((GEMM, 0.6), ("softmax", 0.4)))
    new = result(with_kernels((OTHER_GEMM, 0.7), ("softmax", 0.3)))
    comparison = compared(base, new)
    whole = escape(f"encoder[tiny-fp32] on {base.name}: {GEMM} → {OTHER_GEMM}")
    assert f"\n- other kernels: {whole}\n" in markdown(comparison, everything=True)
    (line,) = [line for line in markdown(comparison).splitlines() if "kernels" in line]
    assert "128x128 → " in line
    assert "64x64 (encoder" in line
    (change,) = json.loads(_json(comparison))["kernels"]
    assert (change["gone"], change["come"]) == ([GEMM], [OTHER_GEMM])


def test_ranks_that_change_are_no_other_kernels() -> None:
    five = [("a", 0.4), ("b", 0.2), ("c", 0.15), ("d", 0.1), ("e", 0.05)]
    base = result(with_kernels(*five))
    assert compared(base, result(with_kernels(*five[::-1]))).kernels == ()
    # The fifth and the sixth take about as long.
    assert compared(base, result(with_kernels(*five[:4], ("f", 0.05)))).kernels == ()
    (change,) = compared(base, result(with_kernels(*five[1:], ("g", 0.4)))).kernels
    assert (change.gone, change.come) == (("a",), ("g",))


def test_a_side_that_names_all_its_kernels_lacks_what_it_does_not_name() -> None:
    base, new = result(with_kernels(("a", 0.9), ("b", 0.1))), result(with_kernels(("a", 1.0)))
    (change,) = compared(base, new).kernels
    assert (change.gone, change.come) == (("b",), ())


def test_kernels_of_one_side_or_of_another_gpu_are_not_compared() -> None:
    base, new = result(with_kernels((GEMM, 1.0))), result(with_kernels((OTHER_GEMM, 1.0)))
    assert compared(base, result(bench(times(1.0), times(1.0)))).kernels == ()
    elsewhere = replace(new, observed=replace(made.SEEN, gpu="NVIDIA H200"))
    assert compared(base, elsewhere).kernels == ()
    assert compared(base, new).kernels


def test_many_other_kernels_are_one_line_of_a_screen() -> None:
    names = [ENCODER.replace("encoder", f"step_{number}") for number in range(40)]
    base = result(*(with_kernels((GEMM, 1.0), name=name) for name in names))
    new = result(*(with_kernels((OTHER_GEMM, 1.0), name=name) for name in names))
    lines = markdown(compared(base, new)).splitlines()
    assert len(lines) <= screen.LINES
    (line,) = [line for line in lines if "other kernels" in line]
    assert line.endswith("and 39 more)")
    assert len(line) <= screen.COLUMNS
