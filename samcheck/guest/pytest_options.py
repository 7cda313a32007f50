"""The suite's options and markers for pytest.

If samcheck is installed, pytest loads this through its entry point, so that `pytest --help` and `pytest
--markers` list them; it does nothing else to other tests. The suite's conftest loads the rest.
"""

from __future__ import annotations

import pytest

from .record import BENCHMARK_SECONDS, CHECK_SECONDS

MARKERS = (
    "fast: the tier for everyday use: small variant, under a minute",
    "full: the tier for runners: every variant",
    "variants(names, beside={}): run the check for these variants only, and in which other package's cells",
    "precisions(names): run the check for these precisions only",
    "families(names): run the check for variants of these packages only",
    "capabilities(names): run the check for variants that can do all of this; default: sam1",
    "small: run the check for the small variant of each family only",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("samcheck")
    group.addoption("--samcheck-journal", metavar="FILE", help="append one JSON line per event")
    group.addoption(
        "--samcheck-skip-listed", metavar="FILE", help="leave out the checks listed, one per line"
    )
    group.addoption("--samcheck-only", metavar="FILE", help="run only the checks listed, one per line")
    group.addoption("--samcheck-device", choices=("auto", "cpu", "cuda"), default="auto")
    group.addoption("--samcheck-gpu", metavar="NAME", default="", help="what the device cuda must be")
    group.addoption(
        "--samcheck-variants",
        metavar="NAMES",
        help="comma-separated; default: all of the families that are installed",
    )
    group.addoption(
        "--samcheck-families",
        metavar="NAMES",
        help="comma-separated packages whose variants are tested; default: all that are installed",
    )
    group.addoption("--samcheck-groups", metavar="NAMES", help="comma-separated; default: all")
    group.addoption(
        "--samcheck-benchmark-seconds",
        type=float,
        default=BENCHMARK_SECONDS["fast"],
        metavar="SECONDS",
        help="time limit of one benchmark, once for the warm-up and once for the samples",
    )
    group.addoption(
        "--samcheck-turns", metavar="FOLDER", help="take turns with another process through the FIFOs there"
    )
    group.addoption("--samcheck-check-timeout", type=float, default=CHECK_SECONDS, metavar="SECONDS")


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
