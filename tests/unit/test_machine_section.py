"""What the table says of one machine: fields, causes, and what makes the difference between environments."""

from __future__ import annotations

from dataclasses import replace

import pytest

from samcheck.cells import Cell
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from samcheck.report import machine_section, table_rows
from samcheck.report.root_causes import RootCause, root_causes
from samcheck.storage import results
from tests.unit import made


def check(
    outcome: str,
    group: str = "correctness",
    variant: str | None = "tiny",
    precision: str | None = "fp32",
    name: str = "it",
    defect: str | None = None,
    backend: str | None = None,
    reason: str = "why",
) -> CheckResult:
    node = f"test_{group}.py::test_{name}[{variant}-{precision}]"
    said = "" if outcome == "passed" else reason
    return CheckResult(
        node, group, CheckOutcome(outcome), variant, precision, backend=backend, reason=said, defect=defect
    )


def environment(torch: str, *checks: CheckResult, python: str = "3.11", **fields: str) -> CellResult:
    bad = any(check.outcome.is_bad for check in checks)
    cell = Cell(torch, fields.pop("cuda", "cu121"), python, **fields)
    return replace(
        made.RESULT,
        cell=cell.record(()),
        outcome=CellOutcome.FAILED if bad else CellOutcome.PASSED,
        reason="x" if bad else "",
        checks=list(checks),
        observed=replace(made.SEEN, numpy=cell.numpy or "1.26.4"),
    )


def lines(*of: CellResult, driver: str = "none") -> list[str]:
    rows = [table_rows.row(results.Stored("cpu", driver, result)) for result in of]
    return list(machine_section.section(f"cpu, driver {driver}", rows, ""))


def row(text: list[str], name: str) -> list[str]:
    return next(line for line in text if line.startswith(f"| `{name}`")).strip("| ").split(" | ")


def changes(*of: CellResult) -> list[str]:
    text = lines(*of)
    if "### What changes" not in text:
        return []
    rest = text[text.index("### What changes") + 4 :]
    return rest[: rest.index("")]


def test_a_field_has_one_sign_for_all_variants_that_were_tried() -> None:
    big = [check("passed", variant="vit_b", precision=name) for name in ("fp32", "fp16", "bf16")]
    tiny = [check("passed"), check("failed", precision="fp16"), check("skipped", precision="bf16")]
    text = lines(environment("2.4.1", *tiny, *big))
    assert "| environment | fp32 | fp16 | bf16 | variants |" in text
    assert row(text, "torch2.4.1-cu121-py3.11")[1:] == [
        "✓",
        "✗ tiny, ✓ vit_b",
        "✓ vit_b, ○ tiny",
        "tiny, vit_b",
    ]


def test_what_no_environment_can_run_is_said_once() -> None:
    text = lines(*(environment(torch, check("passed"), check("skipped", precision="tf32")) for torch in "12"))
    assert "| environment | fp32 | variants |" in text
    assert "No environment here can run tf32." in text


def test_only_an_answer_that_was_compared_makes_a_field_green() -> None:
    """Memory that is as counted says nothing of the masks; nor does a check of another group that passed."""
    only_peaks = environment("2.4.1", check("passed", "peaks"))
    assert row(lines(only_peaks), "torch2.4.1-cu121-py3.11")[1:] == ["–", "–"]
    skipped = environment(
        "2.4.1", check("skipped"), check("passed", "dtype"), check("passed", variant="vit_b")
    )
    assert row(lines(skipped), "torch2.4.1-cu121-py3.11")[1:] == ["✓ vit_b, ○ tiny", "tiny, vit_b"]


def test_parts_of_an_environment_are_in_its_row() -> None:
    whole = environment("2.4.1", check("passed"))
    part = replace(environment("2.4.1", check("passed", variant="vit_h")), variants=["vit_h"])
    text = lines(whole, part)
    assert row(text, "torch2.4.1-cu121-py3.11")[1:] == ["✓", "tiny, vit_h"]
    assert sum(line.startswith("| `torch") for line in text) == 1
    assert text[2].startswith("1 of 1 environment works.")


def test_a_backend_works_only_where_its_answers_were_compared() -> None:
    graph = check("passed", "backends", name="graph", backend="tensorrt")
    engine = check("skipped", "backends", name="engine_matches", backend="tensorrt")
    assert "In every environment that works: tensorrt cannot run." in lines(
        environment("2.4.1", check("passed"), graph, engine)
    )
    compared = [
        environment("1", check("passed"), check("passed", "backends", name="x_matches", backend="compile")),
        environment("2", check("passed"), check("skipped", "backends", name="x_matches", backend="compile")),
    ]
    text = lines(*compared)
    assert "| environment | compile |" in text
    assert "| `torch1-cu121-py3.11` | ✓ |" in text
    assert "| `torch2-cu121-py3.11` | ○ cannot run |" in text


def test_a_backend_that_cannot_run_beside_a_gpu_says_why() -> None:
    """The CPU provider of ONNX Runtime is no green of the GPU, and no riddle."""
    reason = "CPU provider: nothing ran on the GPU, for ONNX Runtime 1.32.0 has no CUDA provider"
    skipped = check("skipped", "backends", name="x_matches", backend="onnxruntime", reason=reason)
    on_cpu = environment("2.4.1", check("passed"), skipped)
    on_gpu = replace(on_cpu, observed=replace(made.SEEN, device="cuda", gpu="NVIDIA H200"))
    assert f"In every environment that works: onnxruntime cannot run ({reason})." in lines(on_gpu)
    assert "In every environment that works: onnxruntime cannot run." in lines(on_cpu)
    held = check("passed", "backends", name="x_matches", backend="onnxruntime")
    text = lines(on_gpu, environment("2", check("passed"), held))
    assert f"| `torch2.4.1-cu121-py3.11` | ○ cannot run ({reason}) |" in text
    assert "| `torch2-cu121-py3.11` | ✓ |" in text


def test_a_broken_import_is_the_cause_of_every_failure() -> None:
    broken = [
        check("failed", "imports", reason="no NumPy"),
        *(check("failed", name=str(n)) for n in range(9)),
    ]
    assert root_causes(broken) == (RootCause("no NumPy; why", 10),)
    apart = [
        check("failed", reason="a"),
        check("failed", reason="b"),
        check("crashed", reason="b (in setup)"),
    ]
    assert root_causes(apart) == (RootCause("b", 2), RootCause("a", 1))
    assert root_causes([check("passed"), check("skipped"), check("known", defect="d")]) == ()
    text = lines(environment("2.4.1", *broken))
    assert "- ✗ `torch2.4.1-cu121-py3.11` failed: no NumPy; why (10 of 10 checks)" in text


def test_a_defect_of_every_environment_is_named_once_and_marks_none() -> None:
    both = [check("passed"), check("known", name="old", defect="old-defect")]
    text = lines(environment("2.4.1", *both), environment("2.8.0", *both))
    assert row(text, "torch2.4.1-cu121-py3.11")[1:] == ["✓", "tiny"]
    assert "In every environment: `old-defect`." in text
    assert changes(environment("2.4.1", *both), environment("2.8.0", *both)) == []


def test_a_defect_that_comes_and_goes_with_pytorch() -> None:
    has = [check("passed"), check("known", name="new", defect="new-defect", reason="it does not work")]
    free = [check("passed"), check("passed", name="new")]
    some = [environment("2.4.1", *free), environment("2.8.0", *has), environment("2.10.0", *free)]
    assert changes(*some) == [
        "- PyTorch 2.4.1 → 2.8.0",
        "  - new defect `new-defect`: it does not work",
        "- PyTorch 2.8.0 → 2.10.0",
        "  - defect gone: `new-defect`: it does not work",
    ]
    text = lines(*some)
    assert row(text, "torch2.8.0-cu121-py3.11")[1:] == ["≈ differs", "tiny"]
    assert row(text, "torch2.10.0-cu121-py3.11")[1:] == ["✓", "tiny"]


def test_a_defect_that_could_not_be_tried_is_not_taken_for_gone() -> None:
    has = [check("passed"), check("known", name="new", defect="new-defect")]
    for outcome in ("skipped", "not-run", "failed"):
        other = environment("2.8.0", check("passed"), check(outcome, name="new"))
        assert not any("new-defect" in line for line in changes(environment("2.4.1", *has), other))
    masked = environment("2.8.0", check("passed"), check("known", name="new", defect="another"))
    assert not any("gone: `new-defect`" in line for line in changes(environment("2.4.1", *has), masked))
    text = lines(
        environment("2.4.1", *has), environment("2.8.0", check("passed"), check("skipped", name="new"))
    )
    assert "Wherever it can be tried: `new-defect`." in text


def test_a_break_is_found_between_environments_that_differ_in_one_thing() -> None:
    """NumPy 2 alone is not to blame: with a newer PyTorch it works."""
    works, broken = check("passed"), check("failed", "imports", None, None, reason="Numpy is not available")
    some = [
        environment("2.2.2", works, numpy="1.26.4"),
        environment("2.2.2", broken, numpy="2.2.6"),
        environment("2.4.1", works, numpy="2.2.6"),
        environment("2.4.1", works, numpy="1.26.4"),
    ]
    assert changes(*some) == [
        "- PyTorch 2.2.2 → 2.4.1, beside Python 3.11, NumPy 2.2.6",
        "  - works, no longer fails with: Numpy is not available",
        "- NumPy 1.26.4 → 2.2.6, beside PyTorch 2.2.2, Python 3.11",
        "  - breaks: Numpy is not available",
    ]


def test_another_failure_does_not_mean_that_the_first_is_gone() -> None:
    one = environment("2.2.2", check("failed", reason="no NumPy"))
    other = environment("2.4.1", check("failed", reason="out of memory"))
    assert changes(one, other) == []


def test_what_a_guide_gets_wrong_is_in_a_table_of_its_own() -> None:
    known = check("known", "recipes", defect="recipe-half-model")
    text = lines(environment("2.4.1", check("passed"), known))
    assert not any("recipe-half-model" in line for line in text)


def test_precisions_that_begin_to_run() -> None:
    old = environment("2.2.2", check("passed"), check("skipped", precision="fp16"))
    new = environment("2.4.1", check("passed"), check("passed", precision="fp16"))
    assert changes(old, new) == ["- PyTorch 2.2.2 → 2.4.1", "  - runs from here on: fp16 (tiny)"]
    assert changes(new, replace(old, cell=Cell("2.8.0", "cu121", "3.11").record(()))) == [
        "- PyTorch 2.4.1 → 2.8.0",
        "  - no longer runs: fp16 (tiny)",
    ]


def test_what_follows_no_axis_names_its_environments() -> None:
    has = [check("passed"), check("known", name="new", defect="odd")]
    free = [check("passed"), check("passed", name="new")]
    some = [
        environment("2.2.2", *has, python="3.8"),
        environment("2.4.1", *free, python="3.9"),
        environment("2.4.1", *has, python="3.10", cuda="cu118"),
        environment("2.8.0", *free, python="3.11"),
        environment("2.8.0", *has, python="3.12", cuda="cu118"),
        environment("2.8.0", *has, python="3.8", cuda="cu126"),
    ]
    text = changes(*some)
    assert text[0] == "- In some environments, by no rule that one axis would explain"
    assert text[1].startswith("  - new defect `odd`: why (in `torch2.2.2-cu121-py3.8`, ")
    assert text[1].endswith(" and 1 more)")


def test_drivers_of_one_machine_are_compared() -> None:
    works, broken = (
        environment("2.4.1", check("passed")),
        environment("2.4.1", check("failed", reason="wrong")),
    )
    machines = [
        ("gpu", driver, [table_rows.row(results.Stored("gpu", driver, result))])
        for driver, result in (("570.1", works), ("580.2", broken))
    ]
    assert list(machine_section.between_drivers(machines, "")) == [
        "## gpu, between drivers",
        "",
        "- driver 570.1 → 580.2",
        "  - breaks: wrong",
        "",
    ]
    same = [
        ("gpu", driver, rows) for (_, driver, _), rows in zip(machines, [machines[0][2]] * 2, strict=True)
    ]
    assert "Nothing that was tried differs between these drivers." in list(
        machine_section.between_drivers(same, "")
    )


@pytest.mark.parametrize("page", ["", "../docs/reference/defects.md"])
def test_names_of_defects_lead_to_their_page(page: str) -> None:
    known = environment("2.4.1", check("passed"), check("known", name="old", defect="old-defect"))
    rows = [table_rows.row(results.Stored("cpu", "none", known))]
    wanted = f"[`old-defect`]({page}#old-defect)" if page else "`old-defect`"
    assert f"In every environment: {wanted}." in list(machine_section.section("cpu, driver none", rows, page))


def test_an_intermittent_failure_has_a_sign_of_its_own_and_is_no_change() -> None:
    good = environment("2.4.1", check("passed"))
    shaky = environment("2.5.1", check("passed"), check("intermittent", name="other"))
    text = lines(good, shaky)
    assert row(text, "torch2.5.1-cu121-py3.11")[1] == "~ intermittent"
    assert not changes(good, shaky)


def test_a_failure_that_comes_back_outweighs_an_intermittent_one() -> None:
    broken = environment("2.5.1", check("failed"), check("intermittent", name="other"))
    assert row(lines(broken), "torch2.5.1-cu121-py3.11")[1] == "✗ fails"
    assert root_causes(broken.checks) == (RootCause("why", 1),)


PEAKS = check("passed", group="peaks")


@pytest.mark.parametrize(
    ("of", "headline", "listed"),
    [
        (
            [replace(environment(torch, PEAKS), groups=["peaks"]) for torch in ("2.1.0", "2.4.1")],
            "Of 2 environments, none was run whole. Results of 2026-11-22. No variant was tried in any",
            "- `torch2.4.1-cu121-py3.11` (only group peaks) passed: 1 check",
        ),
        (
            [replace(environment("2.4.1"), outcome=CellOutcome.NOT_RUN, reason="stopped", observed=None)],
            "Of 1 environment, none was run whole. Results of 2026-11-22. No variant was tried in any",
            "- – `torch2.4.1-cu121-py3.11` not-run: stopped",
        ),
        (
            [
                replace(environment("2.4.1"), outcome=CellOutcome.REFUSED, reason="no GPU", observed=None),
                replace(environment("2.1.0"), outcome=CellOutcome.BUILD_FAILED, reason="no wheel"),
            ],
            "0 of 1 environment works; 1 more was not run whole. Results of 2026-11-22. No variant was tried",
            "- ✗ `torch2.1.0-cu121-py3.11` build-failed: no wheel",
        ),
        (
            [replace(environment("2.4.1", check("passed", variant="vit_b")), variants=["vit_b"])],
            "1 of 1 environment works. Results of 2026-11-22. Of all fields (tiny, vit_b, vit_l, vit_h; "
            "each in 1 precision), 75 % were never tried.",
            "| `torch2.4.1-cu121-py3.11` (only vit_b) | ✓ | vit_b |",
        ),
    ],
    ids=["some groups", "not run", "refused", "some variants"],
)
def test_what_was_not_run_whole_is_said_in_whole_sentences(
    of: list[CellResult], headline: str, listed: str
) -> None:
    text = lines(*of)
    assert text[2].startswith(headline)
    assert listed in text
    assert "| environment | variants |" not in text
    assert "0 of 0" not in "\n".join(text)


def test_an_environment_that_several_partial_runs_share_is_named_without_them() -> None:
    of_b = environment("2.4.1", check("passed", variant="vit_b"))
    runs = [replace(of_b, variants=["vit_b"]), replace(of_b, variants=["vit_b"], groups=["peaks"])]
    assert row(lines(*runs), "torch2.4.1-cu121-py3.11")[0] == "`torch2.4.1-cu121-py3.11`"
    alone = lines(runs[1])
    assert "`torch2.4.1-cu121-py3.11` (only vit_b; group peaks)" in "\n".join(alone)
