"""ultralytics' own traps: what works with the original packages and not with it."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
import torch

from samcheck.guest import launch, oracle
from samcheck.guest.models import inference
from samcheck.guest.models.families import ultralytics_sam
from samcheck.guest.models.inference import Prompt
from samcheck.guest.models.ultralytics_predictors import CONFIG_FOLDER, OFFLINE, THREADS, quiet
from samcheck.guest.models.variants import VARIANTS
from samcheck.guest.oracle import layers

GROUP = "pitfalls"

pytestmark = pytest.mark.families(ultralytics_sam.ULTRALYTICS.name)
image_check = pytest.mark.capabilities("image")


class SilentlyWrong(Exception):
    """A step returned finite but wrong numbers; the message says which."""


class ForeignSettings(Exception):
    """Importing a package changed what is not its own; the message says what."""


class SplitObject(Exception):
    """What was meant as one object was taken for several."""


def observed(home: Path, **variables: str) -> Dict[str, Any]:
    """Use ultralytics in a process of its own with this home folder, which is also its working directory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("YOLO_", "XDG_"))}
    kept.pop(THREADS, None)
    environment = {**kept, "HOME": str(home), **variables}
    command = launch.command("samcheck.guest.ultralytics_import")
    done = subprocess.run(
        command, stdout=subprocess.PIPE, check=True, text=True, env=environment, cwd=str(home)
    )
    seen: Dict[str, Any] = json.loads(done.stdout.splitlines()[-1])  # it prints where its settings are
    assert seen["masks"] == 3
    return seen


def files_in(folder: Path) -> List[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_home_is_left_alone(tmp_path: Path) -> None:
    """With the variables of samcheck's cells, ultralytics writes nothing to the home folder.

    https://github.com/ultralytics/ultralytics/issues/1809
    """
    home, settings = tmp_path / "home", tmp_path / "settings"
    home.mkdir()
    settings.mkdir()
    observed(home, **{CONFIG_FOLDER: str(settings), OFFLINE: "true"})
    assert files_in(home) == []
    assert files_in(settings) == [os.path.join("Ultralytics", "settings.json")]


@pytest.fixture(scope="module")
def unprepared(tmp_path_factory: pytest.TempPathFactory) -> Tuple[Dict[str, Any], List[str]]:
    """What ultralytics did in a process without those variables, and the files that it left in its home."""
    home = tmp_path_factory.mktemp("home")
    return observed(home, **{OFFLINE: "true"}), files_in(home)


def test_home_without_variables(unprepared: Any, defect: Any) -> None:
    """Importing ultralytics writes nothing to the home folder.

    https://github.com/ultralytics/ultralytics/issues/1809
    """
    _, files = unprepared
    with defect("ultralytics-writes-home"):
        if files:
            raise ForeignSettings("the home folder has {}".format(", ".join(files)))


def test_threads(unprepared: Any, defect: Any, measured: Dict[str, float]) -> None:
    """Importing ultralytics before PyTorch leaves PyTorch as many threads as there are cores.

    https://github.com/ultralytics/ultralytics/issues/16457 is the same with another variable.
    """
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one core, so one thread is right")
    seen, _ = unprepared
    measured.update(threads=seen["threads"], cores=seen["cores"])
    with defect("ultralytics-one-thread"):
        if seen["threads"] < 2:
            raise ForeignSettings("PyTorch has one thread for {} cores".format(seen["cores"]))


def test_functions_of_others(unprepared: Any, defect: Any) -> None:
    """After importing ultralytics, `torch.save` and Pillow's `Image.open` are still their own.

    https://github.com/ultralytics/ultralytics/blob/v8.4.190/ultralytics/utils/patches.py
    """
    seen, _ = unprepared
    with defect("ultralytics-replaces-functions"):
        if seen["replaced"]:
            raise ForeignSettings("replaced: {}".format(", ".join(seen["replaced"])))


@pytest.mark.small
@image_check
def test_points_of_one_object(loaded: Any, variant: str, new_predictor: Any, scene: Any, defect: Any) -> None:
    """A point inside and one outside, passed as SAM takes them, describe one object.

    https://github.com/ultralytics/ultralytics/issues/20168
    """
    ready = new_predictor(loaded)
    ready.set_image(scene.image)
    prompt = inference.prompt(scene, "negative-point")
    assert prompt.points is not None
    assert prompt.labels is not None
    ready.inner.args.conf = -1e9
    nested = ready.inner(scene.image[..., ::-1], points=prompt.points[None], labels=prompt.labels[None])
    assert len(nested[0].masks) == 1
    with defect("ultralytics-points-are-objects"):
        flat = ready.inner(scene.image[..., ::-1], points=prompt.points, labels=prompt.labels)
        if len(flat[0].masks) > 1:
            raise SplitObject("{} points are {} objects".format(len(prompt.points), len(flat[0].masks)))


@pytest.mark.small
@image_check
def test_scores_decide(loaded: Any, variant: str, new_predictor: Any, scene: Any, defect: Any) -> None:
    """The public call returns the masks that were asked for, whatever their scores.

    https://github.com/ultralytics/ultralytics/blob/v8.4.190/ultralytics/models/sam/predict.py
    """
    ready = new_predictor(loaded)
    ready.set_image(scene.image)
    prompt = inference.prompt(scene, "box")
    expected, scores, _ = ready.predict(**prompt.arguments())
    for limit in (float(scores.min()) - 1, float(scores.mean())):
        ready.inner.args.conf = limit
        (result,) = ready.inner(scene.image[..., ::-1], bboxes=prompt.box, multimask_output=True)
        kept = scores > limit
        assert np.array_equal(result.masks.data.numpy(), expected[kept])
        assert np.allclose(result.boxes.conf.numpy(), scores[kept])
    with defect("ultralytics-drops-low-scores"):
        if not kept.all():
            raise SilentlyWrong("of three masks, {} came back".format(int(kept.sum())))


def test_builder_of_sam2(defect: Any) -> None:
    """`build_sam2_t` without a checkpoint makes the model that its documentation calls SAM 2.1.

    https://github.com/ultralytics/ultralytics/blob/v8.4.190/ultralytics/models/sam/build.py
    """
    quiet()
    from ultralytics.models.sam.build import build_sam2_t

    with defect("ultralytics-sam2-builder"):
        names = build_sam2_t(None).state_dict()
        missing = [name for name in OF_SAM21 if name not in names]
        if missing:
            raise SilentlyWrong("SAM 2.1's tensors are missing: {}".format(", ".join(missing)))


#: What SAM 2.1 has and SAM 2 has not.
OF_SAM21 = ("no_obj_embed_spatial", "obj_ptr_tpos_proj.weight", "obj_ptr_tpos_proj.bias")


@pytest.mark.parametrize("file", ["sam_vit_b_01ec64.pth", "sam2.1_hiera_tiny.pt"])
def test_official_names(tmp_path: Path, file: str, defect: Any) -> None:
    """An official checkpoint is accepted under the name that it was published with.

    https://github.com/ultralytics/ultralytics/blob/v8.4.190/ultralytics/models/sam/build.py
    """
    quiet()
    from ultralytics.models.sam.build import build_sam

    torch.save({}, str(tmp_path / file))
    # Read, it would be found to be empty.
    with defect("ultralytics-file-names"), pytest.raises(RuntimeError, match=r"Missing key\(s\)"):
        build_sam(str(tmp_path / file))


@pytest.mark.variants("ultralytics.mobile_sam_mini")
def test_encoder_cast(loaded: Any, variant: str, side: int, defect: Any) -> None:
    """MobileSAM's `image_encoder.half()` runs, as in the original.

    https://github.com/ultralytics/ultralytics/blob/v8.4.190/ultralytics/models/sam/modules/tiny_encoder.py
    """
    encoder = copy.deepcopy(loaded.image_encoder)
    pixels = torch.rand(1, 3, side, side)
    with torch.no_grad():
        expected = encoder(pixels)
        encoder.half()
        with defect("ultralytics-biases-keep-dtype"):
            encoder(pixels.half())
        features = encoder.eval()(pixels.half()).float()
    assert float((features - expected).norm() / expected.norm()) <= 6e-3  # as for the original


@pytest.mark.variants("ultralytics.mobile_sam_mini")
def test_eval_after_loading(loaded: Any, variant: str, side: int, defect: Any) -> None:
    """Weights loaded into a model in eval mode are the ones that it runs with.

    https://github.com/SysCV/sam-hq/issues/44
    """
    pixels = torch.rand(1, 3, side, side)
    expected = loaded.image_encoder(pixels).detach()
    model = VARIANTS[variant].build()
    model.load_state_dict(loaded.state_dict())
    with defect("tinyvit-stale-biases"):
        error = float((model.image_encoder(pixels) - expected).norm() / expected.norm())
        if error > 1e-3:
            raise SilentlyWrong("without eval() after loading, features are off by {:.2g}".format(error))
    assert torch.equal(model.eval().image_encoder(pixels), expected)


@pytest.mark.small
@image_check
def test_segment_everything(
    loaded: Any, variant: str, new_predictor: Any, oracle_model: Any, scene: Any, side: int
) -> None:
    """`generate`, asked for one point of a grid and without thresholds, gives the three masks of that point.

    https://github.com/ultralytics/ultralytics/issues/14982
    """
    ready = new_predictor(loaded)
    ready.set_image(scene.image)
    height, width = scene.image.shape[:2]
    point = np.array(scene.shapes[-1].point, dtype=float)
    ready.inner.args.conf, ready.inner.args.iou = -1e9, 1.0
    ready.inner.batch = ["image"], [scene.image]
    grid = [(point / (width, height))[None]]
    with torch.no_grad():
        masks, scores, _ = ready.inner.generate(
            ready.pixels(scene.image), point_grids=grid, conf_thres=-1e9, stability_score_thresh=-1.0
        )
    expected = oracle_model.predict(oracle_model.encode(scene.image), Prompt(point[None], np.array([1])))
    order = np.argsort(-expected.scores)
    assert np.allclose(scores.numpy(), expected.scores[order], atol=oracle.TOLERANCES["fp32"].score)
    for mask, index in zip(masks.numpy(), order):
        full = layers.resized(expected.low_resolution[index : index + 1], (side, side))[0] > 0
        assert oracle.iou(mask, full) >= oracle.MASK_IOU
