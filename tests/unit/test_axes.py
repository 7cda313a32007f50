from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samcheck import facts
from samcheck.facts.target_machine import Machine
from samcheck.matrix import axes

FACTS = facts.load()
RELEASE = FACTS.release("2.11.0")


@pytest.mark.parametrize(
    ("axis", "specs", "expected"),
    [
        ("torch", ["2.4.1"], ["2.4.1"]),
        ("torch", [">=2.4,<2.5"], ["2.4.1", "2.4.0"]),
        ("torch", [">=2.4,<2.6 minors"], ["2.5.1", "2.4.1"]),
        ("torch", ["<2.1 newest", "oldest"], ["2.0.1", "1.12.1"]),
        ("torch", ["newest"], [FACTS.releases[-1].version]),
        ("python", ["3.10", "3.12"], ["3.12", "3.10"]),
        ("python", [">=3.9,<3.11"], ["3.10", "3.9"]),
        ("numpy", ["auto", "==1.* newest"], ["", "1.26.4"]),
        ("sam", ["sam2==1.1.0"], ["sam2==1.1.0"]),
        ("sam", ["transformers", "segment-anything==1.0"], ["segment-anything==1.0", "transformers==5.23.0"]),
        ("sam", ["all"], [row.requirement for row in FACTS.sam]),
    ],
)
def test_specs_select_values(axis: str, specs: list[str], expected: list[str]) -> None:
    assert list(axes.select(axis, specs, FACTS)) == expected


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        (["all"], ["cu130", "cu126", "cu128", "cu129"]),
        (["default"], ["cu130"]),
        (["auto"], ["cu130"]),
        (["cpu", "cu126"], ["cpu", "cu126"]),
        ([">=12.8,<13"], ["cu129", "cu128"]),
        (["cu118"], ["cu118"]),  # this release has none: the rule says so, with its source
        (["<12 newest"], []),  # a range takes what a release has
    ],
)
def test_specs_select_builds_of_a_release(specs: list[str], expected: list[str]) -> None:
    assert RELEASE is not None
    assert list(axes.builds(specs, RELEASE, FACTS, Machine())) == expected


@pytest.mark.parametrize(
    ("axis", "spec", "said"),
    [
        ("torch", "2.4.9", r"did you mean 2\.4\.1\?"),
        ("torch", ">=9", "matches none of 1.12.1 to"),
        ("torch", "latest", "neither a value"),
        ("python", "3.42", "is unknown"),
        ("torch", "oldest newest", "neither a value"),
        ("sam", "sam2==1.0.0", r"did you mean sam2==1\.1\.0\? Known: sam2==1\.1\.0$"),
        ("sam", "mobilsam-mirror", r"did you mean mobilesam-mirror\?"),
        ("sam", "rf-sam-2==1.0.3", "installs the module sam2 as sam2 does"),
        ("sam", ">=1", "is unknown. Known: segment-anything==1.0, sam2"),
        ("sam", "all minors", "is unknown"),
    ],
)
def test_a_spec_that_means_nothing_is_refused(axis: str, spec: str, said: str) -> None:
    with pytest.raises(axes.BadSpec, match=said):
        axes.select(axis, [spec], FACTS)


@given(st.text(alphabet="abcdelnostwx0123456789.<>=!~,* -", max_size=30))
def test_any_text_is_values_or_refused(text: str) -> None:
    try:
        values = axes.select("torch", [text], FACTS)
    except axes.BadSpec:
        return
    assert values
    assert set(values) <= {row.version for row in FACTS.releases}


def test_whether_a_value_fits_specs() -> None:
    assert axes.fits("torch", [">=2.9"], "2.11.0", FACTS)
    assert not axes.fits("torch", [">=2.9"], "2.4.1", FACTS)
    assert axes.fits("cuda", [">=12"], "cu126", FACTS)
    assert not axes.fits("cuda", [">=12"], "cpu", FACTS)
    assert axes.fits("cuda", ["cpu"], "cpu", FACTS)
    assert axes.fits("numpy", ["auto"], "", FACTS)
