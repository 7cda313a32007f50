"""Links from the pages to files of the checkout and to headings, as GitHub resolves them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.docs.blocks import CHECKOUT


def broken(path: Path) -> Iterator[str]:
    """The links of a page that lead nowhere; those to other hosts are not followed."""
    for link in _links(path):
        if re.match("[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or not target.is_relative_to(CHECKOUT):
            yield f"{link}: there is no such file"
        elif anchor and anchor not in anchors(target):
            yield f"{link}: there is no such heading"


def _links(path: Path) -> Iterator[str]:
    for token in _parsed(path):
        for child in token.children or ():
            if child.type in ("link_open", "image"):
                yield str(child.attrs.get("href") or child.attrs["src"])


@cache
def anchors(path: Path) -> set[str]:
    tokens = _parsed(path)
    headings = (after for token, after in pairwise(tokens) if token.type == "heading_open")
    return {_slug(heading) for heading in headings}


def _slug(heading: Token) -> str:
    text = "".join(child.content for child in heading.children or ())
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def _parsed(path: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))
