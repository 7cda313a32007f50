"""Fixtures with which a check reports more than its outcome; `plugin` stores what they collect."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest

from ..defects.watch import DefectWatch
from ..record import Series

WATCH = pytest.StashKey["DefectWatch"]()
METRICS = pytest.StashKey["Dict[str, float]"]()
SETTINGS = pytest.StashKey["Dict[str, str]"]()
SERIES = pytest.StashKey["List[Series]"]()
PICTURES = pytest.StashKey["Dict[str, str]"]()
#: The fixture of the small model, for checks that do not depend on the size.
PLAIN = "plain"


@pytest.fixture
def defect(request: pytest.FixtureRequest) -> DefectWatch:
    """``with defect("some-id"): ...`` around a step that a catalogued upstream defect may break."""
    watch = DefectWatch()
    request.node.stash[WATCH] = watch
    return watch


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Dict[str, float]:
    """Numbers to store with this check; the unit is the suffix of the name."""
    metrics: Dict[str, float] = request.node.stash.setdefault(METRICS, {})
    return metrics


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Dict[str, str]:
    """Settings that really applied, read back from live objects, to store with this check."""
    settings: Dict[str, str] = request.node.stash.setdefault(SETTINGS, {})
    return settings


@pytest.fixture
def series(request: pytest.FixtureRequest) -> List[Series]:
    """Raw samples measured by this process, to store with this check."""
    series: List[Series] = request.node.stash.setdefault(SERIES, [])
    return series


@pytest.fixture
def pictures(request: pytest.FixtureRequest) -> Dict[str, str]:
    """Pictures to store with this check if it fails, as `samcheck.guest.pictures` makes them."""
    pictures: Dict[str, str] = request.node.stash.setdefault(PICTURES, {})
    return pictures


def noted(item: pytest.Item, failed: bool) -> Dict[str, Any]:
    """Return what a check has collected, as fields of its result."""
    settings = item.stash.get(SETTINGS, {})
    if PLAIN in getattr(item, "fixturenames", ()):  # it runs SAM, whichever variants were requested
        settings = dict(settings, model="tiny")
    return {
        "metrics": item.stash.get(METRICS, {}),
        "settings": settings,
        "series": item.stash.get(SERIES, []),
        "pictures": item.stash.get(PICTURES, {}) if failed else {},
    }
