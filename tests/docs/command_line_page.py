"""docs/reference/command-line.md: every command with its options, from click."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from samcheck.__main__ import cli
from samcheck.commands import COMMANDS

INTRODUCTION = """\
# Command line

This page is for looking up a command or an option. `samcheck COMMAND --help` prints the same in a terminal.
Many commands have a nox session of the same name, which installs samcheck first; options go behind `--`:
`nox -s matrix -- --tier full` is `samcheck matrix --tier full`. [Exit codes](exit-codes.md) have a page too.

Written by `python -m tests.docs --update` from the commands; do not edit.
"""
#: Ranges as click writes them, and in words.
RANGES = (
    (r"([\d.]+)<=x<=1000000\b", r"at least \1"),  # nobody has more of anything: `options.MOST`
    (r"([\d.]+)<=x<=([\d.]+)", r"\1 to \2"),
    (r"x>=([\d.]+)", r"at least \1"),
    (r"x>([\d.]+)", r"more than \1"),
)


def render() -> str:
    return "\n".join([INTRODUCTION, *(line for name in COMMANDS for line in _command(name))])


def _command(name: str) -> Iterator[str]:
    top = click.Context(cli, info_name="samcheck")
    command = cli.get_command(top, name)
    assert command
    context = click.Context(command, info_name=name, parent=top)
    yield f"## {name}\n"
    yield f"`{' '.join(command.get_usage(context).removeprefix('Usage: ').split())}`\n"
    yield f"{inspect.cleandoc(command.help or '')}\n"
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    if options:
        yield "| option | does |"
        yield "| --- | --- |"
        yield from (_row(option, context) for option in options)
        yield ""


def _row(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    assert record
    names, text = record
    names = re.sub("(INTEGER|FLOAT) RANGE", "N", names)
    for pattern, words in RANGES:
        text = re.sub(pattern, words, text)
    return f"| <code>{_escaped(names)}</code> | {_escaped(text)} |"


def _escaped(text: str) -> str:
    """For a field of a table, in which GitHub and MkDocs differ on a backslash before a bar in code."""
    return " ".join(text.split()).replace("<", "&lt;").replace("|", "&#124;")
