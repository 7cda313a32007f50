"""What predictors and the process remember from one call to the next."""

from __future__ import annotations

from typing import Any, Dict

from ..fault import fault
from ..patching import edit, find, replace

PREDICTOR = "segment_anything.predictor:SamPredictor"
SET, PREDICT = PREDICTOR + ".set_torch_image", PREDICTOR + ".predict_torch"
ENCODE = "self.model.image_encoder(input_image)"


@fault("caches keyed by the size of the image", "session")
def image_of_same_size_ignored() -> None:
    """A second image of the same size gets the features of the first, for each predictor."""
    edit(
        SET,
        "self.features = " + ENCODE,
        "known = self.__dict__.setdefault('_known', {})"
        "\n    if transformed_image.shape not in known:"
        "\n        known[transformed_image.shape] = " + ENCODE + ""
        "\n    self.features = known[transformed_image.shape]",
    )


@fault("caches keyed by a few bytes of the image", "session")
def image_known_by_its_corner() -> None:
    """Images whose first eight rows are equal are taken for the same."""
    edit(
        SET,
        "self.features = " + ENCODE,
        "key = tuple(transformed_image.shape) + tuple(transformed_image[:, :, :8].flatten().tolist())"
        "\n    known = self.__dict__.setdefault('_known', {})"
        "\n    if key not in known:"
        "\n        known[key] = " + ENCODE + ""
        "\n    self.features = known[key]",
    )


@fault(
    "https://github.com/roboflow/inference/pull/2124, https://github.com/facebookresearch/sam2/pull/643",
    "session",
)
def predictors_share_features() -> None:
    """All predictors of a process hold the features of the image that any of them saw last."""
    held: Dict[str, Any] = {}

    def get(self: Any) -> Any:
        return held.get("features")

    def set_(self: Any, features: Any) -> None:
        if features is not None:
            held["features"] = features

    find(PREDICTOR)[2].features = property(get, set_)


@fault(
    "predictors kept in a pool: https://github.com/facebookresearch/segment-anything/issues/357", "session"
)
def predictors_share_size() -> None:
    """All predictors of a process hold the size of the image that any of them saw last."""
    held: Dict[str, Any] = {}

    def get(self: Any) -> Any:
        return held.get("size")

    def set_(self: Any, size: Any) -> None:
        held["size"] = size

    find(PREDICTOR)[2].original_size = property(get, set_)


@fault("forks that set the size once", "session")
def size_of_the_first_image() -> None:
    """Masks have the size of the first image that a predictor saw."""
    edit(
        SET,
        "self.original_size = original_image_size",
        "self.original_size = self.__dict__.setdefault('_size', original_image_size)",
    )


@fault("https://github.com/facebookresearch/segment-anything/issues/384", "session")
def reset_does_nothing() -> None:
    """`reset_image` keeps the image, and `predict` goes on with it."""

    def make(reset: Any) -> Any:
        return lambda self: None if "features" in self.__dict__ else reset(self)

    replace(PREDICTOR + ".reset_image", make)


@fault("https://github.com/Sanster/IOPaint, whose cache is marked before the image is encoded", "session")
def failed_image_counts_as_set() -> None:
    """An image whose encoding fails leaves the predictor as if it had been set."""
    edit(SET, "self.reset_image()", "self.is_image_set = True")


@fault("conversions in place", "session")
def points_changed_in_place() -> None:
    """`predict` writes the resized coordinates into the caller's array."""
    edit(
        "segment_anything.utils.transforms:ResizeLongestSide.apply_coords",
        "deepcopy(coords).astype(float)",
        "coords.astype(float, copy=False)",
    )


@fault("conversions in place", "session")
def image_changed_in_place() -> None:
    """`set_image` leaves the caller's image with its channels exchanged."""

    def make(original: Any) -> Any:
        def changed(self: Any, image: Any, image_format: str = "RGB") -> None:
            original(self, image, image_format)
            if image.flags.writeable:
                image[...] = image[..., ::-1].copy()

        return changed

    replace(PREDICTOR + ".set_image", make)


@fault("prompts refined in place", "session")
def mask_prompt_changed_in_place() -> None:
    """`predict` negates the caller's mask in place and back too late: the next call sees its negative."""

    def make(original: Any) -> Any:
        def changed(self: Any, *given: Any, **named: Any) -> Any:
            found = original(self, *given, **named)
            if named.get("mask_input") is not None:
                named["mask_input"] *= -1
            return found

        return changed

    replace(PREDICTOR + ".predict", make)


@fault("features handed out without a copy: https://github.com/facebookresearch/sam2/issues/460", "session")
def features_worn_by_use() -> None:
    """Each prediction scales the features a little, in place."""
    edit(
        PREDICT, "masks = self.model.postprocess", "self.features *= 1.01\n    masks = self.model.postprocess"
    )


@fault("results in a static buffer: https://github.com/facebookresearch/sam2/issues/501", "session")
def answers_overwritten() -> None:
    """The logits that `predict` gave are overwritten by the next call."""

    def make(original: Any) -> Any:
        buffers: Any = {}

        def changed(self: Any, *given: Any, **named: Any) -> Any:
            masks, scores, low = original(self, *given, **named)
            buffer = buffers.setdefault((low.shape, low.dtype.str), low)
            buffer[...] = low
            return masks, scores, buffer

        return changed

    replace(PREDICTOR + ".predict", make)


@fault("noise of augmentation that is left on", "globals")
def random_numbers_drawn() -> None:
    """Each prediction draws from the global random numbers."""
    edit(
        PREDICT,
        "sparse_embeddings, dense_embeddings",
        "torch.rand(7)\n    sparse_embeddings, dense_embeddings",
        count=1,
    )


@fault("libraries that seed everything", "globals")
def random_numbers_seeded() -> None:
    """Setting an image seeds the global random numbers."""
    edit(SET, "self.reset_image()", "torch.manual_seed(0); self.reset_image()")


@fault("libraries that tune for their own benchmark", "globals")
def threads_changed() -> None:
    """Importing the package changes the number of threads."""
    import torch

    torch.set_num_threads(1 if torch.get_num_threads() > 1 else 2)


@fault("evaluation scripts that became libraries", "globals")
def gradients_switched() -> None:
    """Each prediction leaves gradients on."""

    def make(original: Any) -> Any:
        def changed(self: Any, *given: Any, **named: Any) -> Any:
            import torch

            found = original(self, *given, **named)
            torch.set_grad_enabled(True)
            return found

        return changed

    replace(PREDICTOR + ".predict", make)


@fault("https://github.com/facebookresearch/segment-anything/issues/106", "gradients")
def gradients_recorded() -> None:
    """`SamPredictor` records what gradients would need, and holds it."""
    import inspect

    for path in (SET, PREDICT):
        replace(path, inspect.unwrap)


@fault("libraries that keep their own output tidy", "globals")
def warnings_silenced() -> None:
    """Importing the package silences all warnings of the process."""
    import warnings

    warnings.filterwarnings("ignore")


@fault("scripts that pick the first GPU and became libraries", "globals")
def devices_hidden() -> None:
    """Importing the package hides all GPUs but the first."""
    import os

    os.environ["CUDA_VISIBLE_DEVICES"] = "0"


@fault("wrappers that measure reproducibility, and leave it on", "globals")
def deterministic_mode_left_on() -> None:
    """Importing the package makes every operator without a deterministic kernel fail."""
    import torch

    torch.use_deterministic_algorithms(True)
