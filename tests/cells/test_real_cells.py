"""One real cell per kind of environment, by the command line, and the table that comes of it.

This is the main job in small: a real PyTorch is installed, SAM runs, outcomes are read from the result.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from samcheck.guest.record import PRECISION_NAMES, CellResult
from samcheck.storage import results

CHECKOUT = Path(__file__).resolve().parents[2]

#: A PyTorch whose float16 works on the CPU, on a Python that every supported machine has.
MATRIX = '[[cell]]\ntorch = "2.4.1"\npython = "3.11"\n'

#: Some of what no release of SAM 1.0 can do; the catalogue says why.
KNOWN = {
    "test_dtype.py::test_naive_cast[tiny-point-half]": "prompt-encoder-float32",
    "test_dtype.py::test_autocast_everything[tiny-bfloat16]": "autocast-numpy",
    "test_dtype.py::test_half_collapse_is_seen[tiny]": "layernorm2d-overflow",
    "test_correctness.py::test_resized_tensors[tiny]": "resize-tensor-axes",
}
GROUPS = {
    *("automatic", "backends", "checkpoints", "correctness", "dtype", "imports"),
    *("inputs", "latency", "leaks", "memory", "quality", "recovery", "settings", "state"),
}


def samcheck(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "samcheck", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)


@pytest.fixture(params=["venv", "docker"])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "docker":
        from samcheck.environments import docker
        from samcheck.errors import EnvironmentUnavailable

        try:
            docker.open_environment()
        except EnvironmentUnavailable as error:
            if os.environ.get("CI"):
                pytest.fail(f"on CI a Docker engine must answer: {error}")
            pytest.skip(str(error))
    return str(request.param)


def check_suite(result: CellResult) -> None:
    outcomes = {check.check: check.outcome for check in result.checks}
    assert result.outcome == "passed", result.reason
    assert result.observed is not None
    assert result.observed.torch is not None
    assert result.observed.torch.startswith("2.4.1")
    met = {check.check: check.defect for check in result.checks if check.check in KNOWN}
    assert met == KNOWN
    assert set(outcomes.values()) <= {"passed", "known", "fixed", "skipped"}
    assert {check.variant for check in result.checks} == {None, "tiny"}
    assert {check.group for check in result.checks} >= GROUPS
    (encoder,) = (check for check in result.checks if check.check.endswith("::test_encoder[tiny-fp32]"))
    assert encoder.series[0].readings["page_faults_per_round"] >= 0
    assert "heap" not in encoder.settings  # as programs usually run
    ran = {(check.group, check.precision) for check in result.checks if check.outcome == "passed"}
    on_cpu = [name for name in PRECISION_NAMES if name != "tf32"]
    for group in ("correctness", "quality", "dtype", "memory", "latency"):
        assert {(group, precision) for precision in on_cpu} <= ran
    assert all(check.reason for check in result.checks if check.outcome != "passed")
    failed = [check for check in result.checks if "error" in check.settings and check.group == "memory"]
    assert {check.precision for check in failed} >= set(on_cpu)
    assert all("allocate" in check.settings["error"] for check in failed)


def test_a_cell_from_matrix_file_to_table(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    path.write_text(MATRIX)
    store = tmp_path / "results"
    done = samcheck("matrix", str(path), "--environment", kind, "--results", str(store))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"environment: {kind}" in done.stdout

    stored, problems = results.load(store)
    assert not problems
    assert len(stored) == 1
    check_suite(stored[0].result)
    assert stored[0].result.environment.kind == kind

    table = (store / "README.md").read_text()
    assert "1 of 1 environment works." in table
    row = next(line for line in table.splitlines() if line.startswith("| `torch2.4.1"))
    assert row.endswith("| ✓ | ✓ | ✓ | ✓ | ✓ | ✓ | tiny |")
    assert "prompt-encoder-float32" in table
    assert stored[0].result.weights["tiny"].startswith("trained (sha256 e460fe9c54f7)")

    again = samcheck("matrix", str(path), "--environment", kind, "--results", str(store), "--resume")
    assert again.returncode == 2
    assert "nothing to resume" in again.stderr


def test_each_kind_of_bad_input_has_its_exit_code(tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    path.write_text(MATRIX)
    empty = samcheck("matrix", str(path), "--only", "torch9*")
    assert (empty.returncode, "no cell matches torch9*" in empty.stderr) == (3, True)
    path.write_text(MATRIX + "colour = 1\n")
    bad = samcheck("matrix", str(path))
    assert (bad.returncode, "cell[0].colour: unknown key" in bad.stderr) == (2, True)
    path.write_text(MATRIX)
    outside = samcheck("matrix", str(path), "--variants", "vit_b")
    assert (outside.returncode, "vit_b is not part of the tier fast" in outside.stderr) == (2, True)
    unknown = samcheck("matrix", str(path), "--variants", "vit_x")
    assert (unknown.returncode, "no variant 'vit_x'" in unknown.stderr) == (2, True)
    unknown = samcheck("matrix", str(path), "--groups", "peaks,latencies")
    assert (unknown.returncode, "no group of checks 'latencies'; known: " in unknown.stderr) == (2, True)
    option = samcheck("matrix", str(path), "--environment", "moon")
    assert option.returncode == 2
    assert "Traceback" not in empty.stderr + bad.stderr + option.stderr


def test_no_engine_is_exit_code_4(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "samcheck", "matrix", "--environment", "docker"]
    environment = dict(os.environ, DOCKER_HOST="unix:///nonexistent.sock")
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "no Docker engine answers at unix:///nonexistent.sock" in done.stderr
    assert "Traceback" not in done.stderr
