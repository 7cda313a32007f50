from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samcheck import facts
from samcheck.cells import Cell
from samcheck.errors import BadInput
from samcheck.facts import Release, driver_support, gpu_support
from samcheck.facts.compatibility import Obstacle
from samcheck.facts.schema import ObstacleKind
from samcheck.facts.target_machine import GpuDevice, Machine
from tests.unit.small_world import WORLD, build

FACTS = facts.load()
DRIVERS = ["", *(row.driver for row in FACTS.floors), *(row.driver for row in FACTS.toolkits)]


def against(torch: str, cuda: str, gpu: str, driver: str) -> dict[str, str]:
    obstacles = gpu_support.obstacles(Cell(torch, cuda, "3.11"), gpu_support.host(gpu, driver, FACTS), FACTS)
    return {obstacle.rule: obstacle.kind for obstacle in obstacles}


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
        # Triton does not support Pascal; where torch.compile does not exist, nothing is lost.
        ("2.4.1", "cu121", "P100", "550.54.15", {"feature-gpu": "soft"}),
        ("1.13.1", "cu117", "P100", "550.54.15", {}),
        # A driver for Windows, as WSL shows it: its number says nothing about Linux.
        ("2.7.1", "cu128", "RTX 5080", "573.24", {"driver-before-gpu": "doubt"}),
        # A vGPU, by its profile.
        ("2.4.1", "cu121", "GRID A100-40C", "550.54.15", {}),
        ("2.4.1", "cu121", "NVIDIA A100-1-5C", "550.54.15", {}),
        # A driver alone is enough to ask about drivers, a GPU alone about GPUs.
        ("2.11.0", "cu130", "", "535.104.05", {"driver-too-old": "host"}),
        ("2.11.0", "cu130", "V100", "", {"gpu-no-kernel": "host"}),
    ],
)
def test_what_stands_against_a_cell_on_a_gpu_and_driver(
    torch: str, cuda: str, gpu: str, driver: str, expected: dict[str, str]
) -> None:
    assert against(torch, cuda, gpu, driver) == expected


def test_what_helps_is_named() -> None:
    on = gpu_support.host("V100", "580.65.06", FACTS)
    (obstacle,) = gpu_support.obstacles(Cell("2.11.0", "cu130", "3.11"), on, FACTS)
    assert "sm_70" in obstacle.text
    assert "use its cu126 build" in obstacle.text
    assert obstacle.source
    (obstacle,) = gpu_support.obstacles(
        Cell("2.4.1", "cu121", "3.11"), gpu_support.host("B200", "", FACTS), FACTS
    )
    assert "no build of this release has it" in obstacle.text


@pytest.mark.parametrize(
    ("gpu", "driver", "said"),
    [
        ("Voodoo 2", "", "unknown GPU 'Voodoo 2'"),
        ("", "12.2", "looks like a CUDA version"),
        ("", "latest", "not a version like 535.104.05"),
        ("", "535;rm", "not a version like"),
        ("GB200", "", "Arm"),
    ],
)
def test_a_gpu_or_driver_that_is_none_is_refused(gpu: str, driver: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        gpu_support.host(gpu, driver, FACTS)


def test_a_machine_in_words() -> None:
    assert str(Machine()) == "a machine without a GPU"
    assert str(gpu_support.host("4090", "", FACTS)) == (
        "RTX 4090 (compute capability 8.9) with a driver of unknown version"
    )
    assert (
        str(gpu_support.host("v100", "535.104", FACTS)) == "V100 (compute capability 7.0) with driver 535.104"
    )
    assert str(Machine(driver="535")) == (
        "a GPU of unknown kind with a driver of branch R535 (its full version says more)"
    )
    assert str(Machine((V100, A100), "535.104")) == (
        "V100 (compute capability 7.0), A100 (compute capability 8.0) with driver 535.104"
    )


@pytest.mark.parametrize("text", ["8.6", "86", "sm_86", "SM_86", " cc 8.6 ", "CC 8.6"])
def test_a_gpu_that_is_not_known_by_name_is_known_by_its_compute_capability(text: str) -> None:
    expected = GpuDevice("a GPU of compute capability 8.6", "8.6")
    assert gpu_support.host(text, "535.104", WORLD) == Machine((expected,), "535.104")


def test_a_slip_in_the_name_of_a_gpu_is_answered_with_the_names_like_it() -> None:
    with pytest.raises(BadInput) as refused:
        gpu_support.host("rtx 309", "", WORLD)
    assert "unknown GPU 'rtx 309'; similar: RTX 3090, RTX 4090. You" in str(refused.value)


def test_a_name_like_none_is_answered_with_all_that_samcheck_can_be_used_on() -> None:
    """An Arm machine's is not among them."""
    with pytest.raises(BadInput) as refused:
        gpu_support.host("?", "", WORLD)
    assert str(refused.value) == (
        "--gpu: unknown GPU '?'; known: V100, A100, RTX 3090, RTX 4090, H100, B200. You can also give its "
        "compute capability, as in --gpu 8.6"
    )


def test_what_is_wrong_with_a_driver_is_said_of_the_option_it_came_from() -> None:
    with pytest.raises(BadInput, match=r"^--driver: '12\.2' looks like a CUDA version"):
        gpu_support.host("V100", "12.2", WORLD)
    with pytest.raises(BadInput, match=r"^--from: 'new' is not a version like"):
        gpu_support.driver_version("--from", "new")


def test_a_driver_is_told_from_a_version_of_cuda_by_its_number() -> None:
    assert gpu_support.driver_version("--driver", " R300 ") == "300"
    with pytest.raises(BadInput, match="looks like a CUDA version"):
        gpu_support.driver_version("--driver", "299.99")


V100, A100, H100, B200 = (
    GpuDevice("V100", "7.0"),
    GpuDevice("A100", "8.0"),
    GpuDevice("H100", "9.0"),
    GpuDevice("B200", "10.0"),
)
RTX_3090 = GpuDevice("RTX 3090", "8.6")


@pytest.mark.parametrize(
    ("torch", "cuda", "on", "expected"),
    [
        (
            *("2.4.0", "cu121", Machine((RTX_3090,), "510.47.03")),
            "host: CUDA 12.1 needs driver 525.60.13 or newer, not 510.47.03 (driver-too-old; source: floors)",
        ),
        (
            *("2.4.0", "cu121", Machine((A100,), "470.82.01")),
            "host: CUDA 12.1 needs driver 525.60.13 or newer, not 470.82.01; the package cuda-compat-12-1, "
            "which samcheck does not install, would work around that on this GPU "
            "(driver-too-old; source: floors)",
        ),
        (
            *("2.4.0", "cu121", Machine((A100,), "525.60.13")),
            "soft: CUDA 12.1 came with driver 530.30.02; on 525.60.13 it runs by minor-version "
            "compatibility, without compiling PTX (driver-needs-exact; source: toolkits)",
        ),
        (
            *("2.4.0", "cu118", Machine((V100,), "590.44.01")),
            "host: drivers after R580 do not support V100; this is 590.44.01 "
            "(driver-dropped-gpu; source: legacy)",
        ),
        (
            *("1.9.0", "cu111", Machine((RTX_3090,), "455.22")),
            "host: RTX 3090 needs driver 455.23.04 or newer; this is 455.22 "
            "(driver-before-gpu; source: notes)",
        ),
        (
            *("2.0.0", "cu121", Machine((V100,), "")),
            "doubt: which GPUs the cu121 build of PyTorch 2.0.0 has code for is not documented "
            "(archs-undocumented; source: cu121)",
        ),
        (
            *("1.9.0", "cu102", Machine((A100,), "")),
            "host: the cu102 build of PyTorch 1.9.0 has no sm_80 code, which A100 needs: use its cu111 "
            "or cu112 build (gpu-no-kernel; source: cu102)",
        ),
        (
            *("2.0.0", "cu117", Machine((H100,), "")),
            "host: the cu117 build of PyTorch 2.0.0 has no sm_90 code, which H100 needs: use its cu118 "
            "build (gpu-no-kernel; source: cu117)",
        ),
        (
            *("2.4.0", "cu121", Machine((V100,), "")),
            "host: the cu121 build of PyTorch 2.4.0 has no sm_70 code, which V100 needs: use its cu118 "
            "build (gpu-no-kernel; source: cu121)",
        ),
        (
            *("1.9.0", "cu111", Machine((H100,), "")),
            "host: the cu111 build of PyTorch 1.9.0 has no sm_90 code, which H100 needs: no build of this "
            "release has it (newest that has: PyTorch 2.4.0: cu122) (gpu-no-kernel; source: cu111)",
        ),
        (
            *("1.9.0", "cu111", Machine((GpuDevice("X1", "11.0"),), "")),
            "host: the cu111 build of PyTorch 1.9.0 has no sm_110 code, which X1 needs "
            "(gpu-no-kernel; source: cu111)",
        ),
    ],
)
def test_what_keeps_a_build_from_a_gpu_is_said_in_a_sentence(
    torch: str, cuda: str, on: Machine, expected: str
) -> None:
    every = gpu_support.obstacles(Cell(torch, cuda, "3.9"), on, WORLD)
    (obstacle,) = [each for each in every if each.rule != "driver-unknown"]
    assert f"{obstacle.kind}: {obstacle}" == expected


@pytest.mark.parametrize(("torch", "cuda"), [("9.9", "cu121"), ("2.4.0", "cu999"), ("2.4.0", "cpu")])
def test_a_machine_has_nothing_against_a_build_that_is_for_the_cpu_or_does_not_exist(
    torch: str, cuda: str
) -> None:
    assert gpu_support.obstacles(Cell(torch, cuda, "3.9"), Machine((V100,), "390.46"), WORLD) == ()


@pytest.mark.parametrize(
    ("gpus", "driver", "named"),
    [
        ((A100,), "470.82.01", True),
        ((A100, H100), "470.82.01", True),
        # One that is not a data center's, or not known, cannot use the package; without any, nobody knows.
        ((A100, RTX_3090), "470.82.01", False),
        ((A100, GpuDevice("X1", "11.0")), "470.82.01", False),
        ((), "470.82.01", False),
        # There is no such package for this branch.
        ((A100,), "510.47.03", False),
        ((A100,), "460.32.03", False),
    ],
)
def test_forward_compatibility_is_named_where_every_gpu_and_the_driver_have_it(
    gpus: tuple[GpuDevice, ...], driver: str, named: bool
) -> None:
    first, *_ = gpu_support.obstacles(Cell("2.4.0", "cu121", "3.9"), Machine(gpus, driver), WORLD)
    assert first.rule == "driver-too-old"
    assert ("cuda-compat-12-1" in first.text) is named


@pytest.mark.parametrize(
    ("ptx", "cuda", "driver", "runs"),
    [
        ("8.0", "12.1", "530.30.02", True),
        ("9.0", "12.1", "535", True),
        # A driver older than the build's CUDA cannot compile its PTX, nor can one of which nothing is known.
        ("8.0", "12.1", "525.60.13", False),
        ("8.0", "12.1", "", False),
        ("8.0", "12.7", "535.104.05", False),
        # PTX for GPUs that are newer than this one; and no PTX.
        ("10.0", "12.1", "535.104.05", False),
        ("", "12.1", "535.104.05", False),
    ],
)
def test_a_driver_as_new_as_the_builds_cuda_compiles_its_ptx_for_a_newer_gpu(
    ptx: str, cuda: str, driver: str, runs: bool
) -> None:
    only = build("cu121", "7.0", ptx=ptx, cuda=cuda)
    release = WORLD.releases[0].model_copy(update={"version": "3.0.0", "builds": (only,)})
    world = replace(WORLD, releases=(release,))
    obstacles = gpu_support.hard(
        gpu_support.obstacles(Cell("3.0.0", "cu121", "3.9"), Machine((H100,), driver), world)
    )
    assert [obstacle.rule for obstacle in obstacles] == ([] if runs else ["gpu-no-kernel"])


def test_what_limits_and_what_is_in_doubt_keeps_nothing_from_running() -> None:
    kinds = [kind for kind in ObstacleKind if kind is not ObstacleKind.FOR]
    obstacles = gpu_support.hard([Obstacle("any", kind, "") for kind in kinds])
    assert [obstacle.kind for obstacle in obstacles] == ["install", "run", "host", "choice"]


@given(
    st.sampled_from([(release, build) for release in FACTS.releases for build in release.builds]),
    st.lists(st.sampled_from([GpuDevice(row.name, row.capability) for row in FACTS.gpus]), max_size=3),
    st.sampled_from(DRIVERS),
)
def test_a_machine_with_several_gpus_has_the_obstacles_of_each(
    chosen: tuple[Release, facts.Build], gpus: list[GpuDevice], driver: str
) -> None:
    """But for what its driver is too old for, which is about all of them together."""
    release, build = chosen

    def obstacles(*gpus: GpuDevice) -> set[Obstacle]:
        against_it = gpu_support.obstacles(
            Cell(release.version, build.tag, "3.11"), Machine(gpus, driver), FACTS
        )
        return {obstacle for obstacle in against_it if obstacle.rule != "driver-too-old"}

    assert obstacles(*gpus) == obstacles().union(*(obstacles(gpu) for gpu in gpus))


@pytest.mark.parametrize(
    ("torch", "on", "expected"),
    [
        # Without a GPU, whatever index can be reached.
        ("2.4.0", Machine(), "cu121"),
        ("2.4.0", Machine(pytorch_index=True), "cpu"),
        ("2.4.0", Machine((H100,), "580.65.06", pytorch_index=True), "cu121"),
        # The default build is taken where it runs with limits, too.
        ("2.4.0", Machine((H100,), "525.60.13"), "cu121"),
        # The driver is too old for CUDA 12.
        ("2.4.0", Machine((H100,), "520.61.05"), "cu118"),
        # There is no code for the GPU in the default build, nor a source for the one that would have it.
        ("2.4.0", Machine((V100,), "535.104.05"), "cu118"),
        ("2.4.0", Machine((B200,), "580.65.06"), "cu121"),
        # No code in cu117, and not known in cu121.
        ("2.0.0", Machine((H100,), "535.104.05"), "cu118"),
        # Each GPU counts.
        ("2.0.0", Machine((V100, H100), "535.104.05"), "cu118"),
        ("2.4.0", Machine((A100, V100), "535.104.05"), "cu118"),
    ],
)
def test_auto_is_the_default_build_where_it_runs_or_else_the_newest_that_does(
    torch: str, on: Machine, expected: str
) -> None:
    release = WORLD.release(torch)
    assert release is not None
    assert gpu_support.best_build(release, WORLD, on) == expected


def test_auto_is_the_newest_of_the_builds_that_run() -> None:
    builds = (
        build("cu117", "7.0", index="default"),
        *(build(tag, "8.0") for tag in ("cu92", "cu118", "cu102")),
    )
    release = WORLD.releases[0].model_copy(update={"builds": builds})
    assert gpu_support.best_build(release, WORLD, Machine((A100,))) == "cu118"


@given(
    st.sampled_from(FACTS.releases),
    st.lists(
        st.sampled_from([GpuDevice(row.name, row.capability) for row in FACTS.gpus]), min_size=1, max_size=2
    ),
    st.sampled_from(DRIVERS),
)
def test_auto_runs_wherever_any_build_of_the_release_does(
    release: Release, gpus: list[GpuDevice], driver: str
) -> None:
    on = Machine(tuple(gpus), driver)

    def runs(tag: str) -> bool:
        obstacles = gpu_support.obstacles(Cell(release.version, tag, "3.11"), on, FACTS)
        return all(obstacle.kind == "soft" for obstacle in obstacles)

    possible = {build.tag for build in release.builds if build.status != "unverified" and runs(build.tag)}
    best = gpu_support.best_build(release, FACTS, on)
    assert best in (possible or {release.default_build.tag})


@pytest.mark.parametrize(
    ("gpu", "driver", "kind"),
    [
        ("B300", "570.133.20", "host"),  # first listed by 580.82.07; only the open module can use it
        ("B300", "580.65.06", "host"),
        ("B300", "580.82.07", ""),
        ("B300", "580", ""),  # the newest of its branch is meant
        ("B300", "590.44.01", ""),
        ("B300", "700.10", ""),
        ("L40S", "535.54.03", "doubt"),  # first listed by 535.104.05; the proprietary module may know it
        ("L40S", "535.104.05", ""),
        ("L20", "545.23.06", "doubt"),  # listed by later releases of R535, and never in R545
        ("RTX 5070 Ti", "570.86.16", "host"),
        ("A100", "470.82.01", ""),
        ("A100", "440.33", "host"),
        ("RTX 3060", "450.80.02", "doubt"),  # no source says which driver was the first
        ("RTX 3060", "470.82.01", ""),
        ("T4", "440.33", ""),
        ("10.3", "570.133.20", "doubt"),  # an unnamed GPU: CUDA 12.9 came with 575.51.03
        ("10.3", "575.51.03", ""),
    ],
)
def test_a_driver_that_is_not_known_to_know_a_gpu_is_no_yes(gpu: str, driver: str, kind: str) -> None:
    machine = gpu_support.host(gpu, driver, FACTS)
    found = [
        obstacle.kind
        for obstacle in driver_support.obstacles(machine.gpus[0], driver, FACTS)
        if obstacle.rule == "driver-before-gpu"
    ]
    assert found == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("gpu", "driver", "needed"),
    [
        ("V100", "550.54.15", ["nvidia-fabricmanager 550.54.15 if the machine has NVSwitches"]),
        ("P40", "550.54.15", []),
        ("P40", "560.35.03", ["the proprietary kernel module"]),
        ("T4", "560.35.03", []),
        ("RTX 5090", "570.86.16", ["the open kernel module"]),
    ],
)
def test_what_a_driver_needs_beside_it(gpu: str, driver: str, needed: list[str]) -> None:
    conditions = driver_support.conditions(gpu_support.host(gpu, driver, FACTS), FACTS)
    assert [condition.condition for condition in conditions] == needed


def test_what_a_toolkit_cannot_compile_for_is_in_no_build_of_it() -> None:
    """Also where nobody documented what is in the build."""
    everything = facts.load()
    release = everything.releases[-1]
    newest = release.build("cu130") or release.default_build
    silent = release.model_copy(update={"builds": (newest.model_copy(update={"archs": ()}),)})
    known = replace(everything, releases=(silent,))
    cell = Cell(silent.version, newest.tag, "3.12")
    for gpu, expected in (("V100", "gpu-no-kernel"), ("A100", "archs-undocumented")):
        found = gpu_support.obstacles(cell, gpu_support.host(gpu, "", everything), known)
        assert [obstacle.rule for obstacle in found if obstacle.kind != "soft"] == [expected]
