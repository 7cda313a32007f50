"""For MkDocs: pages link to files of the checkout, as on GitHub; the site gets these files, under `source/`.

Markdown becomes a page, another file is copied, and a link to a folder leaves its text.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

CHECKOUT = Path(__file__).resolve().parents[1]
COPIES = "source/"
_LINK = re.compile(r"\[([^\]\n]*)\]\(([^)#\s:]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add what the pages link to, and what those link to."""
    todo = list(files.documentation_pages())
    while todo:
        page = todo.pop()
        for _, link, _ in _LINK.findall(page.content_string):
            path = _linked(page.src_uri, link)
            uri = f"{COPIES}{path}"
            if not path or files.get_file_from_path(uri) or not (CHECKOUT / path).is_file():
                continue
            file = File.generated(config, uri, abs_src_path=str(CHECKOUT / path))
            files.append(file)
            if file.is_documentation_page():
                todo.append(file)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links out of docs/ lead to the copies."""

    def replaced(link: re.Match[str]) -> str:
        path = _linked(page.file.src_uri, link[2])
        if not path:
            return link[0]
        if (CHECKOUT / path).is_dir():
            return link[1]
        target = posixpath.relpath(f"{COPIES}{path}", posixpath.dirname(page.file.src_uri) or ".")
        return f"[{link[1]}]({target}{link[3] or ''})"

    return _LINK.sub(replaced, markdown)


def _linked(uri: str, link: str) -> str:
    """The path in the checkout of a file outside of docs/ that a page links to; empty for others."""
    is_copy = uri.startswith(COPIES)
    origin = uri.removeprefix(COPIES) if is_copy else f"docs/{uri}"
    path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), link))
    return "" if path.startswith(("docs/", os.pardir)) else path
