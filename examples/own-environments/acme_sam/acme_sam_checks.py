"""Tells samcheck of the company's model; nothing in production imports this module."""

from __future__ import annotations

import acme_sam

from samcheck.guest.models.variants import Variant

VARIANT = Variant("acme_sam", acme_sam.SIZE, acme_sam.build, tier="fast")
