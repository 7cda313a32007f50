"""One model on all backends: its exported files, each made once, and their answers to prompts."""

from __future__ import annotations

import copy
from typing import Any, Callable, Dict, Tuple

import numpy as np

from .. import exported_decoder, inference, scenes
from ..inference import Prediction, Prompt
from ..onnx_export import ExportFailed, Exports, example
from . import Unavailable, onnx_runtime, providers, require_sam

Size = Tuple[int, int]  # (H, W)


def prompt(kind: str, size: Size, side: int = 0) -> Prompt:
    """Create a prompt by its number of points, or by its kind, for the scene of `size`."""
    scene = scenes.draw(7, *size)
    if not kind.isdigit():
        return inference.prompt(scene, kind, side)
    random = np.random.Generator(np.random.PCG64(int(kind)))
    points = random.uniform((0, 0), size[::-1], (int(kind), 2))
    points[0] = scene.shapes[-1].point
    return Prompt(points, np.arange(1, int(kind) + 1) % 2)


class BackendHarness:
    """A model, in float32 on the CPU.

    Attributes:
        exports: its exported files.
        on_device: its copy on `device`.
    """

    def __init__(self, model: Any, device: str, folder: str, predictor: Callable[[Any], Any]) -> None:
        self.exports = Exports(require_sam(model), folder)
        self.model, self.device, self.predictor = model, device, predictor
        self.on_device = copy.deepcopy(model).to(device)
        self._ready: Dict[Size, Any] = {}
        self._sessions: Dict[str, onnx_runtime.DecoderSession] = {}

    def input_sizes(self, points: str) -> Dict[str, Tuple[Any, ...]]:
        """Return the expected input sizes of an exported decoder whose point axis is named `points`."""
        sizes: Dict[str, Tuple[Any, ...]] = {
            name: tuple(tensor.shape) for name, tensor in example(self.model).items()
        }
        sizes.update(point_coords=(1, points, 2), point_labels=(1, points))
        return sizes

    def ready(self, size: Size) -> Any:
        """Return a predictor in plain PyTorch, on the device, with the scene of `size` as its image."""
        if size not in self._ready:
            self._ready[size] = self.predictor(self.on_device)
            self._ready[size].set_image(scenes.draw(7, *size).image)
        return self._ready[size]

    def feed(self, kind: str, size: Size, padded: bool = True) -> Dict[str, np.ndarray]:
        """Build an exported decoder's inputs for a prompt."""
        return exported_decoder.feed(self.ready(size), self.prompt(kind, size), padded)

    def prompt(self, kind: str, size: Size) -> Prompt:
        return prompt(kind, size, self.model.image_encoder.img_size)

    def eager(self, kind: str, size: Size) -> Prediction:
        """Predict all four masks with plain PyTorch."""
        return exported_decoder.all_masks(self.ready(size), self.prompt(kind, size))

    def session(self, how: str) -> onnx_runtime.DecoderSession:
        """Return the decoder in ONNX Runtime on the device.

        Raises:
            Unavailable: there is no such file; the check of the export judges why.
        """
        if how not in self._sessions:
            try:
                path = self.exports.get(how)
            except ExportFailed as error:
                raise Unavailable("there is no file, see test_export[{}]: {}".format(how, error)) from error
            self._sessions[how] = onnx_runtime.DecoderSession(path, providers.provider_for(self.device))
        return self._sessions[how]
