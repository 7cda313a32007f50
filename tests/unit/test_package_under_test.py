"""The package under test reaches the probe and the suite of a cell, and its settings every guest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from samcheck import facts
from samcheck.cells import Cell
from samcheck.environments import confinement, here, machine, shell_command
from samcheck.errors import Refused
from samcheck.facts import sam_packages
from samcheck.facts.target_machine import NO_GPU
from samcheck.guest import fingerprint
from samcheck.guest.record import Fingerprint
from samcheck.run import cell_runner, gpu_check, pytest_arguments

NEW = Cell("2.15.0", "cu132", "3.13")
SAM2 = replace(NEW, sam="sam2==1.1.0")


def test_only_an_interpreter_of_the_users_own_is_tested_with_all_that_it_has() -> None:
    assert pytest_arguments.family(SAM2, "venv") == "sam2"
    assert pytest_arguments.family(NEW.record(()), "docker") == "segment-anything"
    assert pytest_arguments.family(SAM2, "here") == ""
    words = pytest_arguments.arguments("suite", "fast", (), "suite", family="sam2")
    assert words[-1] == "--samcheck-families=sam2"
    assert not any("families" in word for word in pytest_arguments.arguments("suite", "fast", (), "suite"))


def test_the_probe_imports_what_is_tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_sam.py").write_text("raise ImportError('no _C')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(fingerprint, "IMPORTED", ())
    modules, errors = fingerprint.import_all(["json", "broken_sam", "absent_sam"])
    assert list(modules) == ["json"]
    assert errors == {"broken_sam": "ImportError: no _C"}
    assert sam_packages.modules_of(replace(NEW, sam="mobilesam-mirror==1.0.0"), facts.load()) == (
        "mobile_sam",
    )


def test_packages_neither_download_nor_write_into_the_home_folder() -> None:
    assert confinement.guest_environment()["YOLO_CONFIG_DIR"] == confinement.WORK_MOUNT
    assert confinement.guest_environment()["HF_HUB_OFFLINE"] == "1"
    assert 'YOLO_CONFIG_DIR="$PWD"' in shell_command.process("python", ["-V"])


def test_a_package_for_gpus_is_refused_before_its_environment_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sam3 = replace(NEW, sam="sam3==0.1.4")
    monkeypatch.setattr(machine, "look", lambda: NO_GPU)
    with pytest.raises(
        Refused, match=r"sam3==0\.1\.4 works only on an NVIDIA GPU.*on a machine that has one"
    ):
        gpu_check.require_for_package(sam3, built=True)
    gpu_check.require_for_package(sam3, built=False)
    gpu_check.require_for_package(SAM2, built=True)


def test_a_package_that_the_suite_does_not_know_is_refused_before_its_environment_is_built() -> None:
    cell_runner._require_checks_of(NEW)
    with pytest.raises(Refused, match="no checks of the package sam9 yet, only of segment-anything"):
        cell_runner._require_checks_of(replace(NEW, sam="sam9==1.0"))


def test_an_interpreter_without_sam_is_a_cell_of_the_package_that_it_gets() -> None:
    seen = Fingerprint(
        "3.13.1", "CPython", "Linux", "glibc 2.36", "any", 2, 24000, torch="2.15.0", numpy="2.5.5"
    )
    assert here.cell_of("python3", seen).sam == "segment-anything==1.0"
