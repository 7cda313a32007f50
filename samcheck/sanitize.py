"""Foreign text → text that can stand in a report: nothing in it is obeyed, nothing of it is hidden."""

from __future__ import annotations

import re

from samcheck.streams import spelled

#: A message of a megabyte stands whole in the result file; a report shows its beginning.
LONGEST = 4_000

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


def visible(text: str, longest: int = LONGEST) -> str:
    r"""One line. Control, direction and invisible characters are spelled out, as in ``\x1b[31m``."""
    if len(text) <= longest and text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()  # nearly every text
    return _shown(" ".join(text[: longest + 1].split()), len(text), longest)


def visible_lines(text: str, longest: int = LONGEST) -> str:
    """As `visible`, with the line breaks kept, as in a traceback."""
    lines = (line.rstrip() for line in text[: longest + 1].splitlines())
    return _shown("\n".join(lines), len(text), longest)


def _shown(text: str, length: int, longest: int) -> str:
    kept = _UNPRINTABLE.sub(lambda sign: spelled(sign[0]), text[:longest])
    return f"{kept} … ({length} characters in all)" if length > longest else kept
