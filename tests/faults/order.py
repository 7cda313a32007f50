"""A pytest plugin: modules run in the order in which they were named.

pytest gathers checks that share a parameter over all modules, which saves set-ups, but puts what sees most
behind much that is slow.
"""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: List[pytest.Item]) -> None:
    places = {Path(name).resolve(): place for place, name in enumerate(config.args)}
    items.sort(key=lambda item: places.get(item.path.resolve(), len(places)))
