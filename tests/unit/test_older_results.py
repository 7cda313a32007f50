"""Results of every schema so far are read, and shown by every output.

The samples are real results of a CPU, trimmed to some checks of each outcome; the two that failed are of
another cell, and what crashed, timed out, or was not run is made up.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from samcheck.__main__ import cli
from samcheck.errors import BadInput
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import SCHEMA_VERSION
from samcheck.report import exports
from samcheck.storage import results
from samcheck.storage.results import Stored

SAMPLES = Path(__file__).parent / "samples"
VERSIONS = range(results.OLDEST_SCHEMA, SCHEMA_VERSION + 1)

each_version = pytest.mark.parametrize("version", VERSIONS)


@pytest.fixture
def store(version: int, tmp_path: Path) -> Path:
    path = tmp_path / "cpu-amd-epyc" / "none" / "torch2.4.1-cu121-py3.11.json"
    path.parent.mkdir(parents=True)
    path.write_bytes((SAMPLES / f"schema-{version}.json").read_bytes())
    return tmp_path


@each_version
def test_the_sample_is_what_it_says(version: int) -> None:
    content = json.loads((SAMPLES / f"schema-{version}.json").read_bytes())
    assert content["schema_version"] == version
    newer = set() if version >= 4 else {CheckOutcome.INTERMITTENT}
    assert {check["outcome"] for check in content["checks"]} == set(CheckOutcome) - newer
    assert any(check.get("series") for check in content["checks"]) == (version >= 2)


@each_version
def test_tables_show_results_of_every_schema(version: int, store: Path) -> None:
    assert CliRunner().invoke(cli, ["table", "--results", str(store)]).exit_code == 0
    table = (store / "README.md").read_text()
    assert "Files that are not results" not in table
    assert "- ✗ `torch2.4.1-cu121-py3.11` failed: " in table
    assert "# How much memory SAM takes" in (store / "memory.md").read_text()
    assert "# Does what a deployment guide recommends" in (store / "recipes.md").read_text()


@each_version
@pytest.mark.parametrize("name", sorted(exports.FORMATS))
def test_exports_take_results_of_every_schema(version: int, name: str, store: Path) -> None:
    rows, problems = results.load(store)
    assert not problems
    written = io.BytesIO()
    exports.FORMATS[name](iter(rows), [], written)
    if name == "badge":
        assert b"0/1 cells passed" in written.getvalue()
    elif name != "parquet":
        assert b"torch2.4.1-cu121-py3.11" in written.getvalue()
        assert b"SIGSEGV" in written.getvalue()
    else:
        assert len(written.getvalue()) > 1000


@each_version
def test_show_takes_results_of_every_schema(version: int, store: Path) -> None:
    done = CliRunner().invoke(cli, ["show", "torch2.4.1-cu121-py3.11", "--results", str(store)])
    assert done.exit_code == 0
    assert "✗ crashed: the interpreter died: SIGSEGV" in done.output


def test_a_newer_one_is_refused(tmp_path: Path) -> None:
    newer = (SAMPLES / f"schema-{SCHEMA_VERSION}.json").read_bytes()
    path = tmp_path / "x.json"
    was, will = (f'"schema_version": {number}'.encode() for number in (SCHEMA_VERSION, SCHEMA_VERSION + 1))
    path.write_bytes(newer.replace(was, will))
    with pytest.raises(BadInput, match=f"a result of schema {SCHEMA_VERSION + 1}, newer than"):
        results.read(path)
    path.write_bytes(path.read_bytes().replace(b'"tier"', b'"field of the future": 1, "tier"'))
    with pytest.raises(BadInput, match=f"a result of schema {SCHEMA_VERSION + 1}, newer than"):
        results.read(path)


def test_an_older_result_becomes_one_of_this_schema(tmp_path: Path) -> None:
    """What is read is of this schema, whatever it was written in."""
    for version in VERSIONS:
        stored = Stored("x", "y", results.read(SAMPLES / f"schema-{version}.json"))
        assert stored.result.schema_version == SCHEMA_VERSION


@pytest.mark.parametrize(("version", "stored"), [(3, "not tried: no GPU"), (SCHEMA_VERSION, "not tried")])
def test_a_recipe_that_was_not_tried_has_a_plain_verdict(version: int, stored: str, tmp_path: Path) -> None:
    content = json.loads((SAMPLES / f"schema-{version}.json").read_bytes())
    recipe = {"group": "recipes", "outcome": "skipped", "reason": "no GPU", "settings": {"verdict": stored}}
    content["checks"] = [{"check": "test_recipes.py::test_as_written[tensorrt]", **recipe}]
    content["outcome"], content["reason"] = "failed", "of something else"
    path = tmp_path / "x.json"
    path.write_text(json.dumps(content))
    (check,) = results.read(path).checks
    assert (check.settings["verdict"], check.reason) == ("not tried", "no GPU")
