"""What is left of a call, above all of one that failed for want of memory."""

from __future__ import annotations

from typing import Any, List

from ..fault import fault
from ..patching import replace

PREDICT = "segment_anything.predictor:SamPredictor.predict_torch"
DECODE = "segment_anything.modeling.mask_decoder:MaskDecoder.predict_masks"


@fault("debugging that stayed: https://github.com/facebookresearch/segment-anything/issues/384", "images")
def activations_kept() -> None:
    """The mask decoder keeps its low-resolution masks of every call."""
    kept: List[Any] = []

    def make(original: Any) -> Any:
        def changed(self: Any, **named: Any) -> Any:
            found = original(self, **named)
            kept.append(found[0])
            return found

        return changed

    replace(DECODE, make)


@fault("https://github.com/pytorch/pytorch/issues/27600", "recovery")
def exception_kept() -> None:
    """The last exception is kept, with all tensors of the call that failed."""

    def make(original: Any) -> Any:
        def changed(self: Any, *given: Any, **named: Any) -> Any:
            try:
                return original(self, *given, **named)
            except RuntimeError as error:
                self.last_error = error
                raise

        return changed

    replace(PREDICT, make)


@fault("releases that reword their errors", "recovery")
def failure_reworded() -> None:
    """An allocation that fails is reported in words that no release has used."""

    def make(original: Any) -> Any:
        def changed(self: Any, *given: Any, **named: Any) -> Any:
            try:
                return original(self, *given, **named)
            except RuntimeError:
                raise RuntimeError("this computation exceeds the machine") from None

        return changed

    replace(PREDICT, make)


@fault("services that always answer", "recovery")
def failure_swallowed() -> None:
    """An allocation that fails gives empty masks instead of an exception."""

    def make(original: Any) -> Any:
        def changed(self: Any, points: Any, *given: Any, **named: Any) -> Any:
            import torch

            try:
                return original(self, points, *given, **named)
            except RuntimeError:
                return tuple(torch.zeros(1).expand(len(points), 3, *size) for size in ((4, 4), (), (4, 4)))

        return changed

    replace(PREDICT, make)


@fault("retries with fewer prompts", "recovery")
def failure_answered_in_part() -> None:
    """Where a batch does not fit, only its first eighth is answered, without a word."""

    def make(original: Any) -> Any:
        def changed(self: Any, points: Any, labels: Any, *given: Any, **named: Any) -> Any:
            try:
                return original(self, points, labels, *given, **named)
            except RuntimeError:
                few = max(1, len(points) // 64)
                return original(self, points[:few], labels[:few], *given, **named)

        return changed

    replace(PREDICT, make)


@fault(
    "state that is half written when the call fails: https://github.com/facebookresearch/segment-anything/issues/743",
    "recovery",
)
def failure_spoils_features() -> None:
    """A call that fails leaves the predictor's features changed."""

    def make(original: Any) -> Any:
        def changed(self: Any, *given: Any, **named: Any) -> Any:
            try:
                return original(self, *given, **named)
            except RuntimeError:
                self.features = self.features.roll(1, -1)
                raise

        return changed

    replace(PREDICT, make)


@fault("fallbacks that stay: https://github.com/meta-pytorch/segment-anything-fast/issues/110", "recovery")
def failure_narrows_model() -> None:
    """After a failed call the decoder's weights are rounded to float16 to save memory."""

    def make(original: Any) -> Any:
        def changed(self: Any, *given: Any, **named: Any) -> Any:
            try:
                return original(self, *given, **named)
            except RuntimeError:
                for parameter in self.model.mask_decoder.parameters():
                    parameter.data = parameter.data.half().float()
                raise

        return changed

    replace(PREDICT, make)


@fault("caches without a limit: https://github.com/facebookresearch/segment-anything/issues/743", "images")
def images_kept() -> None:
    """The features of every image are kept for ever."""
    kept: List[Any] = []

    def make(original: Any) -> Any:
        def changed(self: Any, image: Any, size: Any) -> None:
            original(self, image, size)
            kept.append((self.features, image.float()))

        return changed

    replace("segment_anything.predictor:SamPredictor.set_torch_image", make)


@fault("plots and logs that keep what they show", "images")
def answers_kept() -> None:
    """The logits of every prediction are kept for ever."""
    kept: List[Any] = []

    def make(original: Any) -> Any:
        def changed(self: Any, *given: Any, **named: Any) -> Any:
            found = original(self, *given, **named)
            kept.append(found)
            return found

        return changed

    replace(PREDICT, make)
