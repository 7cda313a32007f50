"""What SAM 2 answers, for an image and in videos."""

from __future__ import annotations

from functools import partial
from typing import Any, List

from .common import attempt, digest, evidence, scene


def _model() -> Any:
    from samcheck.guest.models import variants, weights

    return weights.load(variants.VARIANTS["sam2.1_mini"])[0]


@evidence
def sam2_image() -> Any:
    """Logits, scores and low-resolution logits for every kind of prompt."""
    from samcheck.guest.models import inference, variants

    variant, drawn = variants.VARIANTS["sam2.1_mini"], scene(7, 240, 320)
    predictor = variant.predictor(_model())
    predictor.set_image(drawn.image)
    found = {}
    for kind in inference.PROMPT_KINDS:
        given = inference.prompt(drawn, kind, variant.image_size)
        found[kind] = [digest(each) for each in predictor.predict(return_logits=True, **given.arguments())]
    return found


@evidence
def sam2_stories() -> Any:
    """Logits and object scores of every story."""
    from samcheck.guest.models import stories
    from samcheck.guest.models.sam2_predictors import Sam2Video

    seen, video = stories.footage(), Sam2Video(_model())

    def told(story: Any) -> List[Any]:
        video.start(seen.frames)
        return [
            [digest(each.logits[number]) for number in each.logits] for each in stories.tell(video, story)
        ]

    return {name: attempt(partial(told, story)) for name, story in stories.stories(seen).items()}


@evidence
def sam2_pointers() -> Any:
    """Pointers that are kept where the last mask is chosen, where nothing is found, and of an empty mask."""
    from samcheck.guest.models import sam2_steered, stories
    from samcheck.guest.models.sam2_predictors import Sam2Video

    seen, found = stories.footage(3), []
    for prompt, steer in (
        (seen.click(), sam2_steered.prefer_the_last_mask),
        (seen.click(), sam2_steered.find_nothing),
        (stories.nothing(seen), sam2_steered.as_it_is),
    ):
        video = Sam2Video(_model())
        steer(video.model)
        video.start(seen.frames)
        stories.tell(video, (stories.Ask(1, 0, prompt), stories.Follow(0, 2)))
        (kept,) = video.state()["output_dict_per_obj"].values()
        found += [digest(each["obj_ptr"].numpy()) for answers in kept.values() for each in answers.values()]
    return found


@evidence
def sam2_state() -> Any:
    """What is kept of a video: bytes after each frame, and what is left after objects and prompts go."""
    from samcheck.guest.models import stories
    from samcheck.guest.models.sam2_predictors import Sam2Video
    from samcheck.guest.models.video import ObjectPrompt, tensor_bytes

    seen, video = stories.footage(), Sam2Video(_model())
    video.start(seen.frames)
    other = ObjectPrompt(mask=seen.shapes[0].mask)
    asks = (stories.Ask(1, 0, seen.click()), stories.Ask(2, 0, other), stories.Ask(1, 2, seen.click(0)))
    stories.tell(video, asks)
    video.clear(1, 2)
    found = [tensor_bytes(video.state()) for _ in video.propagate(0)]
    first = [digest(each.logits[1]) for each in video.propagate(0)]
    video.remove(1)  # the first: what is behind it moves up
    after = [digest(each.logits[2]) for each in video.propagate(0)]
    video.reset()
    again = attempt(lambda: stories.tell(video, (stories.Ask(1, 0, seen.click()), stories.Follow(0, 4))))
    said = again if isinstance(again, str) else [digest(each.logits[1]) for each in again]
    return [found, first, after, said, attempt(lambda: tensor_bytes(video.state()))]


@evidence
def sam2_holes() -> Any:
    """A mask with holes of several sizes, filled by a search for connected parts in Python."""
    import torch
    from sam2.utils import misc

    from samcheck.guest.models import sam2_holes as holes

    logits = torch.from_numpy(holes.with_holes())[None, None]
    with holes.searching_in_python():
        return digest(misc.fill_holes_in_mask_scores(logits, 8))
