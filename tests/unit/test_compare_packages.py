"""What `compare` says of the packages of the user's own environments, as of an upgrade in place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from samcheck.__main__ import cli
from samcheck.analysis.compare import compare
from samcheck.analysis.compare.package_differences import PackageDifferences
from samcheck.analysis.package_changes import PackageWay, package_changes
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, EnvironmentRecord
from samcheck.storage import results
from tests.unit.made import RESULT, SEEN

BEFORE = {"torch": "2.4.1", "Requests": "2.25.1", "chardet": "4.0.0", "numpy": "2.2.6", "old_one": "1"}
AFTER = {"torch": "2.4.1", "requests": "2.32.5", "chardet": "4.0.0", "numpy": "1.26.4", "new-one": "1"}
ROOTS = "requests, torch"


def own(
    id: str,
    packages: dict[str, str],
    roots: str = ROOTS,
    declared: str = "",
    finished: str = "2026-11-22T12:30:00+00:00",
    findings: tuple[str, ...] = (),
) -> CellResult:
    settings = {"required_by_nothing": roots} | {f"finding_{at}": text for at, text in enumerate(findings)}
    settings = {name: text for name, text in settings.items() if text}
    outcome = CheckOutcome.FAILED if findings else CheckOutcome.PASSED
    check = CheckResult(
        "test_installed_packages.py::test_requirements_hold",
        "imports",
        outcome,
        reason=" ".join(findings),
        settings=settings,
    )
    return replace(
        RESULT,
        cell=replace(RESULT.cell, id=id, own=True),
        checks=[check],
        finished=finished,
        observed=replace(SEEN, packages=packages),
        environment=EnvironmentRecord("venv", details={"declared": declared} if declared else {}),
    )


def differences(base: CellResult, new: CellResult, *others: CellResult) -> PackageDifferences:
    (found,) = compare([base], [new], lambda _: {}, others=others).packages
    return found


def test_packages_are_grouped_by_how_they_differ() -> None:
    found = differences(own("production-00000001", BEFORE), own("upgraded-00000002", AFTER))
    assert {row.name: row.way for row in found.changes} == {
        "numpy": PackageWay.DOWN,
        "requests": PackageWay.UP,
        "new-one": PackageWay.NEW,
        "old-one": PackageWay.GONE,
    }
    assert found.changes[0].name == "numpy"  # what matters to SAM first
    assert found.left_behind == ()


def test_what_an_upgrade_leaves_behind_is_named() -> None:
    new = own("upgraded-00000002", AFTER, "chardet, new-one, requests, torch")
    found = differences(own("production-00000001", BEFORE), new)
    assert found.left_behind == ("chardet 4.0.0",)  # new-one was installed for its own sake


def test_what_a_result_does_not_record_is_not_claimed() -> None:
    found = differences(own("production-00000001", BEFORE, ""), own("upgraded-00000002", AFTER))
    assert found.left_behind is None


def test_the_same_upgrade_installed_anew_is_compared_with() -> None:
    declared = "requirements requirements.txt, upgraded by pip install -U requests"
    anew = {name: version for name, version in AFTER.items() if name != "chardet"} | {"numpy": "2.2.6"}
    fresh = own("fresh-00000003", anew, declared=f"{declared} and installed anew")
    other = own("other-00000004", BEFORE, declared="requirements other.txt and installed anew")
    new = own("upgraded-00000002", AFTER, declared=declared)
    found = differences(own("production-00000001", BEFORE), new, other, fresh)
    assert found.anew == "fresh-00000003"
    assert sorted(map(str, found.unlike_anew)) == ["chardet 4.0.0", "numpy 2.2.6 -> 1.26.4"]


def test_what_doctor_finds_is_compared() -> None:
    both = "numba requires numpy<2."
    base = own("production-00000001", BEFORE, findings=("a and b lie on top of each other.", both))
    new = own("upgraded-00000002", AFTER, findings=(both, "torch requires c."))
    elsewhere = CheckResult("test_x.py::test_a", "x", CheckOutcome.PASSED, settings={"finding_1": "else"})
    found = differences(base, replace(new, checks=[*new.checks, elsewhere]))
    assert (found.found, found.gone) == (("torch requires c.",), ("a and b lie on top of each other.",))


def test_environments_that_samcheck_makes_have_no_such_part() -> None:
    base, new = own("a-00000001", BEFORE), own("b-00000002", AFTER)
    made = [replace(row, cell=replace(row.cell, own=False)) for row in (base, new)]
    assert compare(made[:1], made[1:], lambda _: {}).packages == ()
    assert compare(made[:1], [new], lambda _: {}).packages != ()


def test_another_build_is_neither_up_nor_down() -> None:
    (row,) = package_changes({"torch": "2.4.1+cu121"}, {"torch": "2.4.1+cpu"})
    assert row.way is PackageWay.BUILD
    (row,) = package_changes({"acme": "main"}, {"acme": "later"})
    assert row.way is PackageWay.BUILD


@pytest.fixture
def store(tmp_path: Path) -> Path:
    declared = "requirements requirements.txt, upgraded by pip install -U requests"
    for row in (
        own("production-00000001", BEFORE),
        own("upgraded-0000000a", BEFORE, finished="2026-11-20T12:00:00+00:00"),
        own("upgraded-0000000b", AFTER, "chardet, requests, torch", declared, "2026-11-21T12:00:00+00:00"),
        own("fresh-0000000c", BEFORE, declared=f"{declared} and installed anew"),
    ):
        results.store(tmp_path, row, "cpu")
    return tmp_path


def command(store: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        cli, ["compare", *arguments, "--results", str(store)], standalone_mode=False, catch_exceptions=True
    )


def test_the_name_of_an_environment_is_its_newest_id(store: Path) -> None:
    done = command(store, "production", "upgraded", "--json")
    (row,) = json.loads(done.stdout)["packages"]
    assert row["row"] == "upgraded-0000000b"
    assert row["left_behind"] == ["chardet 4.0.0"]
    assert {change["name"]: change["way"] for change in row["changes"]}["numpy"] == "down"
    assert row["anew"] == "fresh-0000000c"


def test_the_text_has_a_sentence_and_a_line_for_each_kind(store: Path) -> None:
    text = command(store, "production", "upgraded").stdout.replace("\\", "")
    assert "packages of upgraded-0000000b: 1 down, 1 up, 1 new, 1 gone, 1 left behind" in text
    assert "down: numpy 2.2.6 → 1.26.4" in text
    assert "left behind, for nothing that is there requires them: chardet 4.0.0" in text
    assert "installed anew (fresh-0000000c), it has numpy 2.2.6 instead of 1.26.4, requests 2.25.1" in text
