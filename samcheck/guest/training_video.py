"""Trains the `sam2.1_mini` variant on procedural scenes and clips, so that its masks mean something.

    python -m samcheck.guest.training_video --output sam2.1_mini.npz   # needs sam2 and torch >= 2.9 (Muon)
    python -m samcheck.guest.training_video --evaluate sam2.1_mini.npz

Everything is seeded; training and evaluation scenes and clips never overlap. It follows SAM 2
(https://arxiv.org/abs/2408.00714, section D.2): images and clips in turns, the losses of SAM for the masks,
the best of three masks where the prompt is ambiguous, and cross entropy for whether the shape is there. A
clip is prompted in its first frame with a point, a box or the mask, and gradients pass through its memory.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from . import training
from .evaluation_video import evaluate
from .models import clip_following, scenes, videos, weights
from .models.families import sam2_mini

SIZE = sam2_mini.SIZE
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TRAIN_SEED = 2_000_000
TRAIN_SCENES, TRAIN_CLIPS = 2000, 400
DRAWN = ((256, 256), (240, 320), (320, 240))
IMAGES, SHAPES = 8, 4  # images of a step, and prompted shapes of each
CLIPS, FOLLOWED = 4, 3  # clips of a step, and shapes of each
LENGTHS = (3, 3, 4, 4, 5, 8)  # frames of a clip, of which a step takes one at random
ALONE = 0.35  # share of the steps, at the beginning, that train on images only
FORGOTTEN = 0.6  # share of the steps whose weights do not count in the mean: they know little of clips
JITTER = 1.5  # pixels of the 128 that the sides of a box are off


class Drawn(NamedTuple):
    """Scenes or clips at the model's size: `frames` uint8 (T, S, S, 3), `masks` bool (N, T, S, S)."""

    frames: np.ndarray
    masks: np.ndarray


class ClipBatch(NamedTuple):
    """`frames` float32 (B, T, 3, S, S), normalised; the rest is for N shapes of each of B images or clips.

    `masks` (B * N, T, S, S); of the first frame `points` (B * N, 3, 2), the first two inside the shape, the
    last outside, and `boxes` (B * N, 2, 2).
    """

    frames: torch.Tensor
    masks: torch.Tensor
    points: torch.Tensor
    boxes: torch.Tensor


def _resized(frames: np.ndarray, masks: np.ndarray) -> Drawn:
    """Stretch to the model's square, as sam2's own predictors do; only shapes seen at first are kept."""
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2).float()
    small = F.interpolate(pixels, (SIZE, SIZE), mode="bilinear", antialias=True).permute(0, 2, 3, 1)
    shares = F.interpolate(torch.from_numpy(masks).float(), (SIZE, SIZE), mode="bilinear", antialias=True)
    return Drawn(small.round().clamp(0, 255).byte().numpy(), (shares >= 0.5).numpy())


def drawn_scene(seed: int) -> Drawn:
    scene = scenes.draw(seed, *DRAWN[seed % len(DRAWN)])
    return _resized(scene.image[None], np.stack([shape.mask for shape in scene.shapes])[:, None])


def drawn_clip(seed: int) -> Drawn:
    clip = videos.draw(seed, *DRAWN[seed % len(DRAWN)])
    return _resized(clip.frames, clip.masks)


def _varied(drawn: Drawn, random: np.random.Generator, frames: int) -> Drawn:
    """Take some frames in a row, forwards or backwards, turned, mirrored and with other colours."""
    images, masks = drawn
    if random.random() < 0.5:
        images, masks = images[::-1], masks[:, ::-1]
    begin = int(random.integers(len(images) - frames + 1))
    images, masks = images[begin : begin + frames], masks[:, begin : begin + frames]
    seen = masks[:, 0].any((1, 2))
    masks = masks[seen] if seen.any() else np.ones_like(masks[:1])
    turns = int(random.integers(4))
    images, masks = np.rot90(images, turns, axes=(1, 2)), np.rot90(masks, turns, axes=(2, 3))
    if random.random() < 0.5:
        images, masks = images[:, :, ::-1], masks[..., ::-1]
    images = images[..., random.permutation(3)].astype(np.float32) * np.float32(random.uniform(0.8, 1.15))
    return Drawn(np.clip(images, 0, 255), masks)


def batch(
    every: Sequence[Drawn], random: np.random.Generator, frames: int, count: int, shapes: int
) -> ClipBatch:
    images, masks, points, boxes = [], [], [], []
    for index in random.integers(len(every), size=count):
        varied = _varied(every[index], random, frames)
        images.append(((varied.frames / 255 - MEAN) / SPREAD).transpose(0, 3, 1, 2))
        chosen = random.choice(len(varied.masks), shapes, replace=len(varied.masks) < shapes)
        for mask in varied.masks[chosen]:
            first, outside = mask[0], ~mask[0] if not mask[0].all() else mask[0]
            masks.append(mask)
            points.append([training.inner_pixel(each, random) for each in (first, first, outside)])
            boxes.append(training.tight_box(first) + random.uniform(-JITTER, JITTER, 4))
    tensors = [torch.from_numpy(np.array(values, np.float32)) for values in (images, masks, points, boxes)]
    frames_of, masks_of, points_of, boxes_of = tensors
    return ClipBatch(frames_of, masks_of, points_of, boxes_of.reshape(-1, 2, 2))


def _points(coordinates: torch.Tensor, *labels: int) -> Dict[str, torch.Tensor]:
    marks = torch.tensor(labels, dtype=torch.int32).expand(len(coordinates), -1)
    return {"point_coords": coordinates, "point_labels": marks}


def _target(masks: torch.Tensor) -> torch.Tensor:
    """Compute the share of each pixel at half the model's size, where masks are compared."""
    return F.avg_pool2d(masks[:, None], 2)[:, 0]


def _losses(logits: torch.Tensor, scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Compute (P, M) as for SAM, at twice the resolution of the logits."""
    logits = F.interpolate(logits.clamp(-30, 30), scale_factor=2, mode="bilinear", align_corners=False)
    return training.mask_losses(logits, scores, target)


def _best(losses: torch.Tensor) -> torch.Tensor:
    """Take the best of three masks; the others get a small share, so that none is ever neglected."""
    return losses.min(1).values + 0.05 * losses.mean(1)


class _Encoded:
    """Features of B clips, for N shapes of each, frame by frame."""

    def __init__(self, model: Any, frames: torch.Tensor, shapes: int) -> None:
        self.model, self.shapes, self.clips = model, shapes, frames.shape[:2]
        out = model.forward_image(frames.flatten(0, 1))
        self.maps = [level.unflatten(0, self.clips) for level in out["backbone_fpn"]]
        self.positions = [level.unflatten(0, self.clips) for level in out["vision_pos_enc"]]

    def at(self, time: int) -> Tuple[List[torch.Tensor], List[torch.Tensor], List[Tuple[int, int]]]:
        """Return flat features, flat positions and sizes as `SAM2Base.track_step` takes them."""
        maps, positions = (
            [level[:, time].repeat_interleave(self.shapes, dim=0) for level in levels]
            for levels in (self.maps, self.positions)
        )
        out = {"backbone_fpn": maps, "vision_pos_enc": positions}
        _, features, places, sizes = self.model._prepare_backbone_features(out)
        return features, places, sizes

    def image(self, some: slice = slice(None)) -> Tuple[torch.Tensor, List[torch.Tensor]]:
        """Return the features of an image, marked as without memory, and those of high resolution."""
        *high, low = [level[:, 0].repeat_interleave(self.shapes, dim=0)[some] for level in self.maps]
        return low + self.model.no_mem_embed.reshape(1, -1, 1, 1), high


def image_loss(model: Any, batch: ClipBatch) -> torch.Tensor:
    """Compute the mean over prompts: the best of three for a point, one mask for a box and a correction."""
    encoded = _Encoded(model, batch.frames, SHAPES)
    target = _target(batch.masks[:, 0])
    low, high = encoded.image()
    ask = model._forward_sam_heads
    masks, _, scores, _, _, _, there = ask(low, _points(batch.points[:, :1], 1), None, high, True)
    total = _best(_losses(masks, scores, target)).mean() + F.softplus(-there).mean()
    # All four masks for a box: if the first is not stable, evaluation falls back to one of the other three.
    masks, scores, there = _all_masks(model, low, high, _points(batch.boxes, 2, 3))
    losses = _losses(masks, scores, target)
    total = total + losses[:, 0].mean() + 0.2 * _best(losses[:, 1:]).mean() + F.softplus(-there).mean()
    # One shape of each image again, with all its points and the mask predicted from the box.
    some = slice(None, None, SHAPES)
    low, high = encoded.image(some)
    points = _points(batch.points[some], 1, 1, 0)
    masks, _, scores, _, _, _, _ = ask(low, points, masks[some, :1].detach().clamp(-32, 32), high, False)
    return total + _losses(masks, scores, target[some]).mean() / SHAPES


def _all_masks(model: Any, low: torch.Tensor, high: List[torch.Tensor], points: Dict[str, Any]) -> Any:
    encode = model.sam_prompt_encoder
    sparse, dense = encode((points["point_coords"], points["point_labels"]), None, None)
    masks, scores, _, there = model.sam_mask_decoder.predict_masks(
        low, encode.get_dense_pe(), sparse, dense, repeat_image=False, high_res_features=high
    )
    return masks, scores, there


def clip_loss(model: Any, batch: ClipBatch, kind: str) -> torch.Tensor:
    """Compute the mean over shapes and frames of clips, prompted with a point, a box or a mask."""
    encoded = _Encoded(model, batch.frames, FOLLOWED)
    frames = batch.frames.shape[1]
    outputs: Dict[str, Dict[int, Any]] = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    total = torch.zeros(())
    for index in range(frames):
        features, positions, sizes = encoded.at(index)
        points: Optional[Dict[str, torch.Tensor]] = None
        if index == 0 and kind != "mask":
            points = _points(batch.boxes, 2, 3) if kind == "box" else _points(batch.points[:, :1], 1)
        mask = batch.masks[:, :1] if index == 0 and kind == "mask" else None
        out, answer, _, _ = model._track_step(
            index, index == 0, features, positions, sizes, points, mask, outputs, frames, False, None
        )
        masks, _, scores, _, high, pointer, there = answer
        if mask is None:
            total = total + _frame_loss(masks, scores, there, batch.masks[:, index])
        out["obj_ptr"] = pointer
        model._encode_memory_in_output(features, sizes, points, True, high, there, out)
        outputs["non_cond_frame_outputs" if index else "cond_frame_outputs"][index] = out
    return total / (frames - (kind == "mask"))


def _frame_loss(
    masks: torch.Tensor, scores: torch.Tensor, there: torch.Tensor, truth: torch.Tensor
) -> torch.Tensor:
    """Compute the loss of one frame; where the shape is hidden, only saying so counts."""
    visible = truth.flatten(1).any(1).float()
    losses = _best(_losses(masks, scores, _target(truth)))
    presence = F.binary_cross_entropy_with_logits(there[:, 0], visible)
    return (losses * visible).sum() / visible.sum().clamp(min=1) + presence


def _prepared(seed: int) -> Any:
    """Build a model that is ready to be trained."""
    torch.manual_seed(seed)
    model = sam2_mini.build_image_and_video_model().train()
    nn.init.normal_(model.image_encoder.trunk.pos_embed, std=0.02)  # the class leaves both at zero
    nn.init.normal_(model.image_encoder.trunk.pos_embed_window, std=0.02)
    for module in model.modules():  # too short a training to need it
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        elif hasattr(module, "dropout_p"):
            module.dropout_p = 0.0
    return model


def train(steps: int, minutes: float, output: Path, begin_with: Optional[Path], seed: int = 0) -> None:
    """Train for a number of steps, or of minutes if that is less; save the running mean of the weights.

    The rates fall to zero in either case. Without a limit in minutes, the result depends only on the seed and
    on the weights in `begin_with`, which already know images.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    model = _prepared(seed)
    if begin_with:
        weights.read(model, begin_with)
    stills = [drawn_scene(TRAIN_SEED + index) for index in range(TRAIN_SCENES)]
    clips = [drawn_clip(TRAIN_SEED + index) for index in range(TRAIN_CLIPS)]
    learner = training.Learner(model)
    begin, progress, step = time.monotonic(), 0.0, 0
    recent = {"image": 0.0, "point": 0.0, "box": 0.0, "mask": 0.0}
    while progress < 1:
        kind = "image"
        if (begin_with or progress > ALONE) and step % 2:
            kind = clip_following.PROMPTS[step // 2 % 3]
            value = clip_loss(model, batch(clips, random, int(random.choice(LENGTHS)), CLIPS, FOLLOWED), kind)
        else:
            value = image_loss(model, batch(stills, random, 1, IMAGES, SHAPES))
        learner.learn(value, progress)
        step += 1
        spent = time.monotonic() - begin
        before, progress = progress, max(step / steps, spent / 60 / minutes)
        if before < FORGOTTEN <= progress:
            learner.forget()
        recent[kind] += (float(value.detach()) - recent[kind]) * 0.05
        if step % 50 == 0:
            said = ", ".join("{} {:.3f}".format(*item) for item in recent.items())
            print("{:.0f} s, {:.0f} CPU s, step {}: {}".format(spent, time.process_time(), step, said))
        if step % 200 == 0 or progress >= 1:
            save(learner.mean(), output)


def save(model: Any, path: Path) -> None:
    """Write half-precision values, half the size; the model computes in float32."""
    with open(path, "wb") as file:
        np.savez_compressed(file, **{key: value.half().numpy() for key, value in model.state_dict().items()})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m samcheck.guest.training_video")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--output", type=Path, default=Path("sam2.1_mini.npz"))
    parser.add_argument("--minutes", type=float, default=math.inf, help="train for no longer than this")
    parser.add_argument("--begin", type=Path, metavar="FILE", help="train these weights further")
    parser.add_argument("--evaluate", type=Path, metavar="FILE", help="only evaluate these weights")
    options = parser.parse_args()
    if not options.evaluate:
        train(options.steps, options.minutes, options.output, options.begin)
    model = sam2_mini.build_image_and_video_model()
    weights.read(model, options.evaluate or options.output)  # as it is stored, in half precision
    for name, figure in evaluate(model).items():
        print("{}: {}".format(name, figure), flush=True)


if __name__ == "__main__":
    main()
