"""What moves along with a driver, and drivers whose numbers no branch of the facts has."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from samcheck.__main__ import cli
from samcheck.facts import beside_driver, gpu_support, load
from samcheck.facts.target_machine import NO_GPU

FACTS = load()
PERSISTENCED, DCGM = "nvidia-persistenced -> ", "datacenter-gpu-manager-4-cuda"
CDI, MODE, DEVICES = "nvidia-container-toolkit before 1.18.0", "MIG mode", "MIG devices"


def moves(old: str, new: str, gpu: str) -> list[str]:
    machine = gpu_support.host(gpu, new, FACTS)
    return list(beside_driver.moves(old, new, machine.gpus, FACTS))


@pytest.mark.parametrize(
    ("gpu", "old", "new", "expected"),
    [
        (
            "H100",
            "550.54.15",
            "580.95.05",
            [f"{PERSISTENCED}580.95.05", f"{DCGM}12 -> {DCGM}13", CDI, MODE, DEVICES],
        ),
        ("A100", "550.54.15", "570.133.20", [f"{PERSISTENCED}570.133.20", CDI, DEVICES]),
        # No CUDA 13 compiles for Volta: NVIDIA has it keep DCGM's package for CUDA 12 on R580.
        ("V100", "550.54.15", "580.95.05", [f"{PERSISTENCED}580.95.05", CDI]),
        ("V100", "470.82.01", "580.95.05", [f"{PERSISTENCED}580.95.05", f"{DCGM}11 -> {DCGM}12", CDI]),
        ("RTX 4090", "550.54.15", "580.95.05", [f"{PERSISTENCED}580.95.05", CDI]),
        (
            "RTX PRO 6000 Blackwell",
            "575.57.08",
            "580.95.05",
            [f"{PERSISTENCED}580.95.05", CDI, MODE, DEVICES],
        ),
        ("8.6", "550.54.15", "580.95.05", [f"{PERSISTENCED}580.95.05", f"{DCGM}12 -> {DCGM}13", CDI]),
        ("", "550.54.15", "580.95.05", [f"{PERSISTENCED}580.95.05", f"{DCGM}12 -> {DCGM}13", CDI]),
        (
            "",
            "550.54.15",
            "580",
            [f"{PERSISTENCED}the full version of the driver", f"{DCGM}12 -> {DCGM}13", CDI],
        ),
        ("A10", "580.95.05", "700.1", [f"{PERSISTENCED}700.1", f"{DCGM}N, with N of the CUDA version", CDI]),
    ],
)
def test_what_moves_along(gpu: str, old: str, new: str, expected: list[str]) -> None:
    found = moves(old, new, gpu)
    assert [text.startswith(start) for text, start in zip(found, expected, strict=True)] == [True] * len(
        found
    )
    assert all("(source: " in text for text in found)


def test_a_driver_too_old_for_mig_is_named() -> None:
    (mig,) = [text for text in moves("550.54.15", "535.104.05", "H20") if "MIG" in text]
    assert mig.startswith("MIG: H20 has it from driver 535.161.07 on, not with 535.104.05 ")
    assert not [text for text in moves("535.104.05", "550.54.15", "H20") if "has it from" in text]


@pytest.mark.parametrize(
    ("question", "code", "says"),
    [
        (
            "advise --driver 620.70.06 --from 580.95.05 --gpu H100",
            0,
            "R620: long-term, supported, end of life 2029-09",
        ),
        (
            "advise --driver 630.10 --from 580.95.05 --gpu H100",
            5,
            "NOT KNOWN: neither results nor facts cover it",
        ),
        (
            "advise --driver 630.10 --from 580.95.05",
            5,
            "R630 is newer than every driver branch in the facts (up to R620)",
        ),
        ("why torch2.15.0-cu132-py3.12 --driver 630.10 --gpu H100", 0, "may run on H100"),
        ("why torch2.15.0-cu132-py3.12 --driver 630.10", 0, "doubt: R630 is newer than every driver branch"),
        # Windows, R580: https://docs.nvidia.com/datacenter/tesla/ has both numbers of each driver.
        (
            "advise --driver 581.57 --from 566.36 --gpu RTX_4090",
            0,
            "YES, WITH 581.57 as a driver for Windows",
        ),
        ("advise --driver 581.57 --from 566.36 --gpu GTX_1060", 0, "R580 is the last branch for GTX 1060"),
        (
            "advise --driver 591.44 --from 566.36 --gpu GTX_1060",
            1,
            "drivers after R580 do not support GTX 1060",
        ),
        ("why torch2.4.1-cu118-py3.11 --driver 460.32.03 --gpu A100", 0, "can run on A100"),
        # No cell can run on either driver: that is an answer too.
        ("advise --driver 565.57.01 --from 550.54.15 --gpu B200", 1, "B200 needs driver 570.133.20 or newer"),
    ],
)
def test_what_a_number_of_a_driver_stands_for(
    question: str, code: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samcheck.commands.advise_questions.this_machine", lambda: NO_GPU)
    arguments = [word.replace("_", " ") for word in question.split()]
    if arguments[0] == "advise":
        arguments += ["--results", str(tmp_path), "--all"]
    answer = CliRunner().invoke(cli, arguments)
    assert answer.exit_code == code, answer.output
    assert says in answer.output


def test_what_moves_along_is_said_of_a_driver_only_and_in_json(tmp_path: Path) -> None:
    asked = [
        "advise",
        "--driver",
        "580.95.05",
        "--from",
        "550.54.15",
        "--gpu",
        "H100",
        "--results",
        str(tmp_path),
    ]
    assert "MOVES ALONG WITH THE DRIVER" in CliRunner().invoke(cli, asked).output
    assert '"beside_driver": [' in CliRunner().invoke(cli, [*asked, "--json"]).output
    other = ["advise", "--torch", "2.8.0", "--from", "2.4.1", "--gpu", "H100", "--at-driver", "580.95.05"]
    assert "MOVES ALONG" not in CliRunner().invoke(cli, [*other, "--results", str(tmp_path)]).output
