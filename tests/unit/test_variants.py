"""Variants of one's own: by registration and by entry point, and which checks they get."""

from __future__ import annotations

import json
import sys
from itertools import groupby
from pathlib import Path

import pytest

from samcheck.guest.models import variants
from samcheck.guest.models.variants import Variant

CHECKS = """
import pytest

def test_all(variant):
    pass

@pytest.mark.variants("tiny")
def test_small_only(variant):
    pass

@pytest.mark.precisions("fp32", "bf16")
def test_some(variant, precision):
    pass
"""

REGISTERED = """
from samcheck.guest.models.variants import Variant, register

VARIANT = Variant("mine", 64, object, tier="fast")
"""


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "VARIANTS", before := dict(variants.VARIANTS))
    for module in ("samcheck.guest.plugin", "samcheck.guest.plugin.chosen_variants"):
        monkeypatch.setattr(f"{module}.VARIANTS", before)
    monkeypatch.setattr(variants, "KNOWN_EVERYWHERE", set(variants.KNOWN_EVERYWHERE))
    monkeypatch.setattr(variants, "DECLARED", declared := set[str]())
    monkeypatch.setattr("samcheck.guest.plugin.chosen_variants.DECLARED", declared)


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\naddopts = -p no:benchmark -p no:cacheprovider --strict-markers\n")
    pytester.makeconftest('pytest_plugins = ["samcheck.guest.plugin"]')
    pytester.makepyfile(test_it=CHECKS)
    pytester.syspathinsert()
    return pytester


def offer(folder: Path, value: str) -> None:
    """An installed package with an entry point."""
    info = folder / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[samcheck.variants]\nmine = {value}\n")


def run(suite: pytest.Pytester, *arguments: str) -> set[str]:
    path = suite.path / "journal"
    path.unlink(missing_ok=True)
    suite.runpytest_inprocess(f"--samcheck-journal={path}", *arguments)
    events = [json.loads(line) for line in path.read_bytes().splitlines()]
    finished = [event["result"]["check"] for event in events if event["event"] == "finished"]
    return {name.partition("::test_")[2] for name in finished}


def test_a_registered_variant_gets_its_checks(suite: pytest.Pytester) -> None:
    suite.makepyfile(mine_by_plugin=REGISTERED + "register(VARIANT)\n")
    results = run(suite, "-p", "mine_by_plugin", "-m", "fast", "--samcheck-variants=mine")
    assert results == {"all[mine]", "some[mine-fp32]", "some[mine-bf16]"}
    assert "mine" not in variants.KNOWN_EVERYWHERE


def test_an_entry_point_gets_its_checks(suite: pytest.Pytester) -> None:
    suite.makepyfile(mine_by_entry=REGISTERED)
    offer(suite.path, "mine_by_entry:VARIANT")
    assert {"all[mine]", "all[tiny]", "small_only[tiny]"} <= run(suite, "-m", "fast")
    assert "mine" in variants.KNOWN_EVERYWHERE


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("nowhere:VARIANT", "*a variant cannot be loaded: ModuleNotFoundError: No module named 'nowhere'*"),
        ("json:dumps", "*the entry point mine = 'json:dumps' * gives a function, not a Variant*"),
    ],
)
def test_a_bad_entry_point_is_a_usage_error(suite: pytest.Pytester, value: str, message: str) -> None:
    offer(suite.path, value)
    result = suite.runpytest_inprocess(f"--samcheck-journal={suite.path / 'j'}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def declare(monkeypatch: pytest.MonkeyPatch, path: Path, **more: str) -> None:
    """What the host tells a guest of the variant `mine` of a matrix file."""
    entry = {"name": "mine", "path": str(path), "base": "", "target": path.stem, "tier": "", **more}
    monkeypatch.setenv("SAMCHECK_VARIANTS", json.dumps([entry]))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


PACKAGE = {
    "__init__": "",
    "models": "from .sizes import SIZE\n" + REGISTERED.replace("64", "SIZE"),
    "sizes": "SIZE = 64",
}


@pytest.mark.parametrize("target", ["acme_sam.models:VARIANT", "acme_sam.models"])
def test_a_declared_package_gets_its_checks(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, target: str, tmp_path: Path
) -> None:
    """It imports its own modules, and nothing that is beside it."""
    package = tmp_path / "acme_sam"
    package.mkdir()
    for name, text in PACKAGE.items():
        (package / f"{name}.py").write_text(text)
    (tmp_path / "beside.py").write_text("")
    declare(monkeypatch, package, target=target)
    assert {"all[mine]", "all[tiny]"} <= run(suite, "-m", "fast", "--samcheck-families=segment-anything")
    assert "mine" in variants.KNOWN_EVERYWHERE
    assert str(tmp_path) not in sys.path


def test_a_declared_package_that_registers_itself(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And the tier that the matrix file gives counts, even if the package says otherwise."""
    (tmp_path / "acme.py").write_text(REGISTERED + "register(VARIANT)\n")
    declare(monkeypatch, tmp_path / "acme.py", tier="full")
    assert "all[mine]" not in run(suite, "-m", "fast")
    assert "all[mine]" in run(suite, "-m", "full", "--samcheck-variants=mine")


def test_a_declared_checkpoint_has_the_classes_of_its_base(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, Path("/nowhere/acme.pth"), base="vit_b", tier="fast")
    variants.discover()
    mine, base = variants.VARIANTS["mine"], variants.VARIANTS["vit_b"]
    assert (mine.build, mine.image_size, mine.tier) == (base.build, base.image_size, "fast")
    assert mine.weights is not None


def test_what_the_matrix_file_declares_counts_before_an_entry_point(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    suite.makepyfile(installed=REGISTERED.replace("64", "128"))
    offer(suite.path, "installed:VARIANT")
    (tmp_path / "acme.py").write_text(REGISTERED)
    declare(monkeypatch, tmp_path / "acme.py")
    run(suite, "-m", "fast")
    assert variants.VARIANTS["mine"].image_size == 64


def test_a_declared_package_without_the_variant_is_a_usage_error(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "acme.py").write_text(REGISTERED.replace("mine", "other"))
    declare(monkeypatch, tmp_path / "acme.py")
    result = suite.runpytest_inprocess(f"--samcheck-journal={suite.path / 'j'}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*[[]variant.mine] * no variant of that name: acme has registered other"])


def test_a_variant_of_another_tier_is_refused_with_what_to_do(suite: pytest.Pytester) -> None:
    """Without this, a run would end with no check of SAM, and would not say why."""
    for name in ("vit_b", "tiny,vit_b"):
        arguments = ("-m", "fast", f"--samcheck-variants={name}", f"--samcheck-journal={suite.path / 'j'}")
        result = suite.runpytest_inprocess(*arguments)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["*vit_b is of the tier full, * add --tier full *"])


ORDERED = """
import pytest

@pytest.fixture
def reference(variant): pass
@pytest.fixture
def ready(variant): pass

def test_oracle(variant, precision, reference, ready): pass
def test_encodes(variant, precision): pass
def test_asks(variant, precision, ready): pass
"""


def test_checks_that_wait_for_the_oracle_come_last_of_their_model(suite: pytest.Pytester) -> None:
    """So that the first result of a large model does not take minutes."""
    suite.makepyfile(test_it=ORDERED)
    path = suite.path / "journal"
    arguments = ("-m", "full", "--samcheck-variants=vit_b,vit_l", f"--samcheck-journal={path}")
    suite.runpytest_inprocess(*arguments)
    events = [json.loads(line) for line in path.read_bytes().splitlines()]
    order = [e["check"].partition("::test_")[2][:-1].split("[") for e in events if e["event"] == "started"]
    by_model: dict[str, list[str]] = {}
    for name, model in order:
        by_model.setdefault(model, []).append(name)
    assert {tuple(names) for names in by_model.values()} == {("asks", "encodes", "oracle")}
    models = [model for _, model in order]
    assert [model for model, _ in groupby(models)] == list(by_model)  # none is loaded twice


def test_checks_for_other_variants_are_not_there(suite: pytest.Pytester) -> None:
    assert run(suite, "--samcheck-variants=vit_b") == {"all[vit_b]", "some[vit_b-fp32]", "some[vit_b-bf16]"}


@pytest.mark.parametrize("name", ["", "My_Sam", "a b", "../x", "1st", "a-b"])
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="invalid variant name"):
        variants.register(Variant(name, 64, object))


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="the variant 'tiny' already exists"):
        variants.register(Variant("tiny", 64, object))


def test_registering_twice_is_harmless() -> None:
    mine = Variant("mine", 64, object)
    variants.register(mine)
    variants.register(mine)
    assert variants.VARIANTS["mine"] is mine


def test_the_host_knows_the_same_variants() -> None:
    from samcheck.guest.variant_names import FAMILY_VARIANTS

    found: dict[str, dict[str, str]] = {}
    for name, variant in variants.VARIANTS.items():
        found.setdefault(variant.family.name, {})[name] = variant.tier
    assert found == FAMILY_VARIANTS


def test_a_module_inside_of_a_package_is_looked_for_without_importing_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from samcheck.guest.models.family import SamFamily

    (tmp_path / "some_package" / "models" / "new").mkdir(parents=True)
    (tmp_path / "some_package" / "__init__.py").write_text("raise RuntimeError", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    asked = ("some_package.models.new", "some_package.models.newer", "no_package.models.new")
    assert SamFamily("some-package", asked).missing() == asked[1:]
