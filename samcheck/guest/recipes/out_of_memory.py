"""Recipes against running out of memory."""

from __future__ import annotations

import gc
import os
from functools import partial
from typing import Any, Dict, List, Tuple

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader

from ..models import inference
from ..oracle.tolerances import relative_error
from .measuring import compared, of_steps
from .recipe import Context, Measured, NoGain, Recipe, SilentlyWrong, mean_iou, require_right

#: Largest memory ratio that counts as a gain: a recipe must save at least a twentieth.
LEAST_GAIN = 0.95
#: Prompts in one large batch, and in each of several small ones.
BATCH, SMALL_BATCH = 32, 8


def _blank(context: Context) -> Any:
    """Build the model without a checkpoint: with random weights, on the CPU."""
    model = context.copy().cpu()
    generator = torch.Generator().manual_seed(0)
    for tensor in model.state_dict().values():
        tensor.copy_(torch.rand(tensor.shape, generator=generator) - 0.5)
    return model


def _load(model: Any, files: Dict[str, str]) -> None:
    """Load each part from its file, with one file in memory at a time."""
    for part, path in files.items():
        model.get_submodule(part).load_state_dict(torch.load(path, map_location="cpu"))


def _shard(context: Context, parts: Tuple[str, ...]) -> Measured:
    """Compare time and memory of loading the parts one after the other with loading everything at once.

    Raises:
        SilentlyWrong: the resulting model gives different masks.
    """
    files = {part: os.path.join(context.exports.folder, (part or "whole") + ".pth") for part in ("", *parts)}
    for part, path in files.items():
        torch.save(context.model.get_submodule(part).state_dict(), path)
    model, whole = _blank(context), {"": files.pop("")}
    _load(model, files)
    require_right(context.segment(model.to(context.device)), context.plain)
    model.cpu()
    return of_steps(partial(_load, model, files), partial(_load, model, whole), "cpu")


def sharded(context: Context) -> Measured:
    """Load encoder and decoder one after the other, each from its own file.

    The guide describes it in words; this is the shortest code for it.
    """
    return _shard(context, ("image_encoder", "mask_decoder"))


def all_shards(context: Context) -> Measured:
    """Do the same with the prompt encoder, which also has weights."""
    return _shard(context, ("image_encoder", "prompt_encoder", "mask_decoder"))


def emptied(context: Context) -> Measured:
    """Call ``torch.cuda.empty_cache()`` and ``gc.collect()`` after every image.

    This returns unused memory to other processes; the memory that an image needs at once stays the same.
    """

    def use() -> Any:
        prediction = context.segment(context.model)
        torch.cuda.empty_cache()
        gc.collect()
        return prediction

    measured = compared(context, context.model, "fp32", use)
    _require_gain(measured, "the next image takes again what was given back")
    return measured


def _checkpointed(context: Context) -> Any:
    """Copy the model with an encoder that recomputes each block's inside when gradients need it."""
    model = context.copy()
    for block in model.image_encoder.blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)
    return model


def checkpointing(context: Context) -> Measured:
    """Use gradient checkpointing of the encoder's blocks, with `set_image` as usual."""
    measured = compared(context, _checkpointed(context), "fp32")
    _require_gain(
        measured, "SamPredictor computes without gradients, so nothing is kept that could be dropped"
    )
    return measured


def _require_gain(measured: Measured, why: str) -> None:
    if measured["memory_ratio"] > LEAST_GAIN:
        text = "{}: peak memory is {:.2f} of that without it".format(why, measured["memory_ratio"])
        raise NoGain(text, measured)


def checkpointed_training(context: Context) -> Measured:
    """Do the same with gradients, as in fine-tuning: one backward pass through the encoder."""
    plain, saving = context.copy(), _checkpointed(context)
    pixels = plain.preprocess(inference.resized_tensor(plain, context.scene.image))

    def gradient(model: Any) -> np.ndarray:
        model.zero_grad(set_to_none=True)
        with torch.enable_grad():
            model.image_encoder(pixels).square().mean().backward()
        array: np.ndarray = model.image_encoder.patch_embed.proj.weight.grad.cpu().numpy()
        return array

    off = relative_error(gradient(saving), gradient(plain))
    if not off <= 1e-4:
        raise SilentlyWrong("gradients are off by {:.2g} (relative L2)".format(off))
    measured = of_steps(partial(gradient, saving), partial(gradient, plain), context.device)
    _require_gain(measured, "checkpointing saves nothing with gradients either")
    return measured


def pinned(context: Context) -> Measured:
    """Use ``DataLoader(..., pin_memory=False)`` before `set_image`."""

    def use(**options: Any) -> Any:
        loader = DataLoader(
            [context.scene.image], batch_size=1, collate_fn=lambda images: images[0], **options
        )
        ready = context.predictor(context.model)
        for image in loader:
            ready.set_image(image)
        return inference.predict(ready, context.prompt)

    require_right(use(pin_memory=False), context.plain)
    measured = of_steps(partial(use, pin_memory=False), use, context.device)
    _require_gain(measured, "pin_memory=False is what a DataLoader has without it")
    return measured


def _prompts(context: Context, ready: Any) -> Tuple[Any, Any]:
    """Create `BATCH` prompts of one point each, in the model's pixels."""
    height, width = context.scene.image.shape[:2]
    points = np.random.Generator(np.random.PCG64(0)).random((BATCH, 1, 2)) * (width, height)
    transformed = ready.transform.apply_coords(points, (height, width))
    coordinates = torch.as_tensor(transformed, dtype=torch.float32, device=ready.device)
    return coordinates, torch.ones((BATCH, 1), dtype=torch.int, device=ready.device)


def smaller_batches(context: Context) -> Measured:
    """Use smaller batches, which do save memory when there are many prompts."""
    ready = context.predictor(context.model)
    ready.set_image(context.scene.image)
    coordinates, labels = _prompts(context, ready)

    def masks(batch: int) -> np.ndarray:
        parts: List[np.ndarray] = []
        for at in range(0, BATCH, batch):
            part = slice(at, at + batch)
            parts.append(ready.predict_torch(coordinates[part], labels[part])[0].cpu().numpy())
        return np.concatenate(parts)

    iou = mean_iou(masks(SMALL_BATCH), masks(BATCH))
    if iou < 0.999:
        raise SilentlyWrong("masks of smaller batches have an IoU of {:.3f} with those of one".format(iou))
    measured = {
        **of_steps(partial(masks, SMALL_BATCH), partial(masks, BATCH), context.device),
        "iou": iou,
    }
    _require_gain(measured, "smaller batches of prompts")
    return measured


RECIPES = (
    Recipe(
        "sharded-loading",
        "encoder and decoder loaded one after the other",
        "less memory while loading",
        sharded,
        corrected=all_shards,
        correction="the prompt encoder is loaded too: its weights are no constants",
        defects=("recipe-shards-incomplete",),
    ),
    Recipe(
        "empty-cache",
        "torch.cuda.empty_cache() and gc.collect() after every image",
        "less memory",
        emptied,
        defects=("recipe-empty-cache",),
    ),
    Recipe(
        "gradient-checkpointing",
        "gradient checkpointing when memory runs out",
        "less memory",
        checkpointing,
        corrected=checkpointed_training,
        correction="only where gradients are computed; measured over one step backwards",
        defects=("recipe-checkpointing-inference",),
    ),
    Recipe(
        "pin-memory",
        "pin_memory=False when memory runs out",
        "less memory",
        pinned,
        corrected=smaller_batches,
        correction="fewer prompts at once: batches of {} instead of {}".format(SMALL_BATCH, BATCH),
        defects=("recipe-pin-memory",),
    ),
)
