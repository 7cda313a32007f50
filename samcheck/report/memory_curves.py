"""Counted memory against the size of the image, for the page's plot (pure)."""

from __future__ import annotations

from samcheck.guest.memory_model import SHAPES, Work, needs
from samcheck.guest.variant_names import VARIANT_TIERS

#: Longer sides in pixels; images are 4:3, like those that peaks are measured on.
SIDES = (256, 384, 512, 640, 768, 1024, 1536, 2048, 3072, 4096)
#: As many at once as `samcheck.guest.memory.peaks` measures, so that its figures lie on these curves.
AT_ONCE = {"fast": (4, 32), "full": (1, 16)}
STEPS = ("encode", "predict", "automatic")


def curves() -> list[dict[str, object]]:
    """For each variant and step the tensors' peak in MiB at each of `SIDES`, in float32 on a CPU.

    Steps that resize masks are there a second time, as they are where that copies (`Work.copying_resize`).
    """
    return [
        {"variant": variant, "step": step, "copying": copying, "sides": list(SIDES), "mib": mib}
        for variant in SHAPES
        for copying in (False, True)
        for step, mib in _step_curves(variant, copying).items()
        if not copying or step != "encode"
    ]


def _step_curves(variant: str, copying: bool) -> dict[str, list[float]]:
    images, prompts = AT_ONCE[VARIANT_TIERS[variant]]
    mib_by_step: dict[str, list[float]] = {step: [] for step in STEPS}
    for side in SIDES:
        size = (side * 3 // 4, side)
        work = Work(size, prompts, prompts, images, filtered=False, copying_resize=copying)
        for need in needs(SHAPES[variant], "fp32", "cpu", work):
            if need.step in mib_by_step:
                mib_by_step[need.step].append(round(need.growth / 2**20, 1))
    return mib_by_step
