from __future__ import annotations

import pytest

from samcheck import facts
from samcheck.cells import Cell
from samcheck.errors import BadInput
from samcheck.facts import gpu_support
from samcheck.facts.gpu_support import Machine

FACTS = facts.load()


def against(torch: str, cuda: str, gpu: str, driver: str) -> dict[str, str]:
    found = gpu_support.obstacles(Cell(torch, cuda, "3.11"), gpu_support.host(gpu, driver, FACTS), FACTS)
    return {obstacle.rule: obstacle.kind for obstacle in found}


@pytest.mark.parametrize(
    ("torch", "cuda", "gpu", "driver", "expected"),
    [
        ("2.4.1", "cu121", "H200", "580.65.06", {}),
        # Below the floor of CUDA 12, on a card for which NVIDIA has no forward compatibility.
        ("2.4.1", "cu121", "RTX 3090", "470.82.01", {"driver-too-old": "host"}),
        # At the floor, below the driver that came with 12.1: runs, without compiling PTX.
        ("2.4.1", "cu121", "A100", "525.60.13", {"driver-needs-exact": "soft"}),
        # A data-center card on a long-term branch: cuda-compat-13-0 would help, and is not installed.
        ("2.11.0", "cu130", "A100", "535.104.05", {"driver-too-old": "host"}),
        ("2.11.0", "cu130", "RTX 3090", "535.104.05", {"driver-too-old": "host"}),
        # No sm_70 in any default build of 2.11.
        ("2.11.0", "cu130", "V100", "580.65.06", {"gpu-no-kernel": "host"}),
        ("2.11.0", "cu126", "V100", "580.65.06", {}),
        # R590 and later have dropped Volta.
        ("2.11.0", "cu126", "V100", "595.45.04", {"driver-dropped-gpu": "host"}),
        ("2.4.1", "cu121", "B200", "580.65.06", {"gpu-no-kernel": "host"}),
        # Drivers that do not know the GPU yet.
        (
            *("2.7.1", "cu128", "RTX 5090", "550.54.14"),
            {"driver-before-gpu": "host", "driver-needs-exact": "soft"},
        ),
        (
            *("2.0.1", "cu118", "RTX 4090", "470.82.01"),
            {"driver-before-gpu": "host", "driver-needs-exact": "soft"},
        ),
        # A branch alone stands for its newest driver.
        ("2.11.0", "cu130", "A100", "580", {}),
        ("2.11.0", "cu130", "A100", "580.65", {}),
        ("2.14.1", "cu126", "V100", "525", {"driver-needs-exact": "soft"}),
        ("2.15.0", "cu132", "RTX 3090", "R595", {}),
        ("2.4.1", "cpu", "V100", "470.82.01", {}),
        # A driver alone is enough to ask about drivers, a GPU alone about GPUs.
        ("2.11.0", "cu130", "", "535.104.05", {"driver-too-old": "host"}),
        ("2.11.0", "cu130", "V100", "", {"gpu-no-kernel": "host"}),
    ],
)
def test_obstacles(torch: str, cuda: str, gpu: str, driver: str, expected: dict[str, str]) -> None:
    assert against(torch, cuda, gpu, driver) == expected


def test_what_helps_is_named() -> None:
    on = gpu_support.host("V100", "580.65.06", FACTS)
    (found,) = gpu_support.obstacles(Cell("2.11.0", "cu130", "3.11"), on, FACTS)
    assert "sm_70" in found.text
    assert "take its cu126 build" in found.text
    assert found.source
    (found,) = gpu_support.obstacles(
        Cell("2.4.1", "cu121", "3.11"), gpu_support.host("B200", "", FACTS), FACTS
    )
    assert "no build of this release has it" in found.text


@pytest.mark.parametrize(
    ("gpu", "driver", "said"),
    [
        ("Voodoo 2", "", "do not know 'Voodoo 2' by that name"),
        ("", "12.2", "looks like a version of CUDA"),
        ("", "latest", "not like 535.104.05"),
        ("", "535;rm", "not like"),
        ("GB200", "", "Arm"),
    ],
)
def test_nonsense_is_refused(gpu: str, driver: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        gpu_support.host(gpu, driver, FACTS)


def test_a_machine_in_words() -> None:
    assert str(Machine()) == "a machine without a GPU"
    assert str(gpu_support.host("4090", "", FACTS)).startswith("RTX 4090 (compute capability 8.9)")
    assert gpu_support.host("sm_86", "", FACTS) == gpu_support.host("8.6", "", FACTS)
    assert gpu_support.host("8.6", "", FACTS).gpus[0].capability == "8.6"
    assert (
        str(gpu_support.host("v100", "535.104", FACTS)) == "V100 (compute capability 7.0) with driver 535.104"
    )
