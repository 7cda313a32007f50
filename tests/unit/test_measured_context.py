"""CUDA's context: what `samcheck memory` takes from results of the GPU that is asked about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from samcheck import facts
from samcheck.__main__ import cli
from samcheck.analysis import measured_context
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult
from samcheck.storage import results
from tests.unit import made

FACTS = facts.load()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for name, mib in (
        ("NVIDIA A100-SXM4-80GB", 431.5),
        ("NVIDIA A100-PCIE-40GB", 402.0),
        ("NVIDIA T4", 290.0),
    ):
        check = CheckResult("test_memory.py::test_context", "memory", CheckOutcome.PASSED)
        seen = replace(made.SEEN, device="cuda", gpu=name, driver="580.95.05")
        result = replace(made.RESULT, observed=seen, checks=[replace(check, metrics={"context_mib": mib})])
        results.store(tmp_path, result, "")
    (tmp_path / "nvidia-a100-sxm4-80gb" / "580.95.05" / "other.json").write_text("{")
    return tmp_path


@pytest.mark.parametrize(
    ("gpu", "mib"), [("A100 40GB", 431.5), ("T4", 290.0), ("H100", None), ("8GiB", None)]
)
def test_the_largest_on_gpus_of_this_name_counts(store: Path, gpu: str, mib: float | None) -> None:
    found = measured_context.on(gpu, [store], FACTS)
    assert (found and found.size) == (mib and int(mib * 2**20))


def test_the_command_uses_it_and_says_so(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("samcheck.paths.stores", lambda: (store,))

    def said(*more: str) -> str:
        return CliRunner().invoke(cli, ["memory", "vit_b", *more], catch_exceptions=False).output

    assert "plus 432 MiB reserved for CUDA itself (measured in torch2.4.1" in said("--gpu", "A100 80GB")
    assert "plus 600 MiB reserved for CUDA itself (--context)" in said("--gpu", "H100 80GB")
    assert "plus 1.0 GiB reserved for CUDA itself (--context)" in said("--gpu", "T4", "--context", "1GiB")
