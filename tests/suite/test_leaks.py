"""Does memory stay flat over many images, failures and models?"""

from __future__ import annotations

from typing import Any, Callable, Dict

import pytest

from samcheck.guest.models.variants import VARIANTS

#: Allowed growth per iteration. At most 0.8 was measured on the CPU, with a deviation of up to 7 KiB around
#: the line, over torch 2.0.1, 2.4.1 and 2.15.0; the low-resolution masks of one prompt are 48. A GPU's
#: allocator counts exactly: that nothing grows has not been measured on a GPU yet.
BOUND_KIB = {"cpu": 8.0, "cuda": 0.5}

#: Iterations in the fast tier, chosen by their cost; 200 in the full tier.
FAST = {"images": 25, "failures": 25, "loads": 15}
FULL = 200
#: Iterations of a control: enough for its leak to stand out.
CONTROL = 15


@pytest.fixture
def course(isolated: Callable[..., Any], variant: str, device: str, measured: Dict[str, float]) -> Any:
    """Return a function that measures a loop: a `samcheck.guest.memory.leaks.Course`, with numbers stored."""
    from samcheck.guest.memory.leaks import Course

    if device == "cpu" and VARIANTS[variant].tier != "fast":
        pytest.skip(
            "hundreds of images of a large model take hours on a CPU; a leak shows in a small model too"
        )

    def get(loop: str, iterations: int, leaking: bool = False) -> Course:
        if loop == "loads" and VARIANTS[variant].tier != "fast":
            pytest.skip("building a large model takes seconds each time; a leak shows in a small model too")
        seen = Course(**isolated("leaks", loop=loop, iterations=iterations, leaking=leaking))
        measured.update(slope_kib=seen.slope_kib, noise_kib=seen.noise_kib, growth_kib=seen.growth_kib)
        measured.update(iterations=seen.iterations, new_tensors=seen.new_tensors)
        return seen

    return get


def _flat(seen: Any, device: str) -> None:
    assert seen.new_tensors == 0, "{} more tensors after {} iterations".format(
        seen.new_tensors, seen.iterations
    )
    assert seen.slope_kib <= BOUND_KIB[device], "memory grows by {} KiB per iteration".format(seen.slope_kib)
    if seen.loop == "failures":
        assert seen.failures == seen.iterations, "only {} allocations failed".format(seen.failures)


@pytest.mark.parametrize("loop", sorted(FAST))
def test_memory_is_flat(loop: str, course: Callable[..., Any], device: str) -> None:
    """Images with prompts, failures with recoveries, and models loaded and dropped leave no memory behind.

    https://github.com/facebookresearch/segment-anything/issues/743
    """
    _flat(course(loop, FAST[loop]), device)


@pytest.mark.full
@pytest.mark.parametrize("loop", sorted(FAST))
def test_memory_stays_flat(loop: str, course: Callable[..., Any], device: str) -> None:
    """The same over 200 iterations, which reveal slow growth.

    https://github.com/facebookresearch/segment-anything/issues/106
    """
    _flat(course(loop, FULL), device)


@pytest.mark.parametrize("loop", sorted(FAST))
def test_leak_is_seen(loop: str, course: Callable[..., Any], device: str) -> None:
    """Control: with one tensor kept per iteration, both the slope and the tensor count show the leak.

    https://github.com/facebookresearch/segment-anything/issues/384
    """
    seen = course(loop, CONTROL, leaking=True)
    assert seen.slope_kib > BOUND_KIB[device]
    # With the same accuracy as the bound for flat loops.
    assert seen.slope_kib == pytest.approx(seen.kept_kib, rel=0.25, abs=BOUND_KIB[device])
    assert seen.new_tensors >= CONTROL - 1  # a custom model may create more per image
