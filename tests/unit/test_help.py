"""The help of all commands, which is shown without importing them."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from samcheck.__main__ import cli
from samcheck.commands import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_begins_its_own_help_like_that(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.get_short_help_str(limit=1000) == COMMANDS[name].summary


def test_commands_are_shown_in_their_order() -> None:
    _, shown = CliRunner().invoke(cli, ["--help"]).output.split("Commands:\n")
    assert [line.split()[0] for line in shown.splitlines() if line[2] != " "] == list(COMMANDS)
