"""Public figures are compared with a result only where both are known to be the same thing."""

from __future__ import annotations

import ast
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydantic import ValidationError

from samcheck import facts
from samcheck.analysis import claim_matching
from samcheck.analysis.claim_matching import BENCHMARKS, NEEDED, ClaimAnswer, ClaimVerdict
from samcheck.commands.claims import claims_command
from samcheck.errors import BadInput
from samcheck.facts.claim_schema import Claim, TimedStage
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult, Series
from samcheck.storage import results
from samcheck.storage.results import Stored
from tests.docs import commands as typed
from tests.unit.made import RESULT, SEEN

CHECKOUT = Path(__file__).resolve().parents[2]
FACTS = facts.load()
BY_ID = {claim.id: claim for claim in FACTS.claims}
CELLS = [("2.15.0", "torch2.15.0-cu132-py3.13"), ("2.4.1", "torch2.4.1-cu121-py3.11")]

#: A source that states everything.
CLAIM = Claim(
    id="whole",
    model="SAM 1",
    variant="vit_h",
    by="authors",
    code="segment-anything",
    gpu="A100 40GB",
    stage=TimedStage.ENCODER,
    precision="fp32",
    backend="eager",
    batch=1,
    torch="2.4.1",
    figure=100.0,
    unit="ms",
    status="stored",
    source=("sam1",),
)
CHECK = CheckResult(
    "test_latency.py::test_encoder[vit_h-fp32]",
    "latency",
    CheckOutcome.PASSED,
    variant="vit_h",
    precision="fp32",
    backend="eager",
    settings={"device": "cuda:0"},
    series=[Series({"wall_ms": [ms]}, 1, 1, "steady") for ms in (150.0, 152.0, 148.0)],
)
ON_GPU = replace(SEEN, device="cuda", gpu="NVIDIA A100-SXM4-40GB", driver="580.95.05")


def measured(check: CheckResult = CHECK, **seen: Any) -> Stored:
    result = replace(RESULT, observed=replace(ON_GPU, **seen), checks=[check])
    return Stored("nvidia-a100-sxm4-40gb", "580.95.05", result)


def changed(**fields: Any) -> Claim:
    return CLAIM.model_validate({**CLAIM.model_dump(), **fields})


def asked(claim: Claim = CLAIM, *stored: Stored) -> ClaimAnswer:
    found = claim_matching.benchmarks(stored or [measured()])
    return claim_matching.answer(claim, FACTS, found, CELLS)


def test_a_claim_that_states_everything_is_compared_with_a_result_that_agrees() -> None:
    found = asked()
    assert (found.verdict, found.reason) == (ClaimVerdict.MATCHED, "")
    (ratio,) = found.ratios
    assert ratio.result == "nvidia-a100-sxm4-40gb/580.95.05/torch2.4.1-cu121-py3.11"
    assert ratio.milliseconds is not None
    assert ratio.milliseconds[0] < 148
    assert ratio.milliseconds[1] > 152
    assert ratio.ratio == pytest.approx([end / 100 for end in ratio.milliseconds])


def test_a_rate_is_compared_as_the_time_of_one() -> None:
    by_time, by_rate = asked(), asked(changed(figure=10.0, unit="images/s"))
    assert by_rate.ratios == by_time.ratios


@pytest.mark.parametrize("name", [name for name in NEEDED if name not in ("objects", "resolution")])
def test_what_the_source_does_not_state_is_no_match(name: str) -> None:
    found = asked(changed(**{name: 0 if name == "batch" else ""}))
    assert found.verdict is ClaimVerdict.NOT_STATED
    assert found.reason == f"the source does not state {name}"
    assert found.must_match[name] == ""
    assert not found.ratios


def test_prompts_and_image_must_be_stated_where_the_time_depends_on_them() -> None:
    found = asked(changed(stage="mask decoder"))
    assert found.reason == "the source does not state objects, resolution"


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (measured(gpu="NVIDIA H100 PCIe"), "GPU NVIDIA H100 PCIe"),
        (measured(gpu="NVIDIA A100-SXM4-80GB"), "GPU NVIDIA A100-SXM4-80GB"),
        (measured(gpu="NVIDIA A100-SXM4-40GB MIG 1g.5gb"), "GPU NVIDIA A100-SXM4-40GB MIG 1g.5gb"),
        (measured(gpu=None), "GPU none"),
        (measured(device="cpu"), "GPU none"),
        (measured(torch="2.4.0+cu121"), "torch 2.4.0+cu121"),
        (measured(torch=None), "torch unknown"),
        (measured(replace(CHECK, settings={})), "device unknown"),
        (measured(replace(CHECK, settings={"device": "cpu"})), "device cpu"),
        (measured(replace(CHECK, variant="vit_b")), "variant vit_b"),
        (measured(replace(CHECK, precision="tf32")), "precision tf32"),
        (measured(replace(CHECK, precision=None)), "precision unknown"),
        (measured(replace(CHECK, backend="compile")), "backend compile"),
    ],
)
def test_a_result_that_differs_is_no_match(stored: Stored, reason: str) -> None:
    found = asked(CLAIM, stored)
    assert found.verdict is ClaimVerdict.NO_RESULT
    assert found.reason == f"the nearest result has {reason}"
    assert not found.ratios


@pytest.mark.parametrize(
    ("sam", "reason"),
    [
        ("segment-anything", ""),
        ("segment-anything-hq==0.3", "the nearest result has code segment-anything-hq==0.3"),
        ("", "the nearest result has code unknown"),
    ],
)
def test_another_package_is_no_match(sam: str, reason: str) -> None:
    entry = measured()
    cell = replace(entry.result.cell, sam=sam)
    assert asked(CLAIM, replace(entry, result=replace(entry.result, cell=cell))).reason == reason


@pytest.mark.parametrize(
    "check",
    [
        replace(CHECK, check="test_latency.py::test_end_to_end[vit_h-fp32]"),
        replace(CHECK, outcome=CheckOutcome.FAILED),
        replace(CHECK, outcome=CheckOutcome.SKIPPED),
    ],
)
def test_another_benchmark_or_one_that_does_not_hold_is_no_match(check: CheckResult) -> None:
    found = asked(CLAIM, measured(check))
    assert (found.verdict, found.reason) == (ClaimVerdict.NO_RESULT, "no result times it")


def test_a_time_without_an_interval_gives_no_ratio() -> None:
    once = replace(CHECK, series=CHECK.series[:1])
    found = asked(CLAIM, measured(once))
    assert found.verdict is ClaimVerdict.NO_INTERVAL
    assert found.reason.startswith("a result agrees, but: no interval: one process only")
    (ratio,) = found.ratios
    assert (ratio.ratio, ratio.result) == (None, asked().ratios[0].result)
    assert asked(CLAIM, measured(replace(CHECK, series=[]))).ratios[0].because == "it has no time"
    both = asked(CLAIM, measured(once), measured())
    assert both.verdict is ClaimVerdict.MATCHED
    assert [ratio.ratio is None for ratio in both.ratios] == [True, False]


def test_the_nearest_result_is_the_one_that_differs_least() -> None:
    far = measured(replace(CHECK, precision="bf16"), gpu="NVIDIA L4")
    near = measured(replace(CHECK, precision="bf16"))
    assert asked(CLAIM, far, near, far).reason == "the nearest result has precision bf16"
    assert asked(CLAIM, far).reason == "the nearest result has GPU NVIDIA L4, precision bf16"


def test_a_result_that_was_not_observed_is_no_match() -> None:
    entry = measured()
    found = asked(CLAIM, replace(entry, result=replace(entry.result, observed=None)))
    assert found.reason == "the nearest result has GPU none, torch unknown"


def test_results_are_kept_without_their_checks() -> None:
    (found,) = claim_matching.benchmarks([measured()])
    assert (found.check, found.stored.result.checks) == (CHECK, [])


@pytest.mark.parametrize(
    ("fields", "verdict", "reason"),
    [
        ({"model": "SAM 2.1"}, ClaimVerdict.OTHER_MODEL, "samcheck does not run this model yet: SAM 2.1"),
        ({"stage": "video"}, ClaimVerdict.NOT_TIMED, "samcheck does not time this: video"),
        ({"code": "fork"}, ClaimVerdict.NOT_TIMED, "samcheck runs segment-anything, not fork"),
        ({"variant": "vit_t"}, ClaimVerdict.NOT_TIMED, "samcheck has no variant vit_t"),
        ({"batch": 8}, ClaimVerdict.NOT_TIMED, "test_encoder has batch 1, not 8"),
        ({"backend": "compile"}, ClaimVerdict.NOT_TIMED, "test_encoder has backend eager, not compile"),
        (
            {"stage": "mask decoder", "objects": 2},
            ClaimVerdict.NOT_TIMED,
            "test_decoder has objects 1, not 2; test_decoder_many has objects 64, not 2",
        ),
    ],
)
def test_what_samcheck_cannot_try_is_said(fields: dict[str, Any], verdict: ClaimVerdict, reason: str) -> None:
    found = asked(changed(**fields))
    assert (found.verdict, found.reason, found.command) == (verdict, reason, "")


def test_the_benchmark_with_as_many_prompts_is_taken() -> None:
    claim = changed(stage="mask decoder", objects=64, resolution="320x240")
    check = replace(CHECK, check="test_latency.py::test_decoder_many[vit_h-fp32]")
    assert asked(claim, measured(check)).verdict is ClaimVerdict.MATCHED
    assert asked(claim, measured(replace(check, check="test_latency.py::test_decoder[vit_h-fp32]"))).reason


@pytest.mark.parametrize(
    ("claimed", "observed", "same"),
    [
        ("A100", "NVIDIA A100-SXM4-80GB", True),
        ("A100", "A100", True),
        ("A100 40GB SXM4", "NVIDIA A100-SXM4-40GB", True),
        ("A100 40GB SXM4", "NVIDIA A100-PCIE-40GB", False),
        ("RTX 4090", "NVIDIA GeForce RTX 4090", True),
        ("RTX 4090", "NVIDIA GeForce RTX 4090 Laptop GPU", False),
        ("RTX 4090", "NVIDIA GeForce RTX 4080", False),
        ("GPU of mine", "GPU of mine", False),
    ],
)
def test_gpus(claimed: str, observed: str, same: bool) -> None:
    assert claim_matching.same_gpu(claimed, observed, FACTS) is same


@pytest.mark.parametrize(
    ("claimed", "observed", "same"),
    [
        ("2.4.1", "2.4.1+cu121", True),
        ("2.4.1+cu121", "2.4.1+cu121", True),
        ("2.4.1+cu121", "2.4.1+cu124", False),
        ("2.2.0.dev20231024", "2.2.0+cu121", False),
        ("2.4.1", "of my own", False),
    ],
)
def test_releases_of_pytorch(claimed: str, observed: str, same: bool) -> None:
    assert claim_matching.same_torch(claimed, observed) is same


def test_a_command_names_the_cell_of_that_pytorch_or_the_python_at_hand() -> None:
    assert asked().command.startswith("samcheck cell torch2.4.1-cu121-py3.11 --tier full --variants vit_h ")
    assert asked(changed(torch="2.3.1")).command.startswith("samcheck here --tier full --variants vit_h ")
    assert asked(changed(variant="")).command == ""


@pytest.mark.parametrize("claim", FACTS.claims, ids=lambda claim: claim.id)
def test_claims_have_an_answer(claim: Claim) -> None:
    """And a command that samcheck understands, or the reason why there is none."""
    found = asked(claim)
    assert found.verdict is not ClaimVerdict.MATCHED, "of no GPU of these is a result stored"
    assert found.reason
    if found.command:
        assert typed.problem(shlex.split(found.command)) == ""
    if claim.gpu:
        model = FACTS.gpu(claim.gpu)
        assert model is not None
        assert claim.gpu.startswith(model.name)


@pytest.mark.parametrize(
    "fields",
    [
        {"precision": "half"},
        {"backend": "fast"},
        {"figure": 0},
        {"unit": "s"},
        {"stage": "all"},
        {"by": ""},
        {"resolution": "4K"},
        {"batch": -1},
        {"torch": "new"},
        {"model": "SAM"},
        {"source": []},
        {"colour": 1},
    ],
    ids=str,
)
def test_claims_are_read_strictly(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        changed(**fields)


def test_the_guide_claims_what_its_recipes_try() -> None:
    """The recipes run inside cells, where the facts are not."""
    folder = CHECKOUT / "samcheck" / "guest" / "recipes"
    (claimed,) = (
        ast.literal_eval(node.value)
        for node in ast.parse((folder / "loading.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "CLAIMED" and node.value
    )
    assert {f"guide-{variant}": row["time_ms"] for variant, row in claimed.items()} == {
        id: claim.figure for id, claim in BY_ID.items() if id.startswith("guide-vit")
    }
    together = BY_ID["guide-best-practice"].figure
    text = (folder / "best_practice.py").read_text(encoding="utf-8")
    assert f"{together:g} ms instead of {claimed['vit_h']['time_ms']:g}" in text


def test_what_benchmarks_fix_is_what_the_suite_does() -> None:
    suite = (CHECKOUT / "tests" / "suite" / "test_latency.py").read_text(encoding="utf-8")
    fixtures = CHECKOUT / "samcheck" / "guest" / "plugin" / "session_fixtures.py"
    scene = re.search(r"scenes\.draw\(seed=7, height=(\d+), width=(\d+)\)", fixtures.read_text("utf-8"))
    points = re.search(r"points_per_side=(\d+)", suite)
    many = re.search(r"^MANY = (\d+)$", suite, re.MULTILINE)
    assert scene
    assert points
    assert many
    objects = {"test_decoder": "1", "test_decoder_many": many[1], "test_end_to_end": "1"}
    objects["test_automatic"] = str(int(points[1]) ** 2)
    for scope in (scope for scopes in BENCHMARKS.values() for scope in scopes):
        before, found, _ = suite.partition(f"def {scope.function}(")
        assert found
        assert scope.fixed.get("objects") == objects.get(scope.function)
        assert scope.fixed.get("resolution", f"{scene[2]}x{scene[1]}") == f"{scene[2]}x{scene[1]}"
        assert ("precision" in scope.fixed) == before.rstrip().splitlines()[-1].startswith("@only_float32")


def command(*arguments: str) -> Result:
    return CliRunner().invoke(claims_command, arguments)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A result that the only claim agrees with."""
    monkeypatch.setattr(facts, "load", lambda: replace(FACTS, claims=(CLAIM,)))
    results.store(tmp_path, measured().result, "")
    return tmp_path


def test_text(store: Path) -> None:
    lines = command("--results", str(store)).output.splitlines()
    assert lines[0] == "whole: SAM 1 vit_h, image encoder: 100 ms"
    assert lines[1].startswith("  must match: variant vit_h, code segment-anything, gpu A100 40GB, ")
    assert lines[2].startswith("  try: samcheck ")
    assert re.search(
        r"torch2.4.1-cu121-py3.11: 13\d\.\d to 16\d\.\d ms, 1.3\d to 1.6\d times as long as claimed$",
        lines[3],
    )
    assert lines[-1].startswith("1 claim: 1 matched; ")


def test_text_of_what_does_not_match(tmp_path: Path) -> None:
    text = command("--gpu", "rtx3090", "--results", str(tmp_path)).output
    assert "must match: variant vit_h, code segment-anything, gpu RTX 3090; not stated: precision, " in text
    assert "  unmatched: the source does not state precision, backend, batch, " in text
    assert "A100" not in text.replace("on an A100", "")
    assert text.splitlines()[-1].startswith(f"{text.count('must match')} claims: ")


def test_json(store: Path) -> None:
    (row,) = json.loads(command("--json", "--results", str(store)).output)
    assert (row["id"], row["verdict"], row["reason"]) == ("whole", "matched", None)
    assert (row["figure"], row["unit"], row["objects"], row["source"]) == (100.0, "ms", None, ["sam1"])
    low, high = row["ratios"][0]["ratio"]
    assert low < 1.5 < high


def test_json_of_what_is_not_stated(tmp_path: Path) -> None:
    rows = json.loads(command("--json", "--results", str(tmp_path)).output)
    assert [row["id"] for row in rows] == list(BY_ID)
    site = next(row for row in rows if row["id"] == "sam1-site-encoder")
    assert (site["precision"], site["batch"], site["must_match"]["precision"]) == (None, None, None)
    assert site["verdict"] == "not-stated"


def test_claims_of_one_gpu() -> None:
    assert command("--gpu", "V100").output == "0 claims\n"
    done = command("--gpu", "A101")
    assert isinstance(done.exception, BadInput)
    assert "did you mean A10" in str(done.exception)


def test_a_file_that_is_no_result_is_named(store: Path) -> None:
    (store / "some" / "none").mkdir(parents=True)
    (store / "some" / "none" / "torch.json").write_text("{}")
    done = command("--results", str(store))
    assert "torch.json: not a samcheck result" in done.stderr
    assert "1 matched" in done.stdout
