"""What people whose upgrade broke should have asked samcheck beforehand, and what it answers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from click.testing import CliRunner

from samcheck import paths
from samcheck.__main__ import cli
from samcheck.cells import Cell
from samcheck.environments import gpu_errors
from samcheck.errors import BadInput
from samcheck.facts import compatibility, load
from samcheck.facts.target_machine import NO_GPU
from samcheck.guest.installed.finding import FindingKind
from samcheck.guest.installed.inventory import Loading
from tests.unit.made_packages import found, install
from tests.unit.public_reports import ASKED, CAUGHT, ERRORS, IMPORTS, OF_PACKAGES, UNANSWERED, Report

FACTS = load()


def by_url(report: Report) -> str:
    return report.url


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has none: what is not asked about is not known."""
    monkeypatch.setattr("samcheck.commands.advise_questions.this_machine", lambda: NO_GPU)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("report", ASKED, ids=by_url)
def test_a_question_is_answered_before_the_upgrade(report: Report, tmp_path: Path) -> None:
    arguments = [word.replace("_", " ") for word in report.question.split()]
    if arguments[0] == "advise":  # by the facts alone
        arguments += ["--results", str(tmp_path), "--all"]
    answer = CliRunner().invoke(cli, arguments)
    refused = isinstance(answer.exception, BadInput)
    said = " ".join(f"{answer.output} {answer.exception if refused else ''}".split())
    assert (BadInput.exit_code if refused else answer.exit_code) == report.code, said
    for text in report.says:
        assert text in said


@pytest.mark.parametrize("report", OF_PACKAGES, ids=by_url)
def test_what_a_package_loses_is_known(report: Report) -> None:
    torch, cuda, python, package = report.question.split()
    said = " ".join(
        limit.text for limit in compatibility.limits(Cell(torch, cuda, python, sam=package), FACTS)
    )
    for text in report.says:
        assert text in said
    assert report.says[0] not in " ".join(
        limit.text for limit in compatibility.limits(Cell(torch, cuda, python), FACTS)
    )


@pytest.mark.parametrize("report", ERRORS, ids=by_url)
def test_an_error_names_its_cause(report: Report) -> None:
    said = gpu_errors.lost(report.question).sentence
    assert all(text in said for text in report.says), said


@pytest.mark.parametrize("report", IMPORTS, ids=by_url)
def test_an_import_that_fails_has_a_cause(report: Report, tmp_path: Path) -> None:
    module, _, error = report.question.partition(" ")
    install(tmp_path, module, "2.0.1")
    (finding,) = found(tmp_path, loading=Loading(import_errors={module: error}))
    said = f"{finding.sentence} {finding.cure}"
    assert all(text in said for text in report.says), said


@pytest.mark.parametrize("report", CAUGHT, ids=by_url)
def test_the_check_that_catches_it_exists(report: Report) -> None:
    file, name = report.question.split("::")
    tree = ast.parse((paths.SUITE / file).read_text(encoding="utf-8"))
    assert name in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert {*report.says} <= {kind.value for kind in FindingKind}


def test_most_reports_are_answered_and_none_counts_twice() -> None:
    answered = [report.url for report in (*ASKED, *OF_PACKAGES, *ERRORS, *IMPORTS, *CAUGHT)]
    assert len({*answered, *UNANSWERED}) == len(answered) + len(UNANSWERED) >= 30
    assert len(answered) >= 0.8 * (len(answered) + len(UNANSWERED))
