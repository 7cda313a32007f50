"""Training the `tiny` variant on procedural scenes, so that the quality of its masks means something.

    python -m samcheck.guest.sam.training --steps 3200 --output tiny.npz
    python -m samcheck.guest.sam.training --evaluate tiny.npz

Everything is seeded; the scenes of training and of evaluation never overlap. The recipe is SAM's own in
small: focal and dice loss on the masks, squared error on the predicted IoU, one mask for boxes and the
best of three for points (https://arxiv.org/abs/2304.02643, section A).
"""

from __future__ import annotations

import argparse
import time
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from . import scenes
from .variants import VARIANTS

SIZE = VARIANTS["tiny"].image_size
TRAIN_SEED, HELD_OUT_SEED = 1_000_000, 9_000_000
TRAIN_SCENES, HELD_OUT_SCENES = 2000, 200
PROMPTS = 3  # shapes per scene and step
BATCH = 8
PEAK_RATE = 1.5e-3
WARM_UP = 0.03  # share of the time


class Batch(NamedTuple):
    """`images` uint8 (B, 3, S, S); for each image the masks (P, S, S), points (P, 2), boxes (P, 4)."""

    images: torch.Tensor
    masks: List[torch.Tensor]
    points: List[torch.Tensor]
    boxes: List[torch.Tensor]


class Example(NamedTuple):
    image: np.ndarray
    masks: np.ndarray


def example(seed: int) -> Example:
    """A scene as arrays: image (S, S, 3) and the visible part of each shape (N, S, S)."""
    scene = scenes.draw(seed, SIZE, SIZE)
    return Example(scene.image, np.stack([shape.mask for shape in scene.shapes]))


def _turned(given: Example, random: np.random.Generator) -> Example:
    """One of the eight turns and mirrors of a square, with colours scaled and swapped."""
    image, masks = given
    turns = int(random.integers(4))
    image, masks = np.rot90(image, turns), np.rot90(masks, turns, axes=(1, 2))
    if random.random() < 0.5:
        image, masks = image[:, ::-1], masks[:, :, ::-1]
    image = image[..., random.permutation(3)].astype(np.float32) * random.uniform(0.7, 1.2)
    return Example(np.clip(image, 0, 255), masks)


def _prompts(masks: np.ndarray, random: np.random.Generator) -> "Tuple[np.ndarray, np.ndarray, np.ndarray]":
    """A selection of masks, a random inner pixel (x, y) of each, and its box, jittered."""
    chosen = random.choice(len(masks), PROMPTS, replace=len(masks) < PROMPTS)
    points, boxes = [], []
    for mask in masks[chosen]:
        ys, xs = np.nonzero(mask)
        at = random.integers(len(ys))
        points.append((xs[at] + 0.5, ys[at] + 0.5))
        jitter = random.uniform(-3, 3, 4)
        boxes.append(np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) + jitter)
    return masks[chosen], np.array(points), np.array(boxes)


def batch(examples: List[Example], random: np.random.Generator) -> Batch:
    images, masks, points, boxes = [], [], [], []
    for index in random.integers(len(examples), size=BATCH):
        image, every = _turned(examples[index], random)
        images.append(torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))))
        mask, point, box = _prompts(every, random)
        masks.append(torch.from_numpy(np.ascontiguousarray(mask)).float())
        points.append(torch.from_numpy(point).float())
        boxes.append(torch.from_numpy(box).float())
    return Batch(torch.stack(images).float(), masks, points, boxes)


def decode(
    model: Any, features: torch.Tensor, points: Any, boxes: Any
) -> "Tuple[torch.Tensor, torch.Tensor]":
    """All four masks of prompts on one image: logits (P, 4, S/4, S/4), predicted IoUs (P, 4).

    Mask 0 is the one for unambiguous prompts, 1 to 3 are those of `multimask_output`.
    """
    sparse, dense = _embed(model, points, boxes)
    logits, scores = model.mask_decoder.predict_masks(
        image_embeddings=features[None],
        image_pe=model.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
    )
    return logits, scores


def _embed(model: Any, points: torch.Tensor, boxes: torch.Tensor) -> "Tuple[torch.Tensor, torch.Tensor]":
    """Prompt embeddings of points (P, 2) followed by boxes (P, 4): both are two tokens each."""
    labels = torch.ones(len(points), 1)
    one, dense_one = model.prompt_encoder(points=(points[:, None], labels), boxes=None, masks=None)
    other, dense_other = model.prompt_encoder(points=None, boxes=boxes, masks=None)
    return torch.cat((one, other)), torch.cat((dense_one, dense_other))


def _losses(logits: torch.Tensor, scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """(P, M): 20 x focal + dice + squared error of the score, for each of the M masks."""
    target = target[:, None].expand_as(logits)
    probability = torch.sigmoid(logits)
    cross = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    miss = torch.abs(target - probability)
    focal = (miss**2 * cross).mean((2, 3))
    overlap = (probability * target).sum((2, 3))
    dice = 1 - (2 * overlap + 1) / (probability.sum((2, 3)) + target.sum((2, 3)) + 1)
    return 20 * focal + dice + (scores - _iou(logits > 0, target > 0.5)) ** 2


def _iou(found: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    both = (found & truth).sum((-2, -1)).float()
    either = (found | truth).sum((-2, -1)).float()
    return both / either.clamp(min=1)


def loss(model: Any, given: Batch) -> torch.Tensor:
    """Mean over images and prompts: boxes by their one mask, points by the best of three."""
    features = model.image_encoder(model.preprocess(given.images))
    total: List[torch.Tensor] = []
    for one, mask, point, box in zip(features, given.masks, given.points, given.boxes):
        target = F.avg_pool2d(mask[None], 4)[0]
        logits, scores = decode(model, one, point, box)
        count = len(point)
        total.append(_losses(logits[count:, :1], scores[count:, :1], target).mean())
        each = _losses(logits[:count, 1:], scores[:count, 1:], target)
        # The other two masks get a small share, so that none of them is ever forgotten.
        total.append(each.min(1).values.mean() + 0.05 * each.mean())
    return torch.stack(total).mean()


def _rate(progress: float) -> float:
    if progress < WARM_UP:
        return progress / WARM_UP
    return 0.5 * (1 + float(np.cos(np.pi * (progress - WARM_UP) / (1 - WARM_UP)))) + 1e-3


def train(steps: int, seed: int = 0) -> Any:
    """Train for a number of steps; returns the model in eval mode."""
    torch.manual_seed(seed)
    random = np.random.Generator(np.random.PCG64(seed))
    model = VARIANTS["tiny"].build().train()
    _initialise(model)
    begin = time.monotonic()
    examples = [example(TRAIN_SEED + index) for index in range(TRAIN_SCENES)]
    optimiser = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=0.02)
    recent = 0.0
    for step in range(1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = PEAK_RATE * _rate(step / steps)
        optimiser.zero_grad()
        value = loss(model, batch(examples, random))
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        recent += (float(value) - recent) / min(step, 50)
        if step % 250 == 0:
            print("{:.0f} s, step {}: loss {:.4f}".format(time.monotonic() - begin, step, recent), flush=True)
        if step % 500 == 0:
            print(evaluate(model.eval(), 40), flush=True)
            model.train()
    return model.eval()


def _initialise(model: Any) -> None:
    """Small random positions, which the classes leave at zero."""
    with torch.no_grad():
        model.image_encoder.pos_embed.normal_(std=0.02)


def evaluate(model: Any, count: int = HELD_OUT_SCENES) -> Dict[str, float]:
    """Mean IoU over every shape of unseen scenes: box prompts, and the best of three for one point."""
    found: Dict[str, List[float]] = {"box": [], "point": []}
    with torch.no_grad():
        for seed in range(HELD_OUT_SEED, HELD_OUT_SEED + count):
            scene = scenes.draw(seed, SIZE, SIZE)
            image = torch.from_numpy(scene.image.transpose(2, 0, 1).copy()).float()[None]
            features = model.image_encoder(model.preprocess(image))[0]
            truth = torch.from_numpy(np.stack([shape.mask for shape in scene.shapes]))[:, None]
            boxes = torch.tensor([shape.box for shape in scene.shapes]).float()
            points = torch.tensor([shape.point for shape in scene.shapes]).float() + 0.5
            logits, _ = decode(model, features, points, boxes)
            full = F.interpolate(logits, (SIZE, SIZE), mode="bilinear", align_corners=False)
            count = len(points)
            found["point"] += _iou(full[:count, 1:] > 0, truth).max(1).values.tolist()
            found["box"] += _iou(full[count:, :1] > 0, truth)[:, 0].tolist()
    return {"{}_iou".format(kind): float(np.mean(values)) for kind, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m samcheck.guest.sam.training")
    parser.add_argument("--steps", type=int, default=3200)
    parser.add_argument("--output", default="tiny.npz")
    options = parser.parse_args()
    model = train(options.steps)
    np.savez(options.output, **{k: v.numpy() for k, v in model.state_dict().items()})
    print(evaluate(model))


if __name__ == "__main__":
    main()
