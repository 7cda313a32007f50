"""The fenced blocks of a Markdown page, with what the comment above each says of it.

`<!-- not run: REASON -->` keeps a block from being compared with what its commands print today; their options
are checked all the same. `<!-- shown: PATTERN -->` keeps the lines of the output that PATTERN is found in,
cuts long ones, and puts `...` where others are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

CHECKOUT = Path(__file__).resolve().parents[2]
DOCS = CHECKOUT / "docs"
README = CHECKOUT / "README.md"

_SAID = re.compile(r"<!-- (not run|shown): (.+?) -->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        path: of the page.
        start, end: of what is between the fences, as indices of lines.
        language: of the opening fence.
        lines: between the fences.
        not_run: why the block is not run; empty where it is.
        shown: the pattern of the lines of the output that are shown; empty for all.
    """

    path: Path
    start: int
    end: int
    language: str
    lines: tuple[str, ...]
    not_run: str = ""
    shown: str = ""

    def __str__(self) -> str:
        return f"{self.path.relative_to(CHECKOUT)}:{self.start}"

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def blocks(path: Path) -> Iterator[Block]:
    said: dict[str, str] = {}
    for token in MarkdownIt("commonmark").parse(path.read_text(encoding="utf-8")):
        if token.type == "fence":
            assert token.map
            start, end = token.map[0] + 1, token.map[1] - 1
            lines = tuple(token.content.splitlines())
            language = token.info.strip()
            yield Block(path, start, end, language, lines, said.get("not run", ""), said.get("shown", ""))
        said = dict(_SAID.findall(token.content)) if token.type == "html_block" else {}
