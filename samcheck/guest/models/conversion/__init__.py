"""Conversion of weights between implementations: by tables of names that leave nothing out on either side."""

from .names import ConversionFailed, converted, load_converted

__all__ = ["ConversionFailed", "converted", "load_converted"]
