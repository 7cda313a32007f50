"""How far implementations are apart: the figures behind `samcheck.guest.agreement.limits`, and of the table.

    python -m tests.bench.implementations --scenes 20

Run it with the interpreter of an environment that has transformers or ultralytics, and the original packages.
With SAMCHECK_CHECKPOINTS, MobileSAM has its real weights. It prints the figures and writes them to a file
beside this one, from which `python -m tests.docs --update` makes docs/reference/implementations.md.
"""

from __future__ import annotations

import argparse
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, List, Optional

import torch

from samcheck.guest.agreement import limits, timm_encoder
from samcheck.guest.agreement.attribution import AnswerDifference, StageComparison
from samcheck.guest.agreement.pairs import PAIRS, Pair
from samcheck.guest.agreement.video_comparison import PIXELS, VideoComparison, nothing, put_right
from samcheck.guest.models import inference, scenes, stories
from samcheck.guest.models.families.sam2 import SAM2
from samcheck.guest.models.variants import VARIANTS
from samcheck.guest.plugin.chosen_variants import unavailable

#: What is compared: by whether the variant is made alike, whether it gets the same pixels, and the type.
WAYS = (
    ("alike", True, torch.float64),
    ("alike", True, torch.float32),
    ("alike", False, torch.float32),
    ("as it comes", True, torch.float64),
    ("as it comes", True, torch.float32),
)
VIDEO = "transformers.sam2.1_video_mini"
VIDEO_WAYS = (
    ("alike", put_right, PIXELS, torch.float64),
    ("alike", put_right, PIXELS, torch.float32),
    ("alike", put_right, (), torch.float32),
    ("as it comes", nothing, PIXELS, torch.float64),
)
#: What can be under test, then what else is compared.
TESTED = ("transformers", "ultralytics")
PACKAGES = (
    "torch",
    "torchvision",
    *TESTED,
    "segment-anything",
    "sam2",
    "segment-anything-hq",
    "mobilesam-mirror",
    "timm",
    "sam3",
)


def measure(pair: Pair, count: int) -> List[Dict[str, Any]]:
    """Compare a pair in every way, on `count` scenes with every kind of prompt."""
    found = []
    for how, same_pixels, dtype in WAYS:
        reference, own = pair.made_alike(dtype) if how == "alike" else pair.both(dtype)
        seen: List[AnswerDifference] = []
        stages: Dict[str, int] = {}
        for number in range(count):
            size = pair.size if same_pixels else (240 - 3 * number, 320 - number)
            scene = scenes.draw(100 + number, *size)
            comparison = StageComparison(reference, own, scene.image, same_pixels)
            for kind in inference.PROMPT_KINDS:
                prompt = inference.prompt(scene, kind, pair.side)
                attribution = comparison.attribute(prompt, limits.of(pair, dtype))
                seen.append(attribution.whole)
                for stage in attribution.stages:
                    stages[stage] = stages.get(stage, 0) + 1
        pixels = "the same" if same_pixels else "each its own"
        found.append(figures(how, pixels, dtype, seen, stages))
        print(pair.variant, found[-1], flush=True)
    return found


def measure_videos(count: int) -> List[Dict[str, Any]]:
    """Compare the implementations of videos in every way, through every story of `count` drawn videos."""
    found = []
    for how, seed, replaced, dtype in VIDEO_WAYS:
        seen: List[AnswerDifference] = []
        stages: Dict[str, int] = {}
        for number in range(count):
            drawn = stories.footage(seed=8 + number)
            comparison = VideoComparison(drawn.frames, dtype)
            for story in stories.stories(drawn).values():
                whole = comparison.difference(story, seed, replaced)
                seen.append(whole)
                if whole.exceeds(limits.of_video(dtype)):
                    for stage in comparison.attribute(story, limits.of_video(dtype), seed, replaced).stages:
                        stages[stage] = stages.get(stage, 0) + 1
        found.append(figures(how, "the same" if replaced else "each its own", dtype, seen, stages))
        print(VIDEO, found[-1], flush=True)
    return found


def figures(
    how: str, pixels: str, dtype: torch.dtype, seen: List[AnswerDifference], stages: Dict[str, int]
) -> Dict[str, Any]:
    """Return the largest differences of one way."""
    return {
        "how": how,
        "pixels": pixels,
        "type": str(dtype).rpartition(".")[2],
        "predictions": len(seen),
        "low": max(each.low for each in seen),
        "full": max(each.full for each in seen),
        "score": max(each.score for each in seen),
        "different_pixels": max(each.pixels for each in seen),
        "stages": stages,
    }


def encoders(variant: str, count: int) -> List[Dict[str, Any]]:
    """Compare timm's image encoder with segment_anything's, on `count` pictures."""
    found = []
    for how, epsilon in (("alike", timm_encoder.EPSILON), ("as it comes", None)):
        for dtype in (torch.float64, torch.float32):
            pair = timm_encoder.EncoderPair(variant, dtype, epsilon)
            largest = max(pair.difference(seed) for seed in range(count))
            name = str(dtype).rpartition(".")[2]
            found.append({"how": how, "type": name, "pictures": count, "features": largest})
            print(variant, found[-1], flush=True)
    return found


def packages() -> Dict[str, str]:
    """Return the versions of what is compared, as far as it is installed."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def main(arguments: Optional[List[str]] = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.implementations")
    parser.add_argument("--scenes", type=int, default=20, metavar="NUMBER")
    parser.add_argument("--videos", type=int, default=2, metavar="NUMBER")
    parser.add_argument("--only", action="append", metavar="VARIANT", help="may be given several times")
    parser.add_argument("--keep", action="store_true", help="keep the other figures of the file")
    chosen = parser.parse_args(arguments)
    versions = packages()
    tested = next(name for name in TESTED if name in versions)
    name = "{}{}-torch{}".format(tested, versions[tested], versions["torch"].partition("+")[0])
    # sam3 excludes the NumPy of other cells, so that it is measured in an environment of its own.
    path = Path(__file__).with_name(name + ("-sam3" if "sam3" in versions else "") + ".json")
    record: Dict[str, Any] = {"python": platform.python_version(), "packages": versions, "pairs": {}}
    if chosen.keep:
        record = json.loads(path.read_text(encoding="utf-8"))
    record["pairs"].update(measure_all(chosen))
    if not chosen.only and not timm_encoder.unavailable():
        record["encoders"] = {"tiny": encoders("tiny", chosen.scenes), "vit_b": encoders("vit_b", 1)}
    path.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print("written:", path.name)


def measure_all(chosen: argparse.Namespace) -> Dict[str, Any]:
    """Compare every pair whose packages are installed; large ones on one scene."""
    found = {}
    for pair in PAIRS.values():
        if chosen.only and pair.variant not in chosen.only:
            continue
        reason = unavailable(pair.variant) or pair.unavailable()
        if reason:
            print(f"{pair.variant}: {reason}")
            continue
        count = chosen.scenes if VARIANTS[pair.variant].tier == "fast" else 1
        found[pair.variant] = {"reference": pair.reference, "figures": measure(pair, count)}
    if not chosen.only or VIDEO in chosen.only:
        reason = unavailable(VIDEO) or ", ".join(SAM2.missing())
        if reason:
            print(f"{VIDEO}: {reason}")
        else:
            found[VIDEO] = {"reference": "sam2", "figures": measure_videos(chosen.videos)}
    return found


if __name__ == "__main__":
    main()
