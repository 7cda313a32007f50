"""Which stored results are about a cell on a machine, and which of them counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from samcheck.analysis.advise import evidence
from samcheck.analysis.advise.question import Step, UpgradeQuestion
from samcheck.cells import Cell
from samcheck.facts.target_machine import NO_GPU, GpuDevice, Machine
from samcheck.guest.outcomes import CellOutcome, FailureCause
from samcheck.storage.results import Stored
from tests.unit import made
from tests.unit.small_world import WORLD

CELL = Cell("2.4.0", "cu121", "3.9")
H100 = GpuDevice("H100", "9.0")


def stored(
    cell: Cell = CELL,
    *,
    outcome: CellOutcome = CellOutcome.PASSED,
    finished: str = "2026-11-20T12:00:00+00:00",
    device: str = "one",
    variants: Sequence[str] = (),
    numpy: str | None = None,
    gpu: str | None = None,
    driver: str | None = None,
    **fields: object,
) -> Stored:
    seen = replace(made.SEEN, numpy=numpy, device="cuda" if gpu else "cpu", gpu=gpu, driver=driver)
    result = replace(
        made.RESULT,
        cell=cell.record(()),
        outcome=outcome,
        finished=finished,
        variants=list(variants),
        observed=seen,
    )
    return Stored(device, driver or "none", replace(result, **fields), Path(f"{device}/{cell.id}.json"))  # type: ignore[arg-type]


def found(*rows: Stored, cell: Cell = CELL, on: Machine = NO_GPU) -> tuple[evidence.Evidence, ...]:
    return evidence.find(cell, on, rows, WORLD)


def test_the_newest_result_counts_and_overrules_the_others() -> None:
    old, new = stored(finished="2026-11-20T12:00:00+02:00"), stored(finished="2026-11-20T11:00:00+00:00")
    oldest = stored(finished="some day")
    for rows in ((old, new, oldest), (oldest, new, old)):
        (one,) = found(*rows)
        assert one == evidence.Evidence(new, (old, oldest))


def test_each_device_and_each_choice_of_variants_has_a_result_of_its_own() -> None:
    rows = [stored(), stored(device="other"), stored(variants=["tiny"]), stored(variants=["tiny", "vit_b"])]
    assert [one.stored for one in found(*rows)] == rows


@pytest.mark.parametrize(
    "row",
    [
        stored(outcome=CellOutcome.NOT_RUN),
        stored(outcome=CellOutcome.MISBUILT),
        stored(outcome=CellOutcome.BUILD_FAILED, cause=FailureCause.NETWORK),
        stored(groups=["latency"]),
        stored(replace(CELL, python="3.10")),
        stored(replace(CELL, numpy="1.26.4")),
    ],
)
def test_a_result_that_says_nothing_of_the_cell_is_passed_over(row: Stored) -> None:
    assert found(row, stored(device="other")) == found(stored(device="other"))
    assert found(row) == ()


def test_a_build_that_failed_for_a_reason_of_its_own_is_a_result() -> None:
    assert found(stored(outcome=CellOutcome.BUILD_FAILED, cause=FailureCause.NO_WHEEL))


def test_a_cell_is_met_by_the_numpy_that_it_got_without_naming_it() -> None:
    named = replace(CELL, numpy="1.26.4")
    assert found(stored(numpy="1.26.4"), cell=named)
    assert not found(stored(numpy="2.0.2"), cell=named)
    assert not found(stored(replace(CELL, numpy="2.0.2"), numpy="1.26.4"), cell=named)
    assert found(stored(numpy="1.26.4")), "by its id, though it would get another one today"


@pytest.mark.parametrize(
    ("on", "gpu", "driver", "counts"),
    [
        (NO_GPU, None, None, True),
        (NO_GPU, "NVIDIA H100 PCIe", "535.104.05", True),
        (Machine((H100,), "535.104.05"), "NVIDIA H100 PCIe", "535.104.05", True),
        (Machine((H100,), "535.104.05"), "NVIDIA H100 PCIe", "535.104.06", False),
        (Machine((H100,), "535.104.05"), "NVIDIA H100 PCIe", None, False),
        (Machine((H100,), "535.104.05"), "NVIDIA A100", "535.104.05", False),
        (Machine((H100,), "535.104.05"), None, None, False),
        (Machine((H100,), "535.104.05"), None, "535.104.05", False),
        # A driver that is named in part stands for all that begin so.
        (Machine((H100,), "535"), "H100", "535.104.05", True),
        (Machine((H100,), "535.104"), "H100", "535.104.05", True),
        (Machine((H100,), "535.10"), "H100", "535.104.05", False),
        # Who names no driver, or no GPU, takes any.
        (Machine((H100,)), "H100", "535.104.05", True),
        (Machine((H100,)), "H100", None, True),
        (Machine((), "535.104.05"), "NVIDIA A100", "535.104.05", True),
        # One of several will do; and a GPU that the facts do not know is one by its own name.
        (Machine((GpuDevice("A100", "8.0"), H100)), "H100", None, True),
        (Machine((GpuDevice("X1", "11.0"),)), "X1", None, True),
        (Machine((GpuDevice("X1", "11.0"),)), "X2", None, False),
    ],
)
def test_a_result_is_about_a_machine_with_its_gpu_and_driver(
    on: Machine, gpu: str | None, driver: str | None, counts: bool
) -> None:
    assert bool(found(stored(gpu=gpu, driver=driver), on=on)) is counts


def test_a_result_that_ran_on_the_cpu_of_a_machine_with_a_gpu_is_not_about_the_gpu() -> None:
    row = stored(gpu="H100", driver="535.104.05")
    assert row.result.observed is not None
    on_cpu = replace(row, result=replace(row.result, observed=replace(row.result.observed, device="cpu")))
    blind = replace(row, result=replace(row.result, observed=None))
    on = Machine((H100,), "535.104.05")
    assert found(on_cpu, on=on) == found(blind, on=on) == ()
    assert found(on_cpu)


def test_a_time_without_a_zone_is_one_of_utc_and_what_is_no_time_is_the_oldest() -> None:
    times = ["any day", "2026-11-20T12:59:00+01:00", "2026-11-20T12:00:00", "2026-11-20T12:01:00+00:00"]
    assert sorted(times, key=lambda time: evidence.finished_at(stored(finished=time))) == times
    assert evidence.finished_at(stored(finished="any day")).timestamp() == 0


def test_the_cell_of_a_result_has_the_numpy_that_it_really_had() -> None:
    sam = replace(CELL, sam="segment-anything-fast==0.1")
    assert evidence.cell_of(stored(sam, numpy="2.0.2").result) == replace(sam, numpy="2.0.2")
    assert evidence.cell_of(stored(sam, numpy="2.0.2").result, named=False) == sam
    assert evidence.cell_of(stored(sam).result) == sam
    declared = replace(sam, numpy="1.26.4")
    assert evidence.cell_of(stored(declared, numpy="2.0.2").result, named=False) == declared
    assert evidence.cell_of(replace(stored(sam).result, observed=None)) == sam


def question(subject: str = "torch", on: Machine = NO_GPU) -> UpgradeQuestion:
    return UpgradeQuestion({subject: Step("2.0.0", "2.4.0")}, on, on, {})


def nearest(*rows: Stored, asked: UpgradeQuestion | None = None) -> evidence.Evidence | None:
    return evidence.nearby(CELL, asked or question(), rows, WORLD)


NEAR, FARTHER = (
    stored(replace(CELL, python="3.10")),
    stored(replace(CELL, python="3.10", cuda="cu118")),
)


def test_the_nearest_result_differs_in_the_fewest_things() -> None:
    near = nearest(FARTHER, NEAR)
    assert near is not None
    assert near.stored == NEAR
    assert nearest(FARTHER) == evidence.Evidence(
        FARTHER, differs=("CUDA build cu118 instead of cu121", "Python 3.10 instead of 3.9")
    )
    assert nearest() is None


def test_of_results_that_are_equally_near_the_newest_is_taken() -> None:
    newer = stored(replace(CELL, cuda="cu118"), finished="2026-11-21T12:00:00+00:00")
    for rows in ((NEAR, newer), (newer, NEAR)):
        near = nearest(*rows)
        assert near is not None
        assert near.stored == newer


@pytest.mark.parametrize(
    "row",
    [
        stored(outcome=CellOutcome.NOT_RUN),
        stored(variants=["tiny"]),
        stored(replace(CELL, torch="2.0.0")),
    ],
)
def test_a_result_without_the_new_value_or_of_a_part_is_near_to_nothing(row: Stored) -> None:
    assert nearest(row) is None
    near = nearest(row, FARTHER)
    assert near is not None
    assert near.stored == FARTHER


def test_near_is_only_what_is_of_the_machine_that_is_asked_about() -> None:
    on = Machine((H100,), "535.104.05")
    row = stored(replace(CELL, python="3.10"), gpu="H100", driver="535.104.05")
    assert nearest(FARTHER, asked=question(on=on)) is None
    near = nearest(FARTHER, row, asked=question(on=on))
    assert near is not None
    assert near.stored == row


def test_where_the_driver_is_asked_about_any_cell_is_near() -> None:
    asked = UpgradeQuestion({"driver": Step("470", "535")}, NO_GPU, NO_GPU, {})
    near = nearest(stored(replace(CELL, torch="2.0.0")), asked=asked)
    assert near is not None
    assert near.differs == ("PyTorch 2.0.0 instead of 2.4.0", "NumPy 1.26.4 instead of 2.0.2")
