"""The pages that are written from the code, and the parts of other pages that are."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from samcheck import paths
from tests.docs import checks_page, command_line_page, defects_page, implementations_page, outputs
from tests.docs.blocks import DOCS, README, blocks

GENERATED: dict[Path, Callable[[], str]] = {
    DOCS / "reference" / "checks.md": checks_page.render,
    DOCS / "reference" / "command-line.md": command_line_page.render,
    DOCS / "reference" / "defects.md": defects_page.render,
    DOCS / "reference" / "implementations.md": implementations_page.render,
}
#: Notes for the next changelog entry, which are no pages; the folder's own README is one.
CHANGES = DOCS / "changes"
_OVERVIEW = re.compile(r"(?<=<!-- the overview of results/README.md -->\n\n).*?(?=\n\n)", re.DOTALL)


def every() -> list[Path]:
    """README and every page of the documentation."""
    return [README, *sorted({*DOCS.rglob("*.md"), *GENERATED}.difference(change_notes()))]


def change_notes() -> list[Path]:
    return [path for path in CHANGES.iterdir() if path.name != "README.md"]


def current(path: Path) -> str:
    """What a page should be today."""
    if path in GENERATED:
        return GENERATED[path]()
    text = outputs.rewritten(path, [block for block in blocks(path) if outputs.is_run(block)])
    return _OVERVIEW.sub(lambda _: overview(), text) if path == README else text


def overview() -> str:
    """The first table of results/README.md, with links that work in README."""
    text = (paths.RESULTS / "README.md").read_text(encoding="utf-8")
    table = next(part for part in text.split("\n\n") if part.startswith("|"))
    return table.replace("](#", "](results/README.md#")


def stale() -> list[Path]:
    """The pages that are not what they should be today."""
    return [path for path in every() if not _is_current(path)]


def _is_current(path: Path) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == current(path)


def update() -> list[Path]:
    """Write every page that is stale; which these were."""
    changed = stale()
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(current(path), encoding="utf-8")
    return changed
