"""What SAM and its parts answer."""

from __future__ import annotations

import json
from typing import Any, Dict, List

from .common import attempt, boxes, digest, evidence, model, ready, scene


@evidence
def resizing() -> Any:
    """Pixels, points and boxes of the resized picture."""
    import numpy as np
    from segment_anything.utils.transforms import ResizeLongestSide

    resize = ResizeLongestSide(256)
    found: List[Any] = []
    for height, width in ((90, 123), (301, 400), (97, 61)):
        points = np.array([[10.25, 20.5], [33, 7]])
        found.append(digest(resize.apply_image(scene(7, height, width).image)))
        found.append(resize.apply_coords(points, (height, width)).tolist())
        found.append(resize.apply_boxes(points.reshape(1, 4), (height, width)).tolist())
    return found


@evidence
def features() -> Any:
    """Features of the same picture as RGB and as BGR."""
    predictor = ready()
    found = [digest(predictor.features)]
    predictor.set_image(scene().image[..., ::-1].copy(), "BGR")
    return [*found, digest(predictor.features)]


@evidence
def batched_features() -> Any:
    """Features of six pictures that are encoded at once."""
    import torch

    pixels = torch.rand(6, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return digest(ready().model.image_encoder(pixels))


@evidence
def answers() -> Any:
    """Logits, scores and low-resolution logits for every kind of prompt."""
    from samcheck.guest.models import inference

    predictor, drawn = ready(), scene()
    found = {}
    for kind in inference.PROMPT_KINDS:
        given = inference.prompt(drawn, kind, 256)
        answer = predictor.predict(return_logits=True, **given.arguments())
        found[kind] = [digest(each) for each in answer]
    found["batch"] = [digest(each) for each in boxes(predictor)]
    return found


@evidence
def masks() -> Any:
    """Masks for a point."""
    from samcheck.guest.models import inference

    given = inference.prompt(scene(), "point")
    return [digest(each) for each in ready().predict(**given.arguments())]


@evidence
def square() -> Any:
    """Masks of a square picture."""
    from samcheck.guest.models import inference

    given = inference.prompt(scene(7, 90, 90), "point")
    return [digest(each) for each in ready(90, 90).predict(**given.arguments())]


@evidence
def automatic() -> Any:
    """Records of the automatic generator, and its parts on a mask with pixels in its corners."""
    import torch
    from segment_anything import SamAutomaticMaskGenerator
    from segment_anything.utils import amg

    options = {"stability_score_thresh": 0.3, "output_mode": "uncompressed_rle"}
    options.update(points_per_side=6, points_per_batch=16, crop_n_layers=1)
    records = [
        SamAutomaticMaskGenerator(model(), pred_iou_thresh=score, **options).generate(scene().image)
        for score in (0.3, 0.9)
    ]
    corner = torch.zeros((1, 5, 7), dtype=torch.bool)
    corner[0, 0, 0] = corner[0, 2:, 4:] = True
    return [json.dumps(records, sort_keys=True), amg.mask_to_rle_pytorch(corner)]


@evidence
def optional() -> Any:
    """Records of the generator with OpenCV and pycocotools, and a mask without its small parts."""
    import numpy as np
    from segment_anything import SamAutomaticMaskGenerator
    from segment_anything.utils import amg

    options: Dict[str, Any] = {"points_per_side": 4, "pred_iou_thresh": 0.0, "stability_score_thresh": 0.0}
    options.update(box_nms_thresh=1.0, min_mask_region_area=30, output_mode="coco_rle")
    records = SamAutomaticMaskGenerator(model(), **options).generate(scene().image)
    mask = np.zeros((20, 20), dtype=bool)
    mask[0:2, 0:2] = mask[2, 2] = True  # 5 pixels, which stay, of which one touches by a corner only
    mask[10:14, 10:20] = True
    return [json.dumps(records, sort_keys=True), digest(amg.remove_small_regions(mask, 5, "islands")[0])]


@evidence
def precisions() -> Any:
    """What the first linear layer of the encoder computes in, and features, per precision."""
    import torch

    from samcheck.guest.models import precisions as known

    pixels = torch.full((1, 3, 256, 256), 0.5)
    pixels[..., ::3] = -1.0
    loaded, found = model(), {}
    loaded.image_encoder.neck[0].weight.data *= 3000  # as large as in large models

    def encode(name: str) -> Any:
        encoder = known.apply(loaded, known.PRECISIONS[name], "cpu").image_encoder
        with torch.no_grad():
            answer = digest(encoder(pixels))
            return [answer, str(torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype)]

    for name in known.PRECISIONS:
        if name != "tf32":
            found[name] = attempt(lambda: encode(name))  # noqa: B023  called at once
    return found


@evidence
def double() -> Any:
    """A product in float64."""
    import torch

    layer = torch.nn.Linear(3, 1).double()
    layer.weight.data[:], layer.bias.data[:] = 1 / 3, 0.1
    return layer(torch.full((1, 3), 1 / 7, dtype=torch.float64)).item()
