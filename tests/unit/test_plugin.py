"""The plugin on checks that need no torch."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from samcheck.commands.run import _groups
from samcheck.commands.variants import variants_of
from samcheck.errors import BadInput
from samcheck.guest.defects.catalogue import DEFECTS
from samcheck.guest.plugin.check_groups import group_of
from samcheck.guest.record import GROUP_NAMES
from samcheck.run import records
from samcheck.run.intake import Intake

CHECKS = """
import pytest

def test_good(measured, settings):
    measured["size_mib"] = 2.0
    settings["dtype"] = "x"

def test_bad():
    assert 1 == 2, "one is not two"

def test_not_here():
    pytest.skip("no such thing here")

def test_known(defect):
    with defect("prompt-encoder-float32"):
        raise RuntimeError("expected scalar type Half but found Float")

def test_fixed(defect):
    with defect("prompt-encoder-float32"):
        pass

def test_new_way(defect):
    with defect("prompt-encoder-float32"):
        raise RuntimeError("something else")

def test_known_then_wrong(defect):
    with defect("prompt-encoder-float32"):
        raise RuntimeError("expected scalar type Half but found Float")
    assert False, "and then this"

@pytest.fixture
def broken():
    raise ValueError("no set-up")

def test_set_up(broken):
    pass

def test_variants(variant):
    pass
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    # pytest-benchmark, where it is installed, asks git at start.
    pytester.makeini("[pytest]\naddopts = -p no:benchmark -p no:cacheprovider\n")
    pytester.makeconftest('pytest_plugins = ["samcheck.guest.plugin"]')
    pytester.makepyfile(test_some=CHECKS)
    return pytester


def run(suite: pytest.Pytester, *arguments: str) -> records.Journal:
    path = suite.path / "journal"
    path.unlink(missing_ok=True)
    suite.runpytest_inprocess(f"--samcheck-journal={path}", *arguments)
    intake = Intake()
    for line in path.read_bytes().splitlines():
        intake.take(line)
    return intake.journal


def test_every_way_a_check_may_end_has_its_outcome(suite: pytest.Pytester) -> None:
    journal = run(suite, "-m", "fast")
    results = {name.partition("::")[2]: result for name, result in journal.finished.items()}
    assert {name: result.outcome for name, result in results.items()} == {
        "test_good": "passed",
        "test_bad": "failed",
        "test_not_here": "skipped",
        "test_known": "known",
        "test_fixed": "fixed",
        "test_new_way": "failed",
        "test_known_then_wrong": "failed",
        "test_set_up": "failed",
        "test_variants[tiny]": "passed",
    }
    assert all(result.reason for result in results.values() if result.outcome != "passed")
    assert results["test_good"].metrics == {"size_mib": 2.0}
    assert results["test_good"].settings == {"dtype": "x"}
    assert "one is not two" in results["test_bad"].reason
    assert results["test_not_here"].reason == "no such thing here"
    assert results["test_known"].defect == "prompt-encoder-float32"
    assert results["test_known"].reason == DEFECTS["prompt-encoder-float32"].title
    assert results["test_known"].evidence == "expected scalar type Half but found Float"
    assert results["test_known_then_wrong"].defect is None
    assert results["test_set_up"].reason.endswith("(in setup)")
    assert results["test_variants[tiny]"].variant == "tiny"
    assert {result.group for result in results.values()} == {"some"}
    assert journal.exit_status == 1


def test_the_full_tier_has_every_variant(suite: pytest.Pytester) -> None:
    assert "test_some.py::test_variants[vit_h]" in run(suite, "-m", "full").finished


def test_listed_checks_are_left_out(suite: pytest.Pytester) -> None:
    (suite.path / "skip").write_text("test_some.py::test_good\ntest_some.py::test_variants[tiny]\n")
    left = run(suite, "-m", "fast", f"--samcheck-skip-listed={suite.path / 'skip'}").finished
    assert "test_some.py::test_good" not in left
    assert len(left) == 7


def test_only_listed_checks_are_run(suite: pytest.Pytester) -> None:
    (suite.path / "only").write_text("test_some.py::test_good\ntest_some.py::test_variants[vit_h]\n")
    only = f"--samcheck-only={suite.path / 'only'}"
    assert list(run(suite, "-m", "fast or full", only).finished) == [
        "test_some.py::test_good",
        "test_some.py::test_variants[vit_h]",
    ]
    (suite.path / "skip").write_text("test_some.py::test_good\n")
    left = run(suite, "-m", "fast", only, f"--samcheck-skip-listed={suite.path / 'skip'}")
    assert not left.collected


def test_checks_on_the_small_model_say_so(suite: pytest.Pytester) -> None:
    """They have no variant, and have run SAM all the same."""
    suite.makepyfile(
        test_inputs="""
            import pytest

            @pytest.fixture
            def plain():
                return None

            def test_on_it(plain, settings): settings["dtype"] = "x"
            def test_beside_it(settings): pass
        """
    )
    results = run(suite, "-m", "fast", "test_inputs.py").finished
    assert results["test_inputs.py::test_on_it"].settings == {"dtype": "x", "model": "tiny"}
    assert results["test_inputs.py::test_beside_it"].settings == {}


def test_only_groups_that_were_asked_for_are_run(suite: pytest.Pytester) -> None:
    """Modules of others are not even imported, so that what is wrong with them is not this run's."""
    suite.makepyfile(
        test_peaks="def test_one(): pass",
        test_keeping='GROUP = "memory"\n\ndef test_two(): pass',
        test_backends="raise RuntimeError('no ONNX here')",
    )
    asked = run(suite, "-m", "fast", "--samcheck-groups=peaks,memory", "--continue-on-collection-errors")
    groups = {check: result.group for check, result in asked.finished.items()}
    assert groups == {"test_keeping.py::test_two": "memory", "test_peaks.py::test_one": "peaks"}
    assert asked.collected.keys() == groups.keys()
    assert not asked.broken


def test_unknown_group_is_a_usage_error(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess("--samcheck-groups=peeks", f"--samcheck-journal={suite.path / 'j'}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*no group peeks; known: imports, settings, *peaks*"])


def test_the_host_knows_the_groups_of_the_suite() -> None:
    modules = (Path(__file__).resolve().parents[1] / "suite").glob("test_*.py")
    assert {group_of(str(module)) for module in modules} == set(GROUP_NAMES)


def test_a_module_that_does_not_import(suite: pytest.Pytester) -> None:
    broken = 'GROUP = "backends"\nraise RuntimeError("operator torchvision::nms does not exist")\n'
    suite.makepyfile(test_other=broken)
    journal = run(suite, "-m", "fast", "--continue-on-collection-errors")
    assert [module.group for module in journal.broken] == ["backends"]  # not what the file's name says
    assert "operator torchvision::nms does not exist" in journal.broken[0].reason
    assert "test_some.py::test_good" in journal.finished


def test_names_do_not_depend_on_the_folder(suite: pytest.Pytester) -> None:
    suite.mkdir("below")
    (suite.path / "test_some.py").rename(suite.path / "below" / "test_some.py")
    assert "test_some.py::test_good" in run(suite, "-m", "fast", "below").finished


def test_without_torch_one_sentence(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess("-m", "fast")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    lines = [line for line in result.stderr.lines if line.strip()]
    assert len(lines) == 1
    assert lines[0].startswith("Exit: samcheck's suite needs torch, torchvision, segment-anything")


def test_unknown_variant_is_a_usage_error(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess("--samcheck-variants=vit_x", f"--samcheck-journal={suite.path / 'j'}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*no variant vit_x; known: tiny, vit_b, vit_l, vit_h*"])


def test_defect_symptoms_compile_and_have_links() -> None:
    from samcheck.guest.defects.catalogue import DEFECTS

    for defect in DEFECTS.values():
        assert defect.link.startswith("https://")
        assert not defect.matches(RuntimeError("unrelated"))


def test_the_suite_is_where_the_runner_looks() -> None:
    assert (Path(__file__).resolve().parents[1] / "suite" / "pytest.ini").exists()


def test_groups_have_one_order_and_unknown_ones_are_refused() -> None:
    """So that one run has one file, however it was asked for."""
    assert _groups("recovery, peaks,peaks") == _groups("peaks,recovery") == ("recovery", "peaks")
    assert _groups("") == ()
    with pytest.raises(BadInput, match=r"no group of checks 'leek', 'peeks'; known: imports, .*peaks"):
        _groups("peeks,latency,leek")


def test_variants_named_in_another_order_are_the_same_run() -> None:
    expected = ("tiny", "vit_b", "mine", "yours")
    for given in ("tiny,vit_b,mine,yours", "yours, vit_b,mine,tiny,tiny"):
        assert variants_of(given, "full", own=True) == expected


def test_the_fast_tier_runs_first(pytester: pytest.Pytester) -> None:
    """Where the time is short it is what there is; each tier stays in its own order."""
    pytester.makeini("[pytest]\naddopts = -p no:benchmark -p no:cacheprovider\n")
    pytester.makeconftest('pytest_plugins = ["samcheck.guest.plugin"]')
    pytester.makepyfile(
        test_some="import pytest\n"
        "@pytest.mark.full\ndef test_long(): pass\n"
        "def test_b(variant): pass\n"
        "def test_a(): pass\n"
    )
    pytester.makepyfile(test_zoo="def test_quick(): pass\n")
    options = ("--collect-only", "-q", "--samcheck-variants=tiny,vit_b", "--samcheck-journal=journal")
    said = pytester.runpytest(*options).outlines
    names = [line.partition("::")[2] for line in said if "::" in line]
    assert names == ["test_b[tiny]", "test_a", "test_quick", "test_long", "test_b[vit_b]"]


@pytest.mark.parametrize(
    ("device", "backend", "tier"),
    [("cpu", "compile", "fast"), ("cuda", "compile", "full"), ("cuda", "onnxruntime", "fast")],
)
def test_compiling_for_a_gpu_is_no_fast_check(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, device: str, backend: str, tier: str
) -> None:
    monkeypatch.setattr("samcheck.guest.device.difference", lambda *_: "")  # there is no GPU
    mark = f'@pytest.mark.parametrize("backend", ["{backend}"])'
    suite.makepyfile(test_some=f"import pytest\n{mark}\ndef test_it(backend): pass")
    ran = {name: run(suite, f"--samcheck-device={device}", "-m", name).finished for name in ("fast", "full")}
    assert [name for name, finished in ran.items() if finished] == [tier]


@pytest.mark.parametrize(("available", "tier"), [(True, "full"), (False, "fast")])
def test_plain_pytest_finds_out_whether_it_compiles_for_a_gpu(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, available: bool, tier: str
) -> None:
    torch = SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: available, is_initialized=lambda: False)
    )
    monkeypatch.setitem(sys.modules, "torch", torch)  # the modules of such checks import it
    mark = '@pytest.mark.parametrize("backend", ["compile"])'
    suite.makepyfile(test_some=f"import pytest\n{mark}\ndef test_it(backend): pass")
    ran = {name: run(suite, "-m", name).finished for name in ("fast", "full")}
    assert [name for name, finished in ran.items() if finished] == [tier]
