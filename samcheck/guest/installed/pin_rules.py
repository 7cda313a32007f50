"""What installed packages require of each other: PyTorch's pins, and what others demand of PyTorch and NumPy.

Needs `packaging`, which samcheck and pytest bring.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from .finding import Finding, FindingKind, active, installer, listed, titled
from .inventory import InstalledPackage, Inventory, Where
from .recorded import normalised
from .roots import TOOLS

#: All of their requirements matter; cuda-toolkit only stands for others that torch requires.
ROOTS = ("torch", "torchvision", "cuda-toolkit")
#: Other packages are asked only what they require of these.
_STACK = ("torch", "torchvision", "torchaudio", "numpy", "triton")
#: Packages with a `triton` of their own; builds of PyTorch for other devices and older ones require them.
FOREIGN_TRITON = (
    *("pytorch-triton", "pytorch-triton-rocm", "pytorch-triton-xpu"),
    *("triton-nightly", "triton-rocm", "triton-windows", "triton-xpu"),
)


class Demand(NamedTuple):
    """A requirement that applies, and by whom."""

    by: InstalledPackage
    requirement: Requirement

    @property
    def name(self) -> str:
        return normalised(self.requirement.name)


def demands(inventory: Inventory) -> List[Demand]:
    """Return all requirements that apply to what is installed, extras that are asked for included."""
    by_name = {package.name: package for package in active(inventory)}
    todo: List[Tuple[str, str]] = [(name, "") for name in by_name]
    seen: Set[Tuple[str, str]] = set()
    found: List[Demand] = []
    while todo:
        name, extra = todo.pop(0)
        if (name, extra) in seen or name not in by_name:
            continue
        seen.add((name, extra))
        for requirement in _requirements(by_name[name], extra, inventory.markers):
            found.append(Demand(by_name[name], requirement))
            todo += [(normalised(requirement.name), asked) for asked in requirement.extras]
    return found


def _requirements(package: InstalledPackage, extra: str, markers: Dict[str, str]) -> Iterator[Requirement]:
    """Yield a package's requirements, or those that an extra adds."""
    for line in package.requires:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:  # installers have ignored it as well
            continue
        marker = requirement.marker
        without = marker is None or marker.evaluate({**markers, "extra": ""})
        if (not extra and without) or (
            extra and not without and marker is not None and marker.evaluate({**markers, "extra": extra})
        ):
            yield requirement


def fits(requirement: Requirement, version: str) -> bool:
    """Whether a version satisfies a requirement; what has no valid version is not judged."""
    try:
        return requirement.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True


def required_by_torch(inventory: Inventory) -> Set[str]:
    """Return the names of what torch requires, directly or through what it requires."""
    every = demands(inventory)
    names = {"torch"}
    while True:
        more = {demand.name for demand in every if demand.by.name in names} - names
        if not more:
            return names
        names |= more


def required_by_nothing(inventory: Inventory) -> List[str]:
    """Return the packages that no other package requires, but for installers and what samcheck brings."""
    needed = {demand.name for demand in demands(inventory)}
    own = [package.name for package in active(inventory) if package.where is not Where.PYTHONPATH]
    return sorted(name for name in own if name not in needed and name not in TOOLS)


def findings(inventory: Inventory) -> Iterator[Finding]:
    """Yield one finding for each package whose requirements do not hold."""
    by_name = {package.name: package for package in active(inventory)}
    broken: Dict[str, List[Demand]] = {}
    for demand in demands(inventory):
        there = by_name.get(demand.name)
        holds = demand.by.name not in ROOTS if there is None else fits(demand.requirement, there.version)
        if not holds and _is_asked(demand):
            broken.setdefault(demand.by.name, []).append(demand)
    for name in sorted(broken):
        yield _finding(by_name[name], broken[name], by_name, inventory)
    yield from _other_triton(inventory, by_name)


def _is_asked(demand: Demand) -> bool:
    """Whether it matters to SAM that this requirement holds."""
    return demand.by.name in ROOTS or demand.name in _STACK or demand.name.startswith("nvidia-")


def _finding(
    package: InstalledPackage,
    broken: List[Demand],
    by_name: Dict[str, InstalledPackage],
    inventory: Inventory,
) -> Finding:
    if package.name != "torch" and any(demand.name == "torch" for demand in broken):
        return _other_torch(package, broken, by_name.get("torch"), inventory)
    says = []
    for demand in broken:
        there = by_name.get(demand.name)
        state = "{} is installed".format(there.version) if there else "it is not installed"
        says.append("{} ({})".format(_text(demand.requirement), state))
    sentence = "{} requires {}".format(titled(package), listed(says))
    if any(demand.name.startswith("nvidia-") for demand in broken):
        sentence += ": PyTorch is built and tested with exactly these, and another release may lack a "
        sentence += "symbol or compute differently"
    commands = [installer(inventory).install(_joint(broken, inventory), "--no-deps")]
    return Finding(FindingKind.PINS, False, sentence + ".", "install what it requires:", commands)


def _joint(broken: List[Demand], inventory: Inventory) -> List[str]:
    """Return requirements for all packages that demand something of the same ones."""
    joint: Dict[str, SpecifierSet] = {}
    for demand in demands(inventory):
        if any(demand.name == other.name for other in broken):
            specifier = joint.get(demand.name, demand.requirement.specifier)
            joint[demand.name] = specifier & demand.requirement.specifier
    return ["{}{}".format(name, specifier) for name, specifier in sorted(joint.items())]


def _other_torch(
    package: InstalledPackage, broken: List[Demand], torch: Optional[InstalledPackage], inventory: Inventory
) -> Finding:
    wanted = next(_text(demand.requirement) for demand in broken if demand.name == "torch")
    there = "{} is installed".format(torch.version) if torch else "it is not installed"
    sentence = "{} is compiled for {}, and {}: its operators, such as nms, cannot be loaded or crash."
    if torch is None:
        command = installer(inventory).install([wanted])
    else:
        command = installer(inventory).install(["torch=={}".format(torch.version), package.name], "--upgrade")
    cure = "install the {} that belongs to this PyTorch:".format(package.name)
    if package.name not in ("torchvision", "torchaudio"):
        sentence = "{} requires {}, and {}."
    return Finding(
        FindingKind.PINS,
        package.name == "torchvision",
        sentence.format(titled(package), wanted, there),
        cure,
        [command],
    )


def _other_triton(inventory: Inventory, by_name: Dict[str, InstalledPackage]) -> Iterator[Finding]:
    """Yield Tritons that this PyTorch does not require; those beside `triton` lie on top of it."""
    required = required_by_torch(inventory)
    foreign = [name for name in FOREIGN_TRITON if name in by_name and name not in required]
    if not foreign or "torch" not in by_name or "triton" in by_name:
        return
    wanted = [_text(demand.requirement) for demand in demands(inventory) if demand.name == "triton"]
    commands = [installer(inventory).uninstall(foreign)]
    commands += [installer(inventory).install(wanted[:1], "--no-deps")] if wanted else []
    names = listed([titled(by_name[name]) for name in foreign])
    sentence = "{} is the Triton here, which {} does not require: torch.compile uses it all the same.".format(
        names, titled(by_name["torch"])
    )
    yield Finding(FindingKind.PINS, True, sentence, "replace it:", commands)


def _text(requirement: Requirement) -> str:
    """``nvidia-cudnn-cu12==9.1.0.70``."""
    return "{}{}".format(requirement.name, requirement.specifier)
