"""Variants of one's own: by registration and by entry point, and which checks they get."""

from __future__ import annotations

import json
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
