from __future__ import annotations

import fnmatch
import json
import re
import shlex
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema.validators import validator_for

from samcheck.errors import BadInput
from samcheck.matrix import fanout
from samcheck.matrix.fanout import buildkite, github, gitlab
from samcheck.matrix.fanout.pipeline import BOOTSTRAP, FOLDERS, MERGE, Job, Pipeline, command
from samcheck.matrix.starter import CiEngine

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLES = {
    engine: CHECKOUT / "examples" / engine / engine.workflow for engine in CiEngine if engine.workflow
}
SCHEMAS = {"github": "github-workflows", "gitlab": "gitlab-ci", "buildkite": "buildkite"}

MINUTES = {"torch2.15.0-cu132-py3.13": 9.0, "torch2.4.1-cu121-py3.11": 40.0, "torch2.0.1-cpu-py3.9": 3.5}
ON_GPU = ("torch2.15.0-cu132-py3.13", "torch2.4.1-cu121-py3.11")
PIPELINE = Pipeline("matrices/releases.toml", "full", fanout.jobs(MINUTES, 3, ON_GPU))

# Any path that a file can have.
PATHS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30)


def many(count: int) -> Pipeline:
    return Pipeline("m.toml", "fast", fanout.jobs({f"cell{index}": 1 for index in range(count)}, count))


def validate(engine: str, document: Any) -> None:
    """Against the schema that check-jsonschema has with it."""
    vendored = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((vendored / f"{SCHEMAS[engine]}.json").read_text(encoding="utf-8"))
    errors = list(validator_for(schema)(schema).iter_errors(document))
    assert not errors, [f"{error.json_path}: {error.message}" for error in errors]


def workflow(matrix: str) -> dict[Any, Any]:
    """The example workflow of GitHub with a matrix in the place of the plan's."""
    text = EXAMPLES[CiEngine.GITHUB].read_text(encoding="utf-8")
    inline = text.replace("${{ fromJSON(needs.plan.outputs.matrix) }}", matrix)
    assert inline != text
    return load(inline)


def load(text: str) -> dict[Any, Any]:
    """As CI engines read YAML: `on` is a word to them."""
    document = yaml.safe_load(text)
    return {"on" if key is True else key: value for key, value in document.items()}


def commands(engine: str, pipeline: Pipeline) -> list[str]:
    """What the jobs of a pipeline hand to a shell, without the merge."""
    if engine == "github":
        step = workflow("{}")["jobs"]["check"]["steps"][1]["run"]
        entries = json.loads(github.render(pipeline))["include"]
        return [step.replace("${{ matrix.arguments }}", entry["arguments"]) for entry in entries]
    document = load(fanout.FORMATS[engine](pipeline))
    if engine == "buildkite":
        return [step["command"] for step in document["steps"] if step.get("key", "").startswith("shard-")]
    return [job["script"][0] for name, job in document.items() if name.startswith("shard ")]


def test_every_format_has_its_example() -> None:
    assert set(fanout.FORMATS) == set(SCHEMAS)
    assert set(EXAMPLES) == set(SCHEMAS)


@pytest.mark.parametrize("pipeline", [PIPELINE, many(1), many(51), many(256)], ids=["3", "1", "51", "256"])
@pytest.mark.parametrize("engine", ["gitlab", "buildkite"])
def test_pipelines_fit_the_published_schema(engine: str, pipeline: Pipeline) -> None:
    validate(engine, load(fanout.FORMATS[engine](pipeline)))


def test_the_matrix_for_github_fits_the_published_schema() -> None:
    validate("github", workflow(github.render(PIPELINE)))


@pytest.mark.parametrize("engine", EXAMPLES)
def test_examples_fit_the_published_schema(engine: CiEngine) -> None:
    validate(engine, load(EXAMPLES[engine].read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("engine", "document"),
    [
        ("github", {"on": "push", "jobs": {"check": {"runs_on": "x", "steps": [{"run": "true"}]}}}),
        ("gitlab", {"check": {"script": ["true"], "artifacts": {"when": "allways"}}}),
        ("buildkite", {"steps": [{"command": "true", "timeout_in_minutes": "soon"}]}),
    ],
)
def test_the_schemas_see_mistakes(engine: str, document: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        validate(engine, document)


def test_github_gets_one_line() -> None:
    text = github.render(PIPELINE)
    assert "\n" not in text  # else it is no `name=value` for $GITHUB_OUTPUT
    entries = json.loads(text)["include"]
    assert [entry["shard"] for entry in entries] == ["1/3", "2/3", "3/3"]
    assert entries[0] == {
        "shard": "1/3",
        "arguments": "matrices/releases.toml --tier full --shard 1/3 --results shard-1-of-3",
        "cells": "torch2.4.1-cu121-py3.11",
        "minutes": 40,
        "limit": 120,
        "folder": "shard-1-of-3",
        "runner": ["self-hosted", "gpu"],
    }
    assert entries[2]["runner"] == ["ubuntu-latest"]
    assert entries[2]["minutes"] == 4
    assert entries[2]["limit"] == 30


def test_the_example_uses_no_key_that_the_matrix_lacks() -> None:
    text = EXAMPLES[CiEngine.GITHUB].read_text(encoding="utf-8")
    entry = json.loads(github.render(PIPELINE))["include"][0]
    assert set(re.findall(r"matrix\.(\w+)", text)) <= set(entry)


def test_github_takes_no_more_than_256_jobs() -> None:
    assert len(json.loads(github.render(many(256)))["include"]) == 256
    with pytest.raises(BadInput, match=r"257 jobs, GitHub accepts at most 256: give --shards 256 or less"):
        github.render(many(257))


def test_buildkite_takes_no_more_than_500_steps() -> None:
    assert len(load(buildkite.render(many(498)))["steps"]) == 500
    with pytest.raises(BadInput, match="give --shards 498 or less"):
        buildkite.render(many(499))


def test_gitlab_merges_after_every_shard() -> None:
    document = load(gitlab.render(PIPELINE))
    merge = document["merge"]
    assert merge["needs"] == ["shard 1/3", "shard 2/3", "shard 3/3"]
    assert merge["when"] == "always"
    assert merge["script"] == [MERGE]
    assert document["shard 1/3"]["tags"] == ["gpu"]
    assert "tags" not in document["shard 3/3"]
    assert document["shard 1/3"]["artifacts"] == {"paths": ["shard-1-of-3/"], "when": "always"}
    assert document["shard 1/3"]["timeout"] == "120 minutes"


def test_gitlab_with_more_shards_than_it_takes_needs_merges_in_a_later_stage() -> None:
    assert len(load(gitlab.render(many(50)))["merge"]["needs"]) == 50
    document = load(gitlab.render(many(51)))
    assert "needs" not in document["merge"]
    assert document["stages"].index("merge") > document["stages"].index("check")


def test_buildkite_merges_also_after_a_failure() -> None:
    *checks, wait, merge = load(buildkite.render(PIPELINE))["steps"]
    assert [step["key"] for step in checks] == ["shard-1-of-3", "shard-2-of-3", "shard-3-of-3"]
    assert [step.get("agents") for step in checks] == [{"queue": "gpu"}, {"queue": "gpu"}, None]
    assert wait == {"wait": None, "continue_on_failure": True}
    assert merge["command"][-1] == MERGE


def test_the_command_is_the_one_of_the_readme() -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    assert f"{BOOTSTRAP} -s matrix" in readme
    expected = (
        f"{BOOTSTRAP} -s matrix -- matrices/releases.toml --tier full --shard 2/3 --results shard-2-of-3"
    )
    assert command(PIPELINE, PIPELINE.jobs[1]) == expected
    for engine in fanout.FORMATS:
        assert commands(engine, PIPELINE)[1] == expected


@pytest.mark.parametrize("engine", EXAMPLES)
def test_the_examples_use_it_too(engine: CiEngine) -> None:
    text = EXAMPLES[engine].read_text(encoding="utf-8")
    started = [line for line in text.splitlines() if "nox" in line]
    assert started
    assert all(BOOTSTRAP in line for line in started)
    if engine is CiEngine.GITHUB:
        assert MERGE in text


def test_jobs_have_every_cell_and_folders_that_the_merge_finds() -> None:
    assert sorted(cell for job in PIPELINE.jobs for cell in job.cells) == sorted(MINUTES)
    assert all(fnmatch.fnmatch(job.folder, FOLDERS) and "/" not in job.folder for job in PIPELINE.jobs)
    assert [job.name for job in fanout.jobs(MINUTES, 7)] == ["1/3", "2/3", "3/3"]


HOSTILE = [
    "; rm -rf ~",
    "$(id)",
    "`id`",
    "a b",
    "'",
    '"',
    "a\nb",
    "${HOME}",
    "--results=/",
    "-",
    "&&",
    "#",
    "\u2028",
]


@pytest.mark.parametrize("engine", list(SCHEMAS))
@given(path=PATHS)
@example(path="'; id; '")
@example(path="it's")
@example(path="--results=/")
@example(path="a: b # c\n- d")
@example(path="\x85")
@example(path="\x1b\x85\ufeff\u2028")
def test_a_path_stays_one_word(engine: str, path: str) -> None:
    pipeline = Pipeline(path, "fast", fanout.jobs({"cell": 1}, 1), ("--only", path))
    if engine == "buildkite" and "$" in path:
        with pytest.raises(BadInput, match="Buildkite would replace"):
            buildkite.render(pipeline)
        return
    (line,) = commands(engine, pipeline)
    words = shlex.split(line.removeprefix(BOOTSTRAP), comments=False)
    assert words[:3] == ["-s", "matrix", "--"]
    assert words[3] == (f"./{path}" if path.startswith("-") else path)
    assert words[4:] == ["--tier", "fast", "--only", path, "--shard", "1/1", "--results", "shard-1-of-1"]


@pytest.mark.parametrize("engine", ["gitlab", "buildkite"])
@pytest.mark.parametrize("path", HOSTILE)
def test_hostile_paths_fit_the_schema_too(engine: str, path: str) -> None:
    if engine == "buildkite" and "$" in path:
        return
    validate(engine, load(fanout.FORMATS[engine](Pipeline(path, "fast", PIPELINE.jobs))))


@pytest.mark.parametrize("engine", list(SCHEMAS))
def test_output_is_stable_and_has_no_aliases(engine: str) -> None:
    cells = ("same", "same")  # one object, twice
    pipeline = Pipeline("m.toml", "fast", tuple(Job(f"{n}/2", cells, 1, True) for n in (1, 2)))
    text = fanout.FORMATS[engine](pipeline)
    assert text == fanout.FORMATS[engine](pipeline)
    assert not re.search(r"[&*]id\d", text)


def test_options_reach_every_job_and_buildkite_does_not_change_them() -> None:
    options = ("--only", "torch2.*", "--cells", "3")
    pipeline = Pipeline("m.toml", "fast", PIPELINE.jobs, options)
    for engine in SCHEMAS:
        assert all("--only 'torch2.*' --cells 3 --shard" in line for line in commands(engine, pipeline))
    with pytest.raises(BadInput, match=r"'\$x': Buildkite would replace what follows"):
        buildkite.render(Pipeline("m.toml", "fast", PIPELINE.jobs, ("--tag", "$x")))
