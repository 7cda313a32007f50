"""The names of all variants, which the host knows without importing a model."""

from __future__ import annotations

from typing import Dict

#: The environment variable that declares the user's own variants to a guest: a JSON list of objects with
#: `name`, `path` and `tier`, and `base` (of a checkpoint) or `target` (of a package).
DECLARED_VARIABLE = "SAMCHECK_VARIANTS"

#: Every variant of SAM by the package that provides it, with the smallest tier that runs it.
FAMILY_VARIANTS: Dict[str, Dict[str, str]] = {
    "segment-anything": {"tiny": "fast", "vit_b": "full", "vit_l": "full", "vit_h": "full"},
    "sam2": {
        "sam2.1_mini": "fast",
        "sam2.1_hiera_tiny": "full",
        "sam2.1_hiera_small": "full",
        "sam2.1_hiera_base_plus": "full",
        "sam2.1_hiera_large": "full",
    },
    "sam3": {"sam3_mini": "fast", "sam3": "full"},
    "mobilesam-mirror": {"mobile_sam_mini": "fast", "mobile_sam": "full"},
    "segment-anything-hq": {
        "hq_mini": "fast",
        "hq_vit_tiny": "full",
        "hq_vit_b": "full",
        "hq_vit_l": "full",
        "hq_vit_h": "full",
    },
    "transformers": {
        "transformers.sam_tiny": "fast",
        "transformers.sam2.1_mini": "fast",
        "transformers.hq_mini": "fast",
        "transformers.vit_b": "full",
        "transformers.sam3_mini": "fast",
        "transformers.sam3_concepts_mini": "fast",
        "transformers.sam2.1_video_mini": "fast",
    },
    "efficientsam": {"efficientvit_sam_mini": "fast", "efficientvit_sam_l0": "full"},
    "ultralytics": {
        "ultralytics.sam_tiny": "fast",
        "ultralytics.mobile_sam_mini": "fast",
        "ultralytics.sam2.1_mini": "fast",
        "ultralytics.mobile_sam": "full",
    },
}
VARIANT_TIERS = {name: tier for variants in FAMILY_VARIANTS.values() for name, tier in variants.items()}
