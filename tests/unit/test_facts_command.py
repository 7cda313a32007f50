"""`samcheck facts` shows what there is, and says what it does not understand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from samcheck import facts
from samcheck.commands.facts import facts_command
from samcheck.errors import BadInput

FACTS = facts.load()


def command(*arguments: str) -> Result:
    return CliRunner().invoke(facts_command, arguments, env={"COLUMNS": "200"})


def test_summary_counts_all_rows() -> None:
    rows = json.loads(command("--json").output)
    assert {row["table"]: row["rows"] for row in rows} == {
        **{name: len(getattr(FACTS, name)) for name in facts.TABLES},
        "builds": sum(len(release.builds) for release in FACTS.releases),
    }
    assert all(row["verified"] + row["stored"] + row["unverified"] == row["rows"] for row in rows)
    assert "toolkits" in command().output


@pytest.mark.parametrize("table", [*facts.TABLES, "builds", "torch", "drivers"])
def test_tables_are_shown_with_their_sources(table: str) -> None:
    done = command(table)
    assert done.exit_code == 0
    assert "source" in done.output
    assert json.loads(command(table, "--json").output)


def test_sources_are_explained_one_by_one() -> None:
    assert "issues/132179" in command("sources", "pt132179").output
    assert json.loads(command("sources", "--json").output) == FACTS.sources


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gpu",), "did you mean gpus?"),
        (("sources", "pt132178"), "did you mean pt132179?"),
        (("gpus", "A100"), "only `sources` does"),
        (("--write",), "--write works only with --refresh"),
        (("gpus", "--refresh"), "exclude each other"),
    ],
)
def test_what_is_asked_wrongly_is_explained(arguments: tuple[str, ...], said: str) -> None:
    done = command(*arguments)
    assert isinstance(done.exception, BadInput)
    assert said in str(done.exception)


def test_folder_without_results_is_said(tmp_path: Path) -> None:
    done = command("--against", str(tmp_path))
    assert isinstance(done.exception, BadInput)
    assert "holds no results" in str(done.exception)
