"""Memory that runs out in the middle of a video, and whether it can be followed on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Tuple

from ..models import stories, weights
from ..models.variant import Variant
from ..models.video import ObjectPrompt
from .failure_points import SHARE, digest
from .failures import Failure, attempt, live_tensors
from .process_memory import MIB, PatchTarget, gauged, in_use, limited, recover

#: The masks of a large video, which are enlarged to its size, need most beside the image encoder.
ENLARGED = 16
FRAMES = 4


@dataclass(frozen=True)
class VideoFailure:
    """Observations around a failure in the middle of a video.

    Attributes:
        error: ``TypeName: message``; empty when nothing failed.
        reached: how many frames were answered before it.
        need_mib: measured need of the step that failed.
        limit_mib: what the limit allowed.
        growth_mib: memory in use after the recovery minus before the failure.
        leaked_tensors: how many more tensors exist after the recovery than before the failure.
        same_answer: the frames that are followed from there are those of a video in which nothing failed.
    """

    error: str
    reached: int
    need_mib: float
    limit_mib: float
    growth_mib: float
    leaked_tensors: int
    same_answer: bool


def video_failure(variant: Variant, device: str) -> VideoFailure:
    """Follow an object through a video of large frames, and let memory run out while a mask is enlarged."""
    seen = stories.footage(FRAMES)
    frames = seen.frames.repeat(ENLARGED, axis=1).repeat(ENLARGED, axis=2)
    model = weights.load(variant)[0].to(device)
    assert variant.video is not None
    step = PatchTarget(model, "_get_orig_video_res_output")
    video = variant.video(model)
    prompt = ObjectPrompt(mask=seen.shapes[-1].mask.repeat(ENLARGED, 0).repeat(ENLARGED, 1))
    story = (stories.Ask(1, 0, prompt),)
    video.start(frames)
    stories.tell(video, story)
    whole = _followed(video, 0)
    with gauged(step, device) as gauge:
        _followed(video, FRAMES - 1)
    video.start(frames)
    stories.tell(video, story)
    half = FRAMES // 2
    _followed(video, 0)
    recover(device)
    tensors, used = len(live_tensors()), in_use(device)
    headroom = int(gauge.needed * SHARE)
    with limited(step, device, headroom):
        failure = attempt(lambda: _followed(video, half))[1] or Failure("", "")
    recover(device)
    # What was known of the failed frame is replaced: as many tensors as before, and others.
    leaked, growth = len(live_tensors()) - tensors, in_use(device) - used
    return VideoFailure(
        error=failure.error,
        reached=half,
        need_mib=gauge.needed / MIB,
        limit_mib=headroom / MIB,
        growth_mib=growth,
        leaked_tensors=leaked,
        same_answer=_followed(video, half) == whole[half:],
    )


def _followed(video: Any, start: int) -> List[Tuple[int, str]]:
    """Follow to the end; only digests are kept, since the masks are large."""
    return [(each.frame, digest([each.logits[1]])) for each in video.propagate(start)]
