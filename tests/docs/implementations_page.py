"""docs/reference/implementations.md: how far implementations are apart, from measured figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from packaging.version import Version

from samcheck import paths

FIGURES = paths.ROOT / "tests" / "bench" / "implementations"

INTRODUCTION = """\
# Implementations compared with the original ones

This page shows how far other implementations of a model are from the original one. The group
`implementations` puts the original's weights into another implementation, gives both the same pixels and
prompts, and compares logits, scores and masks. What differs is attributed to a stage (preprocessing,
encoder, prompt, decoder, resizing) by putting the original's stage in its place.

- **alike**: with the settings of the original; a deviation that no setting removes is repaired.
- **as it comes**: with the defaults that a user gets.
- Logits are relative to the largest one of the original, scores are absolute, and pixels are those of all
  masks of one prediction. Each figure is the largest of all predictions: scenes with every kind of prompt.
- **Stages** are those that exceed [the limits](../../samcheck/guest/agreement/limits.py), and in how many
  of the predictions: 1e-9 in float64, five times the largest clean spread in float32.

In float64, 1e-15 is what rounding leaves. sam2 and sam3 resize masks in float32 whatever their model
computes in, so logits at the size of the image agree to 1e-7 there. Both implementations of SAM 3 turn
queries and keys in float32; for this comparison they do it in float64. Pixels that each implementation
resized itself differ by up to two levels of 255; for SAM 2.1, which takes the most stable of several masks
for one prompt, so little can decide for another mask. Of HQ-SAM, whose original returns one mask,
transformers' best one is compared.

ultralytics pads with grey, smooths nothing and stretches nothing: of an image that is no square, its model
sees another picture, so that squares are compared on the same pixels. It resizes masks in float32. As it
comes, it does not round the top of SAM 2.1's pyramid to float32, as sam2 does. MobileSAM at full size has its
real weights. What deviates is in [the catalogue of defects](defects.md) and in
[reports for upstream](../upstream/README.md). All of this was measured on CPUs.

Written by `python -m tests.docs --update` from what
[python -m tests.bench.implementations](../../tests/bench/implementations/__main__.py) measured; do not edit.
"""

COLUMNS = (
    "Variant",
    "Settings",
    "Pixels",
    "Type",
    "Predictions",
    "Logits",
    "At image size",
    "Scores",
    "Different pixels",
    "Stages",
)


def render() -> str:
    records = [json.loads(path.read_text(encoding="utf-8")) for path in FIGURES.glob("*.json")]
    records.sort(
        key=lambda record: (Version(record["packages"][_tested(record)]), "sam3" not in record["packages"]),
        reverse=True,
    )
    records.sort(key=_tested)
    return "\n".join([INTRODUCTION, *(line for record in records for line in _section(record))])


def _tested(record: dict[str, Any]) -> str:
    """Return the package whose variants are compared."""
    return next(name for name in ("transformers", "ultralytics") if name in record["packages"])


def _section(record: dict[str, Any]) -> Iterator[str]:
    versions, tested = record["packages"], _tested(record)
    beside = f", sam3 {versions['sam3']}" if "sam3" in versions else ""
    torch = versions["torch"].partition("+")[0]
    yield f"## {tested} {versions[tested]}, PyTorch {torch}{beside}\n"
    others = [f"{name} {version}" for name, version in versions.items() if name not in (tested, "torch")]
    yield f"With Python {record['python']}, {', '.join(others)}.\n"
    yield "| " + " | ".join(COLUMNS) + " |"
    yield "| --- " * len(COLUMNS) + "|"
    for variant, pair in record["pairs"].items():
        for figures in pair["figures"]:
            yield "| " + " | ".join(_row(f"{variant} and {pair['reference']}", figures)) + " |"
    yield ""
    if "encoders" in record:
        yield from _encoders(record["encoders"])


def _encoders(encoders: dict[str, Any]) -> Iterator[str]:
    yield "The image encoder alone, in timm and in segment-anything: features relative to the largest.\n"
    yield "| Encoder | Settings | Type | Pictures | Features |"
    yield "| --- " * 5 + "|"
    for variant, rows in encoders.items():
        for row in rows:
            figure = f"{row['features']:.1e}"
            yield f"| {variant} | {row['how']} | {row['type']} | {row['pictures']} | {figure} |"
    yield ""


def _row(title: str, figures: dict[str, Any]) -> Iterator[str]:
    yield from (title, figures["how"], figures["pixels"], figures["type"], str(figures["predictions"]))
    yield from (f"{figures[name]:.1e}" for name in ("low", "full", "score"))
    yield str(figures["different_pixels"])
    yield ", ".join(f"{stage} {count}" for stage, count in figures["stages"].items()) or "none"
