"""Matrices with axes: what is planned can exist, what is not has a reason, and more money buys more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from samcheck import facts, matrix, paths
from samcheck.__main__ import cli
from samcheck.environments import machine
from samcheck.errors import BadInput, EmptySelection
from samcheck.facts import compatibility, gpu_support
from samcheck.facts.target_machine import NO_GPU, Machine
from samcheck.matrix import explain, plan_text, selection
from samcheck.matrix.ranking import Budget
from samcheck.matrix.selection import Choice

FACTS = facts.load()
MATRICES = Path(__file__).resolve().parents[2] / "matrices"
SHIPPED = sorted(path.stem for path in MATRICES.glob("*.toml"))

TORCH = st.sampled_from(
    ["all", "minors", ">=2.4", "<2.1 minors", "newest", "oldest", "2.4.1", ">=2.8 minors"]
)
PYTHON = st.sampled_from(["all", ">=3.9", "3.10", "3.12", "newest", "oldest", "<3.10"])
CUDA = st.sampled_from(["all", "auto", "default", "cpu", "cu126", ">=12.1", "cu118"])
NUMPY = st.sampled_from(["auto", "all", "==1.*", "==2.* newest"])
GPU = st.sampled_from(["", "V100", "T4", "A100", "RTX 4090", "H200", "B200"])
DRIVER = st.sampled_from(["", "470.82.01", "525.60.13", "535.104.05", "580.65.06", "595.45.04"])


@st.composite
def files(draw: st.DrawFn) -> str:
    def several(values: st.SearchStrategy[str]) -> str:
        return json.dumps(draw(st.lists(values, min_size=1, max_size=2, unique=True)))

    text = f'strategy = "{draw(st.sampled_from(["pairwise", "each-once", "ends"]))}"\n[axes]\n'
    text += f"torch = {several(TORCH)}\npython = {several(PYTHON)}\n"
    text += f"cuda = {several(CUDA)}\nnumpy = {several(NUMPY)}\n"
    if draw(st.booleans()):
        text += f"[[exclude]]\ntorch = {several(TORCH)}\npython = {several(PYTHON)}\n"
        text += 'reason = "because"\n'
    return text


def plan(folder: Path, text: str, host: Machine = NO_GPU, **options: object) -> matrix.Plan:
    path = folder / "some.toml"
    path.write_text(text, encoding="utf-8")
    return matrix.plan(path, FACTS, host, **options)  # type: ignore[arg-type]


@settings(max_examples=40)
@given(files(), GPU, DRIVER)
def test_planned_cells_can_exist(
    tmp_path_factory: pytest.TempPathFactory, text: str, gpu: str, driver: str
) -> None:
    host = gpu_support.host(gpu, driver, FACTS)
    whole = plan(tmp_path_factory.mktemp("plan"), text, host)
    ids = [row.cell.id for row in whole.cells]
    assert len(set(ids)) == len(ids)
    assert whole == plan(tmp_path_factory.mktemp("again"), text, host)
    for row in whole.cells:
        assert compatibility.obstacles(row.cell, FACTS) == ()
        assert gpu_support.hard(gpu_support.obstacles(row.cell, host, FACTS)) == ()
        assert explain.find(row.cell.id, FACTS) == row.cell
        assert row.minutes > 0
        assert row.why
    assert whole.coverage is not None
    assert all(why.text and why.rule for why in whole.coverage.impossible.values())
    if whole.strategy == "pairwise":
        assert not whole.coverage.uncovered
    for line in plan_text.lines(whole, FACTS, everything=True):
        assert line
    json.dumps(plan_text.as_json(whole, FACTS))


@settings(max_examples=25)
@given(files(), st.integers(1, 30), st.integers(1, 30))
def test_more_money_buys_more(
    tmp_path_factory: pytest.TempPathFactory, text: str, one: int, other: int
) -> None:
    folder = tmp_path_factory.mktemp("plan")
    small, large = sorted((one, other))
    few, many, all_ = (
        {row.cell.id for row in plan(folder, text, budget=budget).cells}
        for budget in (Budget(small), Budget(large), Budget())
    )
    assert few <= many <= all_
    assert len(few) == min(small, len(all_))


def test_what_the_budget_leaves_out_is_named(tmp_path: Path) -> None:
    text = 'strategy = "pairwise"\n[axes]\ntorch = ">=2.13 minors"\npython = ["3.11", "3.12"]\n'
    whole = plan(tmp_path, text + "[budget]\ncells = 2\n")
    assert [row.cell.torch for row in whole.cells] == ["2.15.0", "2.15.0"]
    assert len(whole.left_out) == 4
    assert whole.left_out[0].reason.startswith(
        "beyond the budget of 2 cells: ranked 3 of 6 (second-newest PyTorch"
    )


def test_exclude_include_and_tag_are_obeyed(tmp_path: Path) -> None:
    text = (
        'strategy = "all"\ntags = ["mine"]\n'
        '[axes]\ntorch = ["2.4.1", "2.8.0"]\npython = ["3.11", "3.12"]\n'
        '[[exclude]]\ntorch = "2.4.1"\npython = "3.12"\nreason = "known to be bad"\n'
        '[[exclude]]\nmatch = "torch2.8.0-*-py3.11"\nreason = "not that one"\n'
        '[[include]]\ntorch = "2.0.1"\npython = "3.9"\nreason = "somebody still has it"\n'
        '[[tag]]\nname = "legacy"\ntorch = "<2.5"\n'
    )
    whole = plan(tmp_path, text)
    assert {row.cell.id: (row.tags, row.why) for row in whole.cells} == {
        "torch2.0.1-cu117-py3.9": (("legacy", "mine"), "somebody still has it"),
        "torch2.4.1-cu121-py3.11": (("legacy", "mine"), "9 of its 10 pairs are new"),
        "torch2.8.0-cu128-py3.12": (("mine",), "9 of its 10 pairs are new"),
    }
    assert whole.coverage is not None
    said = [why.text for why in whole.coverage.impossible.values()]
    assert "known to be bad" in said
    assert [row.cell.torch for row in matrix.select(whole, (), ["legacy"]).cells] == ["2.0.1", "2.4.1"]
    with pytest.raises(EmptySelection, match="no cell matches tag other"):
        matrix.select(whole, (), ["other"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cell: is missing: a matrix needs cells, environments, or axes and a strategy"),
        ('strategy = "pairwise"\n', "axes: is missing"),
        ('[axes]\ntorch = "all"\n', "strategy: is missing"),
        ('strategy = "pairwise"\n[axes]\ntorch = ">=9"\n', "axes.torch: '>=9' matches none of"),
        ('strategy = "pairwise"\n[axes]\ntorch = "2.4.9"\n', "axes.torch: '2.4.9' is unknown"),
        ('strategy = "pairwise"\n[axes]\npython = "3.11"\n', "axes.torch: is missing"),
        ('strategy = "pairwise"\n[axes]\ntorch = "$(id)"\n', "axes.torch[0]: '$(id)' is not of the form"),
        ('strategy = "pairwise"\n[axes]\ntorch = []\n', "axes.torch: "),
        ('strategy = "pairwise"\n[axes]\ntorch = "all"\npyton = "3.12"\n', "did you mean python?"),
        ('strategy = "all"\n[axes]\ntorch = "all"\ncuda = "all"\nnumpy = "all"\n', "use pairwise"),
        ('strategy = "best"\n[axes]\ntorch = "all"\n', "strategy: "),
        (
            'strategy = "all"\n[axes]\ntorch = "2.4.1"\n[[exclude]]\nreason = "why not"\n',
            "exclude[0]: does not select cells",
        ),
        (
            'strategy = "all"\n[axes]\ntorch = "2.4.1"\n[[exclude]]\ntorch = "2.4.1"\n',
            "exclude[0].reason: is missing",
        ),
        ('[[include]]\ntorch = "2.4.1"\npython = "3.11"\n', "include[0].reason: is missing"),
        ("[budget]\ncells = 0\n", "budget.cells: "),
    ],
)
def test_problems_have_a_path(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        plan(tmp_path, text)
    assert said in str(caught.value)
    assert str(caught.value).startswith("some.toml: ")


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_matrix_plans_to_something(name: str) -> None:
    """Each plans to something, alone and for a GPU."""
    for host in (NO_GPU, gpu_support.host("H200", "580.65.06", FACTS)):
        whole = matrix.plan(MATRICES / f"{name}.toml", FACTS, host)
        assert whole.cells
        assert all(explain.find(row.cell.id, FACTS) == row.cell for row in whole.cells)


def test_drivers_has_both_ends_of_each_build() -> None:
    whole = matrix.plan(MATRICES / "drivers.toml", FACTS, NO_GPU)
    for tag in {row.cell.cuda for row in whole.cells}:
        mine = [row.cell.torch for row in whole.cells if row.cell.cuda == tag]
        having = [
            row.version
            for row in FACTS.releases
            if (build := row.build(tag)) and build.status != "unverified" and row.version >= "1.13"
        ]
        assert having[-1] in mine


def test_plan_and_why_for_people_and_for_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "look", lambda: NO_GPU)
    run = CliRunner().invoke
    shown = run(cli, ["plan", str(MATRICES / "nightly.toml"), "--gpu", "V100", "--driver", "535.104"])
    assert shown.exit_code == 0
    assert "on V100 (compute capability 7.0) with driver 535.104" in shown.output
    told = json.loads(run(cli, ["plan", str(MATRICES / "guide.toml"), "--json"]).output)
    assert {row["torch"] for row in told["cells"]} >= {"2.0.1", "1.13.1"}
    why = run(cli, ["why", "torch2.13.0-cu130-py3.11", "--gpu", "V100"])
    assert why.exit_code == 1
    assert "no sm_70 code" in why.output
    assert "instead: torch2.13.0-cu126-py3.11" in why.output
    assert json.loads(run(cli, ["why", "torch2.4.1-cu121-py3.11", "--json"]).output)["possible"]


@pytest.mark.parametrize("id", ["torch2.4.1-cu121-py3.11; id", "../../x", "", "torch9", "torch2.4.1-cu121"])
def test_an_id_that_is_no_cell_is_refused(id: str) -> None:
    with pytest.raises(BadInput, match="there is no cell"):
        explain.find(id, FACTS)


HOSTILE = [
    "$(id)",
    "`id`",
    "a;b",
    "../x",
    "/etc/passwd",
    "a\\b",
    "x\n",
    "\u202e",
    "\u0000",
    "٣",
    "x" * 1000,
    "-rf",
]
PLACES = [
    'description = {}\n[[cell]]\ntorch = "2.4.1"\npython = "3.11"\n',
    'tags = [{}]\n[[cell]]\ntorch = "2.4.1"\npython = "3.11"\n',
    'strategy = "all"\n[axes]\ntorch = {}\n',
    'strategy = "all"\n[axes]\ntorch = "2.4.1"\npython = [{}]\n',
    'strategy = "all"\n[axes]\ntorch = "2.4.1"\ncuda = {}\n',
    'strategy = "all"\n[axes]\ntorch = "2.4.1"\nnumpy = {}\n',
    'strategy = "all"\n[axes]\ntorch = "2.4.1"\nsam = {}\n',
    'strategy = "all"\n[axes]\ntorch = "2.4.1"\n[[exclude]]\nmatch = {}\nreason = "because"\n',
    'strategy = "all"\n[axes]\ntorch = "2.4.1"\n[[exclude]]\ntorch = "all"\nreason = {}\n',
    'strategy = "all"\n[axes]\ntorch = "2.4.1"\n[[tag]]\nname = {}\ntorch = "all"\n',
    '[[include]]\ntorch = "2.4.1"\npython = "3.11"\nreason = {}\n',
    '[[include]]\ntorch = "2.4.1"\npython = "3.11"\nsam = {}\nreason = "because"\n',
]
SAFE = set("abcdefghijklmnopqrstuvwxyz0123456789.=-")


@pytest.mark.parametrize("place", PLACES, ids=range(len(PLACES)))
@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_values_reach_nothing(tmp_path: Path, place: str, value: str) -> None:
    """Refused with a path; or, where free text may stand, printable and in no cell."""
    whole, said = None, ""
    try:
        whole = plan(tmp_path, place.format(json.dumps(value, ensure_ascii="\0" in value)))
    except BadInput as problem:
        said = str(problem)
    if whole is None:
        assert said.startswith("some.toml: ")
        assert all(line.isprintable() and len(line) < 500 for line in said.splitlines())
        return
    assert value.isprintable()
    for row in whole.cells:
        assert set(row.cell.id) | set(row.cell.sam) | set("".join(row.tags)) <= SAFE


def test_parts_are_the_plan_together() -> None:
    """Together they are the plan; a machine with another plan takes no part in it."""
    path = MATRICES / "nightly.toml"
    whole = selection.plan(Choice(path), NO_GPU)
    parts = [selection.plan(Choice(path, shard=f"{at}/4"), NO_GPU) for at in range(1, 5)]
    ids = [row.cell.id for part in parts for row in part.cells]
    assert sorted(ids) == sorted(row.cell.id for row in whole.cells)
    minutes = [sum(selection.costs(part).values()) for part in parts]
    assert max(minutes) < 1.2 * min(minutes)
    right = Choice(path, shard="1/4", expect_plan=selection.digest(whole))
    assert selection.plan(right, NO_GPU) == parts[0]
    with pytest.raises(BadInput, match="this machine's plan for nightly differs"):
        selection.plan(right, gpu_support.host("V100", "535.104", FACTS))
    with pytest.raises(EmptySelection, match=r"fewer cells \(1\) than shards: use fewer shards"):
        selection.plan(Choice(path, cells=1, shard="2/2"), NO_GPU)


def test_spare_cells_are_in_no_part() -> None:
    part = selection.plan(Choice(MATRICES / "default.toml", shard="1/1"), NO_GPU)
    assert len(part.cells) == 7
    assert part.left_out[-1].reason == "spare cells do not run in shards"


def test_a_pipeline_names_files_of_the_project_and_shipped_matrices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match=f"outside {paths.PROJECT}"):
        selection.name_in_project(tmp_path / "mine.toml")
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(paths, "PROJECT", tmp_path)
        assert selection.name_in_project(tmp_path / "mine.toml") == "mine.toml"
        assert selection.name_in_project(MATRICES / "nightly.toml") == "nightly"
    choice = Choice(MATRICES / "nightly.toml", tags=("nightly",), minutes=60)
    made = selection.pipeline(selection.plan(choice, NO_GPU), choice, 3)
    assert made.matrix == "matrices/nightly.toml"
    assert made.options[:4] == ("--tag", "nightly", "--minutes", "60")
    assert not any(job.needs_gpu for job in made.jobs)
    on_gpu = gpu_support.host("H200", "580.65.06", FACTS)
    assert all(job.needs_gpu for job in selection.pipeline(selection.plan(choice, on_gpu), choice, 3).jobs)


def test_rules_that_fit_nothing_are_named(tmp_path: Path) -> None:
    text = (
        'strategy = "all"\n[axes]\ntorch = ["2.4.1", "2.8.0"]\npython = "3.11"\n'
        '[[exclude]]\ntorch = "<2.0"\nreason = "too old"\n'
        '[[exclude]]\nmatch = "*py3.12"\nreason = "not there"\n'
        '[[exclude]]\nmatch = "torch2.8.0*"\nreason = "meant"\n'
        '[[tag]]\nname = "old"\npython = "3.8"\n'
        '[[tag]]\nname = "new"\ntorch = "2.8.0"\n'
    )
    assert plan(tmp_path, text).notes == (
        "exclude[0] matches no cell that could be chosen",
        "exclude[1] matches no cell that could be chosen",
        "tag[0] matches no cell that could be chosen",
    )


def test_what_cannot_work_is_said_of_cells_declared_by_hand(tmp_path: Path) -> None:
    text = (
        '[[cell]]\ntorch = "2.2.2"\npython = "3.10"\nnumpy = "2.2.6"\n'
        '[[cell]]\ntorch = "2.15.0"\npython = "3.11"\ncuda = "cu130"\n'
    )
    whole = plan(tmp_path, text, gpu_support.host("A100", "580.65.06", FACTS))
    said = "\n".join(plan_text.lines(whole, FACTS))
    assert "0 of 2 cells run without limits, 1 cannot work, 1 not certain" in said
    assert "numpy2-old-torch" in said
    assert "build-unverified" in said
    told = plan_text.as_json(whole, FACTS)
    assert [obstacle["rule"] for obstacle in told["cells"][0]["obstacles"]] == ["numpy2-old-torch"]


def test_a_plan_without_cells_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "look", lambda: NO_GPU)
    path = tmp_path / "some.toml"
    path.write_text('strategy = "pairwise"\n[axes]\ntorch = ">=2.13"\npython = ["3.8", "3.9"]\n')
    shown = CliRunner().invoke(cli, ["plan", str(path)])
    assert shown.exit_code == EmptySelection.exit_code
    assert "no cell is left on a machine without a GPU" in shown.output
    assert "has wheels for Python 3.10, 3.11, 3.12, 3.13, 3.14, not 3.9" in shown.output
    told = json.loads(CliRunner().invoke(cli, ["plan", str(path), "--json"]).output)
    assert told["cells"] == []
    assert told["coverage"]["impossible"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--json", "--format", "github"], "do not go together"),
        (["--format", "github", "--shard", "1/2"], "do not go together"),
        (["--shards", "2"], "add --format"),
        (["--history", "/nonexistent"], "there is no folder"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "look", lambda: NO_GPU)
    refused = CliRunner().invoke(cli, ["plan", "nightly", *arguments])
    assert isinstance(refused.exception, BadInput)
    assert said in str(refused.exception)


@pytest.mark.parametrize(
    ("id", "gpu", "driver", "instead"),
    [
        # Of a minor release the newest patch; and what is newest of all for this Python.
        ("torch2.15.0-cu132-py3.10", "", "", ["torch2.15.0-cu132-py3.11", "torch2.14.1-cu132-py3.10"]),
        # Two fields have to change.
        ("torch2.15.0-cu132-py3.12", "V100", "535", ["torch2.14.1-cu126-py3.12"]),
    ],
)
def test_an_impossible_cell_says_what_to_take_instead(
    id: str, gpu: str, driver: str, instead: list[str]
) -> None:
    explained = explain.explain(id, gpu_support.host(gpu, driver, FACTS), FACTS)
    assert not explained.possible
    assert set(instead) <= set(explained.instead)


def test_what_the_export_needs_is_an_obstacle_too() -> None:
    explained = explain.explain("torch2.8.0-cu128-py3.10-numpy1.22.4", NO_GPU, FACTS)
    assert [obstacle.rule for obstacle in explained.against] == ["export-needs-numpy"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("torch = 2.4", "axes.torch: Value error, put it in quotes, as in '2.4'"),
        ('torch = "2.10"', "did you mean 2.10.0?"),
        ('torch = "2.4.1"\npython = [3.10]', "put it in quotes"),
        ('torch = "2.4.1"\ncuda = ["cu126", "CPU", "cu999"]', "axes.cuda: 'cu999' is"),
    ],
)
def test_a_slip_in_an_axis_gets_a_hint(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        plan(tmp_path, f'strategy = "all"\n[axes]\n{text}\n')
    assert said in str(caught.value)
