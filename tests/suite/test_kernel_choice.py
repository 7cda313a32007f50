"""Does the answer stay right where PyTorch chooses other kernels: by memory format, search, or GPU?"""

from __future__ import annotations

import copy
from typing import Any, Callable, Dict

import pytest
import torch

from samcheck.guest import oracle
from samcheck.guest.models import inference, kernel_choice

GROUP = "correctness"
#: Those in which the encoder computes in another type; the way to it makes no difference here.
encoder_types = pytest.mark.precisions("fp32", "tf32", "fp16", "bf16")


class SilentlyWrong(Exception):
    """A step returned finite but wrong numbers; the message says which."""


@encoder_types
def test_encoder_in_channels_last(
    model: Any,
    scene: Any,
    new_predictor: Any,
    judged: Callable[[Any], str],
    settings: Dict[str, str],
) -> None:
    """With the image encoder in `torch.channels_last`, answers agree with the oracle.

    https://github.com/pytorch/pytorch/issues/82060
    """
    changed = copy.copy(model)
    changed._modules = dict(model._modules)  # share all but the encoder
    changed.image_encoder = kernel_choice.channels_last(model.image_encoder)
    layers = kernel_choice.with_large_filters(changed.image_encoder)
    if not layers:
        pytest.skip("the encoder has no convolutions that could be stored differently")
    settings["converted_layers"] = str(len(layers))
    assert all(map(kernel_choice.stored_channels_last, layers)), "layers were not converted"
    ready = new_predictor(changed)
    ready.set_image(scene.image)
    assert not judged(ready)


@pytest.mark.precisions("fp32")
def test_model_in_channels_last(
    model: Any, scene: Any, new_predictor: Any, judged: Callable[[Any], str], defect: Any
) -> None:
    """With the whole model in `torch.channels_last`, as guides recommend, answers agree with the oracle.

    https://github.com/pytorch/pytorch/issues/99519
    """
    changed = kernel_choice.channels_last(model)
    layers = kernel_choice.with_large_filters(changed)
    if not layers:
        pytest.skip("the model has no convolutions that could be stored differently")
    assert all(map(kernel_choice.stored_channels_last, layers)), "layers were not converted"
    ready = new_predictor(changed)
    ready.set_image(scene.image)
    problems = judged(ready)
    if problems:
        with defect("channels-last-transposed"):
            error = kernel_choice.error_of_transposed(model)
            if error > oracle.TOLERANCES["fp32"].logits:
                raise SilentlyWrong("transposed convolutions are off by {:.2g}; {}".format(error, problems))
            raise AssertionError(problems)


@encoder_types
@pytest.mark.parametrize("setting", ["benchmark", "deterministic"])
def test_cudnn_setting(
    setting: str,
    model: Any,
    device: str,
    scene: Any,
    new_predictor: Any,
    judged: Callable[[Any], str],
    settings: Dict[str, str],
) -> None:
    """With `torch.backends.cudnn.benchmark` or `.deterministic`, answers agree with the oracle.

    The latter also gives the same bits twice: https://github.com/pytorch/pytorch/issues/32103
    """
    if device != "cuda":
        pytest.skip("cuDNN runs on CUDA devices only")
    ready = new_predictor(model)
    ready.set_image(scene.image)
    pixels = model.preprocess(inference.resized_tensor(model, scene.image))
    # Two images, which no other check encodes at once: cuDNN's choice is kept by size, however it was made.
    batch = torch.cat((pixels, pixels.flip(-1)))
    with kernel_choice.cudnn(setting):
        first, second = (model.image_encoder(batch) for _ in range(2))
    settings["same_bits"] = str(torch.equal(first, second))
    assert setting == "benchmark" or torch.equal(first, second)
    assert not torch.equal(first[:1], first[1:]), "both images have the same features"
    ready.features = first[:1]
    assert not judged(ready)


@pytest.mark.precisions("fp32", "fp16", "bf16")
def test_second_gpu(
    model: Any,
    ready: Any,
    device: str,
    scene: Any,
    new_predictor: Any,
    judged: Callable[[Any], str],
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """On a second GPU, which is not the current one, answers agree with the oracle and the first GPU's.

    https://github.com/facebookresearch/segment-anything/issues/214
    """
    if device != "cuda":
        pytest.skip("this needs two GPUs, and the checks run on the {}".format(device))
    if torch.cuda.device_count() < 2:
        pytest.skip("PyTorch sees one GPU only")
    other = new_predictor(copy.deepcopy(model).to("cuda:1"))
    other.set_image(scene.image)
    assert str(other.features.device) == "cuda:1"
    settings["second_gpu"] = torch.cuda.get_device_name(1)
    settings["same_bits"] = str(torch.equal(other.features.cpu(), ready.features.cpu()))
    measured["features_relative_l2"] = oracle.relative_error(
        other.features.cpu().numpy(), ready.features.cpu().numpy()
    )
    assert torch.cuda.current_device() == 0
    assert not judged(other)
