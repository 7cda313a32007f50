"""Are packages whole, apart from each other, and the ones that PyTorch requires? Do its libraries load?

What was upgraded in place is often not what its metadata says. `samcheck doctor` finds the same, with cures.
"""

from __future__ import annotations

from typing import Any, Dict, List

import pytest

from samcheck.guest.installed import judgement, library_rules, pin_rules, reading
from samcheck.guest.installed.finding import FindingKind
from samcheck.guest.installed.inventory import Inventory

GROUP = "imports"

#: Seconds for importing PyTorch: from a cold network disk, on a machine with other work.
PATIENCE = 600.0


class Misfit(Exception):
    """Packages that do not go together, or not with their files."""


class MixedLibraries(Exception):
    """Parts of a library of different origin."""


@pytest.fixture(scope="module")
def inventory() -> Inventory:
    """What is installed, and what a fresh process loads that imports PyTorch and computes."""
    return reading.take(PATIENCE)


def sentences(inventory: Inventory, *kinds: FindingKind) -> List[str]:
    return [finding.sentence for finding in judgement.findings(inventory) if finding.kind in kinds]


def require_none(found: List[str], settings: Dict[str, str]) -> None:
    """Require that nothing was found; each thing is recorded, so that runs can be compared."""
    settings.update({"finding_{}".format(number): text for number, text in enumerate(found, 1)})
    if found:
        raise Misfit(" ".join(found))


def test_packages_lie_apart(inventory: Inventory, settings: Dict[str, str]) -> None:
    """No two packages have installed the same files with different content, as builds of OpenCV do.

    https://github.com/opencv/opencv-python/issues/962
    """
    settings["packages"] = str(len(inventory.packages))
    assert sum(package.code for package in inventory.packages) > 0, "no package has a RECORD of its files"
    require_none(sentences(inventory, FindingKind.OVERLAP), settings)


def test_requirements_hold(inventory: Inventory, settings: Dict[str, str]) -> None:
    """PyTorch's pins hold, torchvision is of the same build, and nothing else excludes them or NumPy.

    https://github.com/facebookresearch/sam2/issues/220
    """
    assert any(package.name == "torch" and package.requires for package in inventory.packages)
    settings["required_by_nothing"] = ", ".join(pin_rules.required_by_nothing(inventory))
    require_none(sentences(inventory, FindingKind.PINS, FindingKind.BUILD), settings)


def test_packages_are_whole(inventory: Inventory, settings: Dict[str, str]) -> None:
    """Each package is there once, with all of the code that it has installed: no upgrade was interrupted.

    https://github.com/pypa/pip/issues/11849
    """
    assert not inventory.unreadable
    kinds = (FindingKind.COPIES, FindingKind.LEFTOVER, FindingKind.MISSING, FindingKind.CHANGED)
    require_none(sentences(inventory, *kinds), settings)


def test_libraries_are_the_packages(inventory: Inventory, settings: Dict[str, str]) -> None:
    """A fresh process loads NVIDIA's libraries from the files that the installed packages have brought.

    https://github.com/pytorch/pytorch/issues/185512
    """
    loading = inventory.loading
    assert not loading.failure
    for library in loading.libraries:
        settings[library.name] = library_rules.described(library, inventory)
    settings.update({"import of " + name: error for name, error in loading.import_errors.items()})
    require_none(sentences(inventory, FindingKind.ELSEWHERE), settings)


def test_cudnn_is_of_one_piece(inventory: Inventory, settings: Dict[str, str], defect: Any) -> None:
    """All parts of cuDNN load from one folder, and by its own check have one version; this needs no GPU.

    https://github.com/pytorch/pytorch/issues/188892
    """
    loading = inventory.loading
    if not any(library.name == "libcudnn" for library in loading.libraries):
        pytest.skip("this PyTorch loads no cuDNN")
    settings["lacking"] = ", ".join(loading.lacking) or "nothing"
    mixed = sentences(inventory, FindingKind.MIXED)
    if mixed and loading.lacking:
        with defect("cudnn-lacks-engine"):
            raise MixedLibraries(" ".join(mixed))
    if mixed:
        settings["finding_1"] = " ".join(mixed)
        raise MixedLibraries(" ".join(mixed))
