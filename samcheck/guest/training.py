"""Trains the `tiny` variant on procedural scenes, so that the quality of its masks is meaningful.

    python -m samcheck.guest.training --output tiny.npz   # needs torch >= 2.9 (Muon)
    python -m samcheck.guest.training --evaluate tiny.npz

Everything is seeded; training and evaluation scenes never overlap. The losses are SAM's own:
focal and dice on the masks, squared error on the predicted IoU, one mask for unambiguous prompts and the
best of three for a single point (https://arxiv.org/abs/2304.02643, section A). The optimiser is Muon for
the matrices of the transformers and AdamW for the rest; it needs about half the steps of AdamW alone.
"""

from __future__ import annotations

import argparse
import time
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from .models import scenes, weights
from .models.variant import sam_predictor
from .models.variants import VARIANTS
from .oracle.sam import MEAN

SIZE = VARIANTS["tiny"].image_size
TRAIN_SEED, HELD_OUT_SEED = 1_000_000, 9_000_000
TRAIN_SCENES, HELD_OUT_SCENES = 3000, 200
HELD_OUT_SIZES = ((SIZE, SIZE), (240, 320), (320, 240))
PROMPTS = 4  # shapes per scene and step
BATCH = 8
ADAM_RATE, MUON_RATE = 2e-3, 4e-3
WARM_UP = 0.03  # share of the steps
AVERAGED = 0.998  # decay of the running mean of the weights, which is the result


class Example(NamedTuple):
    """`image` uint8 (H, W, 3); `masks` bool (N, H, W), the visible part of each shape."""

    image: np.ndarray
    masks: np.ndarray


class Batch(NamedTuple):
    """`images` float32 (B, 3, S, S) in 0 to 255; the rest is for P prompted shapes of each image.

    `masks` (B * P, S/4, S/4), share of each low-resolution pixel; `points` (B * P, 3, 2), the first two
    inside the shape, the last outside; `boxes` (B * P, 4).
    """

    images: torch.Tensor
    masks: torch.Tensor
    points: torch.Tensor
    boxes: torch.Tensor


def example(seed: int) -> Example:
    """Draw a training scene; every other one is not square."""
    scene = scenes.draw(seed, *((SIZE, SIZE), (SIZE, int(SIZE * 0.75)))[seed % 2])
    return Example(scene.image, np.stack([shape.mask for shape in scene.shapes]))


def turned(example: Example, random: np.random.Generator) -> Example:
    """Apply one of eight rotations and reflections, with colours swapped and scaled."""
    image, masks = example
    turns = int(random.integers(4))
    image, masks = np.rot90(image, turns), np.rot90(masks, turns, axes=(1, 2))
    if random.random() < 0.5:
        image, masks = image[:, ::-1], masks[:, :, ::-1]
    image = image[..., random.permutation(3)].astype(np.float32) * np.float32(random.uniform(0.8, 1.15))
    return Example(np.clip(image, 0, 255), masks)


def inner_pixel(mask: np.ndarray, random: np.random.Generator) -> Tuple[float, float]:
    """Return the centre (x, y) of a random pixel of `mask`."""
    at = np.flatnonzero(mask)
    y, x = divmod(int(at[random.integers(len(at))]), mask.shape[1])
    return x + 0.5, y + 0.5


def tight_box(mask: np.ndarray) -> np.ndarray:
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def batch(examples: List[Example], random: np.random.Generator) -> Batch:
    images, masks, points, boxes = [], [], [], []
    for index in random.integers(len(examples), size=BATCH):
        image, every = turned(examples[index], random)
        height, width, _ = image.shape
        square = np.tile(np.float32(MEAN)[:, None, None], (1, SIZE, SIZE))  # SAM pads after normalisation
        square[:, :height, :width] = image.transpose(2, 0, 1)
        images.append(square)
        for mask in every[random.choice(len(every), PROMPTS, replace=len(every) < PROMPTS)]:
            padded = np.pad(mask, ((0, SIZE - height), (0, SIZE - width)))
            masks.append(padded.reshape(SIZE // 4, 4, SIZE // 4, 4).mean((1, 3), dtype=np.float32))
            points.append([inner_pixel(mask, random), inner_pixel(mask, random), inner_pixel(~mask, random)])
            boxes.append(tight_box(mask) + random.uniform(-3, 3, 4))
    return Batch(
        *(torch.from_numpy(np.array(values, dtype=np.float32)) for values in (images, masks, points, boxes))
    )


def _decode(model: Any, features: torch.Tensor, sparse: torch.Tensor, dense: torch.Tensor) -> Any:
    """Run `MaskDecoder.predict_masks` with separate features (N, C, S/16, S/16) for every prompt.

    The original repeats one image for all prompts, which would need one call per image of a batch.
    """
    decoder, count = model.mask_decoder, len(sparse)
    own = torch.cat((decoder.iou_token.weight, decoder.mask_tokens.weight))
    tokens = torch.cat((own.expand(count, -1, -1), sparse), dim=1)
    position = model.prompt_encoder.get_dense_pe().expand(count, -1, -1, -1)
    answers, image = decoder.transformer(features + dense, position, tokens)
    upscaled = decoder.output_upscaling(image.transpose(1, 2).reshape(features.shape))
    heads = decoder.output_hypernetworks_mlps
    weights = torch.stack([head(answers[:, 1 + index]) for index, head in enumerate(heads)], dim=1)
    logits = (weights @ upscaled.flatten(2)).reshape(count, len(heads), *upscaled.shape[2:])
    return logits.float(), decoder.iou_prediction_head(answers[:, 0]).float()


def iou_of(masks: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    both = (masks & truth).sum((-2, -1)).float()
    either = (masks | truth).sum((-2, -1)).float()
    return both / either.clamp(min=1)


def mask_losses(logits: torch.Tensor, scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Compute (P, M): 20 x focal + dice + squared error of the score, for each of the M masks."""
    target = target[:, None].expand_as(logits)
    probability = torch.sigmoid(logits)
    cross = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    focal = (torch.abs(target - probability) ** 2 * cross).mean((2, 3))
    overlap = (probability * target).sum((2, 3))
    dice = 1 - (2 * overlap + 1) / (probability.sum((2, 3)) + target.sum((2, 3)) + 1)
    return 20 * focal + dice + (scores - iou_of(logits > 0, target > 0.5)) ** 2


def loss(model: Any, batch: Batch) -> torch.Tensor:
    """Compute the mean over prompts: one mask for boxes and corrected masks, the best of three for points."""
    encode = model.prompt_encoder
    with torch.autocast("cpu", torch.bfloat16):
        features = model.image_encoder((batch.images - model.pixel_mean) / model.pixel_std)
        features = features.repeat_interleave(PROMPTS, dim=0)
        labels = torch.ones(len(batch.points), 3)
        labels[:, 2] = 0
        point, dense = encode(points=(batch.points[:, :1], labels[:, :1]), boxes=None, masks=None)
        box, _ = encode(points=None, boxes=batch.boxes, masks=None)
        twice = (torch.cat((tensor, tensor)) for tensor in (features, dense))
        repeated, empty = twice
        logits, scores = _decode(model, repeated, torch.cat((point, box)), empty)
        # One shape of each image again, with all its points and the mask predicted from the box.
        some = slice(None, None, PROMPTS)
        earlier = logits[len(point) :, :1].detach()[some]
        more, dense = encode(points=(batch.points[some], labels[some]), boxes=None, masks=earlier)
        corrected, sure = _decode(model, features[some], more, dense)
    by_point, by_box = logits[: len(point)], logits[len(point) :]
    of_three = mask_losses(by_point[:, 1:], scores[: len(point), 1:], batch.masks)
    total = mask_losses(by_box[:, :1], scores[len(point) :, :1], batch.masks).mean()
    total = total + mask_losses(corrected[:, :1], sure[:, :1], batch.masks[some]).mean() / PROMPTS
    # The other two masks get a small share, so that none of them is ever neglected.
    return total + of_three.min(1).values.mean() + 0.05 * of_three.mean()


def rate(progress: float) -> float:
    """Share of the peak rate: a short rise, then a linear decay."""
    return max(0.0, min(progress / WARM_UP, (1 - progress) / (1 - WARM_UP)))


def optimisers_for(model: Any) -> List[torch.optim.Optimizer]:
    matrices: List[nn.Parameter] = []
    others: List[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        inner = parameter.ndim == 2 and ".weight" in name and "embed" not in name and "token" not in name
        (matrices if inner else others).append(parameter)
    return [
        torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=ADAM_RATE, weight_decay=0.02, betas=(0.9, 0.98)),
    ]


class Learner:
    """The optimisers of a model, and the running mean of its weights."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.optimisers = optimisers_for(model)
        self.peaks = [optimiser.param_groups[0]["lr"] for optimiser in self.optimisers]
        self.forget()

    def forget(self) -> None:
        """Begin the mean anew, from the weights of now."""
        average = torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGED)
        self.kept = torch.optim.swa_utils.AveragedModel(self.model, multi_avg_fn=average)

    def learn(self, value: torch.Tensor, progress: float) -> None:
        """Take one step for this loss; `progress` is the share of all steps."""
        for optimiser, peak in zip(self.optimisers, self.peaks):
            optimiser.param_groups[0]["lr"] = peak * rate(progress)
            optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
        self.kept.update_parameters(self.model)

    def mean(self) -> Any:
        """Return the model with the mean of the weights, in eval mode."""
        return self.kept.module.eval()


def train(steps: int, seed: int = 0) -> Any:
    """Train for a number of steps; return the model in eval mode."""
    torch.manual_seed(seed)
    random = np.random.Generator(np.random.PCG64(seed))
    model = VARIANTS["tiny"].build().train()
    nn.init.normal_(model.image_encoder.pos_embed, std=0.02)  # the class leaves it at zero
    begin = time.monotonic()
    examples = [example(TRAIN_SEED + index) for index in range(TRAIN_SCENES)]
    learner = Learner(model)
    recent = 0.0
    for step in range(1, steps + 1):
        value = loss(model, batch(examples, random))
        learner.learn(value, step / (steps + 1))
        recent += (float(value.detach()) - recent) / min(step, 50)
        if step % 100 == 0:
            spent = time.monotonic() - begin, time.process_time()
            print("{:.0f} s, {:.0f} CPU s, step {}: loss {:.4f}".format(*spent, step, recent), flush=True)
        if step % 500 == 0:
            print(evaluate(learner.mean(), 40), flush=True)
    return learner.mean()


def evaluate(model: Any, count: int = HELD_OUT_SCENES) -> Dict[str, float]:
    """Compute mean IoU over every shape of unseen scenes: box prompts, and the best of three for a point."""
    ious: Dict[str, List[float]] = {"box_iou": [], "point_iou": []}
    ready = sam_predictor(model)
    for seed in range(HELD_OUT_SEED, HELD_OUT_SEED + count):
        scene = scenes.draw(seed, *HELD_OUT_SIZES[seed % len(HELD_OUT_SIZES)])
        ready.set_image(scene.image)
        for shape in scene.shapes:
            truth = torch.from_numpy(shape.mask)
            point, label = np.array([shape.point], dtype=float), np.array([1])
            masks, _, _ = ready.predict(box=np.array(shape.box, dtype=float), multimask_output=False)
            ious["box_iou"].append(float(iou_of(torch.from_numpy(masks), truth).max()))
            masks, _, _ = ready.predict(point, label, multimask_output=True)
            ious["point_iou"].append(float(iou_of(torch.from_numpy(masks), truth).max()))
    return {kind: float(np.mean(values)) for kind, values in ious.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m samcheck.guest.training")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--output", default="tiny.npz")
    parser.add_argument("--evaluate", metavar="FILE", help="only evaluate these weights, without training")
    options = parser.parse_args()
    if options.evaluate:
        model = VARIANTS["tiny"].build()
        weights.read(model, options.evaluate)
    else:
        model = train(options.steps)
        np.savez(options.output, **{name: value.numpy() for name, value in model.state_dict().items()})
    print(evaluate(model))


if __name__ == "__main__":
    main()
