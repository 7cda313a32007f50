"""What a samcheck command prints now, as a page shows it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import chdir
from itertools import groupby
from pathlib import Path

from click.testing import CliRunner

from samcheck.__main__ import cli
from samcheck.errors import SamcheckError
from tests.docs.blocks import CHECKOUT, Block
from tests.docs.commands import session, simple

#: Characters of a line that is shown of an output that is shortened.
WIDTH = 110


def current(block: Block) -> list[str]:
    """The lines of a block of commands and their outputs, as they are today."""
    lines: list[str] = []
    for command, _ in session(block.lines):
        lines += [*f"$ {command}".splitlines(), *_shown(output(command), block.shown)]
    return lines


def output(command: str) -> list[str]:
    """The lines that a samcheck command prints, on both streams; nothing is started."""
    (words,) = simple(command)
    assert words[0] == "samcheck", f"only samcheck is run here, not {words[0]}"
    with chdir(CHECKOUT):
        done = CliRunner().invoke(cli, words[1:], standalone_mode=False, env={"COLUMNS": "100"})
    text = done.output
    if isinstance(done.exception, SamcheckError):
        text += f"samcheck: {done.exception}\n"
    elif done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return [line.rstrip() for line in _normalised(text).rstrip().splitlines()]


def _normalised(text: str) -> str:
    """Without what differs from one machine to the next."""
    return text.replace(f"{CHECKOUT}{os.sep}", "").replace(str(Path.home()), "~")


def _shown(lines: list[str], pattern: str) -> Iterator[str]:
    if not pattern:
        yield from lines
        return
    for fits, group in groupby(lines, lambda line: bool(re.search(pattern, line))):
        if fits:
            yield from (line if len(line) <= WIDTH else f"{line[: WIDTH - 3].rstrip()}..." for line in group)
        else:
            yield "..."


def rewritten(path: Path, blocks: list[Block]) -> str:
    """A page with today's outputs in these blocks of it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for block in sorted(blocks, key=lambda block: block.start, reverse=True):
        lines[block.start : block.end] = current(block)
    return "\n".join(lines) + "\n"


def is_run(block: Block) -> bool:
    return block.language == "console" and not block.not_run
