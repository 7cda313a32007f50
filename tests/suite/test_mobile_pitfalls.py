"""MobileSAM's and HQ-SAM's own traps: what works with segment-anything and not with them."""

from __future__ import annotations

import copy
import importlib
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any, Dict

import pytest
import torch

from samcheck.guest import oracle
from samcheck.guest.models import checkpoints, inference, precision_support
from samcheck.guest.models.families import hq_sam, mobile_sam
from samcheck.guest.models.variants import VARIANTS

GROUP = "pitfalls"

MOBILE, HQ = mobile_sam.FAMILY.name, hq_sam.FAMILY.name
for_mobile, for_hq = pytest.mark.families(MOBILE), pytest.mark.families(HQ)
of_both = pytest.mark.parametrize(
    "module",
    [
        pytest.param("mobile_sam", marks=for_mobile),
        pytest.param("segment_anything_hq", marks=for_hq),
    ],
)
DTYPES = {"half": torch.float16, "bfloat16": torch.bfloat16}
#: Relative L2 error of the features: 2.4 times what was measured with real weights (`mobile_sam`, PyTorch
#: 2.15, CPU), 2.5e-3 and 2.0e-2; `mobile_sam_mini` has 1.6e-3 and 1.2e-2.
LARGEST = {"half": 6e-3, "bfloat16": 5e-2}


class SilentlyWrong(Exception):
    """A step returned finite but wrong numbers; the message says which."""


class StaleState(Exception):
    """Something of an earlier image is still there; the message says what."""


class ReplacedModel(Exception):
    """Importing one package changed what another one makes."""


class UndeclaredDependency(Exception):
    """A package needs another one that an installer does not know of."""


def features(model: Any, scene: Any) -> torch.Tensor:
    """The output of the image encoder for the scene, in its own dtype."""
    pixels = model.preprocess(inference.resized_tensor(model, scene.image))
    answer: torch.Tensor = model.image_encoder(pixels.to(next(model.image_encoder.parameters()).dtype))
    return answer


@for_mobile
@pytest.mark.parametrize("name", sorted(DTYPES))
def test_encoder_cast(
    loaded: Any, variant: str, name: str, device: str, scene: Any, measured: Dict[str, float], defect: Any
) -> None:
    """`image_encoder.half()` or `.bfloat16()`, with pixels of that dtype, gives features of its precision.

    https://github.com/ChaoningZhang/MobileSAM/issues/10
    """
    cast = copy.deepcopy(loaded).to(device)
    expected = features(cast, scene)
    getattr(cast.image_encoder, name)()
    if precision_support.slowdown(DTYPES[name]) > 1e3:
        pytest.skip("this CPU emulates {}".format(name))
    error = float((features(cast, scene).float() - expected).norm() / expected.norm())
    measured["features_relative_l2"] = error
    assert error <= LARGEST[name]


@for_mobile
@pytest.mark.small
def test_eval_after_loading(loaded: Any, variant: str, device: str, scene: Any, defect: Any) -> None:
    """Weights loaded into a model in eval mode are the ones that it runs with.

    https://github.com/SysCV/sam-hq/issues/44
    """
    expected = features(copy.deepcopy(loaded).to(device), scene)
    model = VARIANTS[variant].build()
    model.load_state_dict(loaded.state_dict())
    model.to(device)
    with defect("tinyvit-stale-biases"):
        error = float((features(model, scene) - expected).norm() / expected.norm())
        if error > 1e-3:
            raise SilentlyWrong("without eval() after loading, features are off by {:.2g}".format(error))
    assert torch.equal(features(model.eval(), scene), expected)


@for_mobile
def test_other_image_size(defect: Any) -> None:
    """TinyViT works at the `img_size` that it was made for.

    https://github.com/ChaoningZhang/MobileSAM/issues/142
    """
    from mobile_sam.modeling import TinyViT

    encoder = mobile_sam.mini_encoder().eval()
    with defect("tinyvit-fixed-size"):
        features = TinyViT.forward_features(encoder, torch.zeros(1, 3, 256, 256))
        assert features.shape == (1, 256, 16, 16)


@of_both
def test_timm_is_declared(module: str, defect: Any) -> None:
    """The package declares timm, without which it cannot be imported.

    https://github.com/yatengLG/ISAT_with_segment_anything/issues/61
    """
    name = {"mobile_sam": MOBILE, "segment_anything_hq": HQ}[module]
    with defect("timm-not-required"):
        if not any(line.startswith("timm") for line in metadata.requires(name) or ()):
            raise UndeclaredDependency("{} does not declare timm".format(name))


@of_both
def test_timm_keeps_its_models(module: str, defect: Any) -> None:
    """timm's `tiny_vit_5m_224` is timm's own, also after the package was imported.

    https://github.com/facebookresearch/segment-anything/issues/658
    """
    import timm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module(module)
    with defect("tinyvit-overwrites-timm"):
        made = type(timm.create_model("tiny_vit_5m_224")).__module__
        if not made.startswith("timm."):
            raise ReplacedModel("timm.create_model('tiny_vit_5m_224') makes one of {}".format(made))


@of_both
def test_registry(module: str) -> None:
    """The package's small model has the name that guides give, and ``default`` is SAM's largest as before.

    https://github.com/ChaoningZhang/MobileSAM/issues/144
    """
    package = importlib.import_module(module)
    small = {"mobile_sam": "vit_t", "segment_anything_hq": "vit_tiny"}[module]
    assert sorted(package.sam_model_registry) == sorted(("default", "vit_h", "vit_l", "vit_b", small))
    assert package.sam_model_registry["default"] is package.sam_model_registry["vit_h"]


@pytest.fixture(scope="module")
def sam1_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of segment-anything's own classes."""
    path = tmp_path_factory.mktemp("sam1") / "sam1.pth"
    torch.save(VARIANTS["tiny"].build().state_dict(), str(path))
    return path


@pytest.mark.families(MOBILE, HQ)
@pytest.mark.small
def test_sam1_checkpoint_is_refused(loaded: Any, variant: str, sam1_file: Path) -> None:
    """A checkpoint of SAM itself is refused, by the model and before it reaches one.

    https://github.com/ltdrdata/ComfyUI-Impact-Pack/issues/697
    """
    model = VARIANTS[variant].build()
    with pytest.raises(RuntimeError, match=r"Missing key\(s\) in state_dict"):
        model.load_state_dict(torch.load(str(sam1_file)))
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    with pytest.raises(checkpoints.CheckpointRefused) as refused:
        checkpoints.read(str(sam1_file), shapes)
    assert refused.value.code in ("wrong-variant", "wrong-names")


@for_hq
def test_file_without_head(tmp_path: Path, defect: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """MobileSAM's checkpoint, which has all but HQ-SAM's head, is refused by HQ-SAM's builder.

    https://github.com/SysCV/sam-hq/issues/6
    """
    from segment_anything_hq import sam_model_registry

    path = tmp_path / "mobile_sam.pt"
    state = sam_model_registry["vit_tiny"]().state_dict()
    kept = {name: value for name, value in state.items() if "hf_" not in name and not _of_head(name)}
    assert len(kept) < len(state)
    torch.save(kept, str(path))
    with defect("hq-not-strict"):
        sam_model_registry["vit_tiny"](checkpoint=str(path))
        raise SilentlyWrong("a file without HQ-SAM's head was accepted")
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    with pytest.raises(checkpoints.CheckpointRefused) as refused:
        checkpoints.read(str(path), shapes)
    assert refused.value.code == "wrong-names"


def _of_head(name: str) -> bool:
    return any(part in name for part in ("compress_vit_feat", "embedding_encoder", "embedding_maskfeature"))


@for_hq
@pytest.mark.small
def test_token_only(
    loaded: Any, variant: str, oracle_model: Any, new_predictor: Any, scene: Any, side: int
) -> None:
    """`hq_token_only` returns the fine mask alone, and without it SAM's mask is added.

    https://github.com/SysCV/sam-hq/issues/27
    """
    ready = new_predictor(loaded)
    ready.set_image(scene.image)
    prompt = inference.prompt(scene, "single-from-box", side)
    coarse, fine, _ = oracle_model.parts(oracle_model.encode(scene.image), prompt)
    for only, expected in ((True, fine), (False, fine + coarse[:1])):
        _, _, low = ready.predict(**prompt.arguments(), return_logits=True, hq_token_only=only)
        assert oracle.relative_error(low, expected) <= oracle.TOLERANCES["fp32"].logits


@for_hq
@pytest.mark.small
def test_one_mask_for_three(
    loaded: Any, variant: str, oracle_model: Any, new_predictor: Any, scene: Any, side: int
) -> None:
    """`multimask_output=True` returns one mask and score, those of the best of three, not three as SAM.

    https://github.com/SysCV/sam-hq/issues/19
    """
    ready = new_predictor(loaded)
    ready.set_image(scene.image)
    prompt = inference.prompt(scene, "point", side)
    masks, scores, low = ready.predict(**prompt.arguments())
    assert (len(masks), len(scores), len(low)) == (1, 1, 1)
    _, _, expected = oracle_model.parts(oracle_model.encode(scene.image), prompt)
    assert abs(float(scores[0]) - expected[1:].max()) <= oracle.TOLERANCES["fp32"].score


@for_hq
@pytest.mark.small
def test_reset_forgets_early_features(
    loaded: Any, variant: str, new_predictor: Any, scene: Any, defect: Any
) -> None:
    """`reset_image` lets go of all that the image encoder returned.

    https://github.com/SysCV/sam-hq/blob/main/segment_anything/predictor.py
    """
    ready = new_predictor(loaded)
    ready.set_image(scene.image)
    ready.reset_image()
    assert ready.features is None
    with defect("hq-reset-keeps-features"):
        if ready.interm_features is not None:
            raise StaleState("reset_image kept interm_features")
