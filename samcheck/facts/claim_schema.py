"""The type of the rows in ``claims.toml``: public figures of SAM's speed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from samcheck.facts.schema import Fact, Known, Text
from samcheck.guest.record import BACKEND_NAMES, PRECISION_NAMES


class TimedStage(StrEnum):
    """What a figure times."""

    ENCODER = "image encoder"
    DECODER = "mask decoder"  # prompts on an encoded image
    MODEL = "encoder and decoder"  # on the GPU only
    IMAGE = "image to masks"  # with everything before and after the model
    AUTOMATIC = "automatic masks"
    VIDEO = "video"


def _one_of(*names: str) -> AfterValidator:
    """Accept one of the names, or nothing."""

    def check(text: str) -> str:
        if text and text not in names:
            raise ValueError(f"{text!r} is none of {', '.join(names)}")
        return text

    return AfterValidator(check)


class Claim(Fact):
    """A public figure of SAM's speed, and what its source states of how it was measured.

    An empty field, or a count of 0, is not stated by the source.

    Attributes:
        by: ``authors`` of the model or of the code that was measured, or ``others``.
        code: the code that was measured.
        gpu: its name in `GpuModel`, and the memory or form that the source states: ``A100 40GB``.
        backend: ``aot-inductor`` is compiled ahead of time.
        batch: images at once.
        objects: prompts for one image, or objects that are tracked.
        resolution: of the original image, width x height.
        figure: in `unit`; a time is that of one image or frame.
        note: what else the source states, or why the row is in doubt.
    """

    id: Text
    model: Literal["SAM 1", "SAM 2", "SAM 2.1", "SAM 3", "SAM 3.1", "MobileSAM"]
    variant: str = ""
    by: Literal["authors", "others"]
    code: str = ""
    gpu: str = ""
    stage: TimedStage
    precision: Annotated[str, _one_of(*PRECISION_NAMES)] = ""
    backend: Annotated[str, _one_of(*BACKEND_NAMES, "aot-inductor")] = ""
    batch: Annotated[int, Field(ge=0)] = 0
    objects: Annotated[int, Field(ge=0)] = 0
    resolution: Annotated[str, Field(pattern=r"^(\d+x\d+)?$")] = ""
    torch: Known = ""
    figure: Annotated[float, Field(gt=0)]
    unit: Literal["ms", "images/s", "frames/s"]
    note: str = ""

    @property
    def milliseconds(self) -> float:
        """The time that it claims for one image or frame."""
        return self.figure if self.unit == "ms" else 1000 / self.figure
