"""What is known or skipped is tried again with newer versions: nothing rests on a version without an end."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from samcheck.facts import load
from samcheck.guest.defects.catalogue import DEFECTS

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDERS = ("samcheck/guest", "tests/suite")
#: Names under which a version is asked for.
VERSIONS = {"__version__", "version_info", "_version"}
#: Decisions by a version, each with the versions that it holds for; every other version is tried.
CLOSED = {
    ("samcheck/guest/models/backends/compiled.py", "cut"): "2.0: its explain() returns a tuple",
    ("samcheck/guest/models/backends/tensor_rt.py", "load"): "before 8.6",
    (
        "samcheck/guest/recipes/claims.py",
        "_advised_against",
    ): "not 3.8 to 3.10; what the claim says is tried first",
    ("samcheck/guest/recipes/claims.py", "image"): "the three versions that the claim names",
    ("tests/suite/test_compile.py", "test_sizes_are_not_all_compiled"): "2.0: compile-every-size",
}
#: Without an end, but deciding how something is measured or set up, not whether it is tried.
OPEN = {
    (
        "samcheck/guest/memory/peaks.py",
        "resizing_copies",
    ): "what the estimate counts, which a peak is held against",
    ("samcheck/guest/models/backends/onnx_runtime.py", "plain_session"): "an option that 1.17 refuses",
    (
        "tests/suite/test_exchange.py",
        "test_reads_what_another_release_wrote",
    ): "whether the reader is the writer, which must read its own files",
}
MATRICES = sorted((CHECKOUT / "matrices").glob("*.toml"))


def _names(tree: ast.AST) -> set[str]:
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return attributes | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _decides(node: ast.AST, local: set[str]) -> bool:
    """Whether a comparison, or a look at the beginning of a text, is about a version."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr == "startswith" and _asks(node, local)
    return isinstance(node, ast.Compare) and _asks(node, local)


def _asks(node: ast.AST, local: set[str]) -> bool:
    return bool(_names(node) & (VERSIONS | local))


def decisions() -> Iterator[tuple[str, str]]:
    """The functions that decide something by a version, also by a variable that holds one."""
    for path in sorted(path for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            local = {
                target.id
                for node in ast.walk(function)
                if isinstance(node, ast.Assign) and _names(node.value) & VERSIONS
                for target in node.targets
                if isinstance(target, ast.Name)
            }
            if any(_decides(node, local) for node in ast.walk(function)):
                yield path.relative_to(CHECKOUT).as_posix(), function.name


def test_nothing_is_known_or_skipped_by_a_version_that_is_not_listed() -> None:
    """Try the thing itself, or list here for which versions it is decided and why newer ones are tried."""
    assert set(decisions()) == {*CLOSED, *OPEN}


@pytest.mark.parametrize(("path", "name"), CLOSED)
def test_a_decision_by_version_has_an_upper_end(path: str, name: str) -> None:
    tree = ast.parse((CHECKOUT / path).read_text(encoding="utf-8"))
    function = next(
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name
    )
    compared = [node for node in ast.walk(function) if isinstance(node, ast.Compare)]
    operators = [operator for node in compared for operator in node.ops if _asks(node, {"version"})]
    assert not any(isinstance(operator, ast.Gt | ast.GtE) for operator in operators)


def test_a_known_defect_is_recognised_by_its_symptom_only() -> None:
    """So it is tried wherever its check runs, and called fixed where it is gone."""
    for defect in DEFECTS.values():
        assert defect.symptoms, defect.id
        assert set(vars(defect)) == {"id", "title", "symptoms", "link"}


@pytest.mark.parametrize("path", MATRICES, ids=lambda path: path.name)
def test_what_a_matrix_leaves_out_names_the_newest_release_it_was_seen_with(path: Path) -> None:
    """And a release that is not known yet is tried."""
    known = [release.version for release in load().releases]
    for rule in tomllib.loads(path.read_text(encoding="utf-8")).get("exclude", ()):
        specs = rule.get("torch", ())
        for spec in [specs] if isinstance(specs, str) else specs:
            newest = spec.rpartition("<=")[2]
            assert not SpecifierSet(spec).contains("99.0"), (
                f"{path.name}: {spec}: leaves out what nobody tried"
            )
            assert newest in known, (
                f"{path.name}: {spec}: end it with <= and the newest release it was seen with"
            )
