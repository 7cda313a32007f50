"""A folder with what another machine's Python lacks to run `samcheck here`, for machines without a network.

Each package is unpacked into its own folder, so that `bundle_main` can use exactly those that the other
Python lacks and ignore the rest.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from samcheck import certificates, files, owned, paths, version
from samcheck.cells import DEFAULT_SAM
from samcheck.environments import uv_errors
from samcheck.environments.offline import bundle_main
from samcheck.errors import BadInput, BuildFailed
from samcheck.facts import Facts, sam_packages
from samcheck.facts.sam_schema import SamPackage
from samcheck.guest.outcomes import FailureCause
from samcheck.guest.record import Fingerprint

#: samcheck's own requirements that `here` imports; it installs nothing and starts no engine.
HOST = (
    *("click", "filelock", "jinja2", "msgspec", "nvidia-ml-py", "packaging"),
    *("platformdirs", "psutil", "pydantic", "PyYAML", "rich"),
)
#: What is tested, and its own dependencies: always the other machine's, never collected.
TESTED = ("torch", "torchvision", "numpy", "triton")
#: glibc of 2014; every wheel above has a build for it.
PLATFORM = "x86_64-manylinux_2_17"


@dataclass(frozen=True)
class BundleSpec:
    """What to collect, and for which Python.

    Attributes:
        python: the other machine's, such as ``3.12``.
        has: its packages, from ``pip freeze``.
        host: requirements of samcheck itself.
        guest: requirements of the suite.
    """

    python: str
    has: tuple[Requirement, ...]
    host: tuple[str, ...]
    guest: tuple[str, ...]


def bundle_spec(
    python: str, has: Sequence[str], facts: Facts, packages: Sequence[SamPackage] = ()
) -> BundleSpec:
    """Return what `here` requires in another machine's Python, with `packages` to test besides SAM's own.

    Raises:
        BadInput: one of them is not for this Python, or there is no wheel of it.
    """
    own = [Requirement(text) for text in metadata.requires("samcheck") or ()]
    names = {bundle_main.key(name) for name in HOST}
    host = tuple(
        str(requirement)
        for requirement in own
        if bundle_main.key(requirement.name) in names and requirement.marker is None
    )
    tools = [pin.partition("==")[0] for pin in facts.pin("tool", python)]
    tested = [pin for row in packages for pin in _tested(row, python, facts)]
    return BundleSpec(python, tuple(_frozen(has)), host, (*tools, DEFAULT_SAM, *dict.fromkeys(tested)))


def lacking(seen: Fingerprint, facts: Facts) -> tuple[BundleSpec, list[str]]:
    """Return what an interpreter of this machine has and requires, and the requirements that it lacks."""
    release = ".".join(seen.python.split(".")[:2])
    spec = bundle_spec(
        release, sorted(f"{name}=={version}" for name, version in seen.packages.items()), facts
    )
    present = {bundle_main.key(name) for name in seen.packages}
    return spec, [text for text in spec.guest if bundle_main.key(Requirement(text).name) not in present]


def _tested(row: SamPackage, python: str, facts: Facts) -> Iterator[str]:
    """Yield the pins of a package under test and of what it imports."""
    if not row.allows("python", python) or sam_packages.without_release(row, python, facts):
        raise BadInput(f"--sam: {row.requirement} is for Python {row.python}, not {python}")
    if row.file == "sdist":
        variables = "".join(f"{name}={value} " for name, value in row.build_environment.items())
        raise BadInput(
            f"--sam: {row.requirement} has no wheel and is built beside the PyTorch of the other machine: "
            f"there, run {variables}python3 -m pip install --no-build-isolation --no-deps on its archive"
        )
    yield row.requirement
    yield from sam_packages.needed([row], python, facts)


def _frozen(lines: Sequence[str]) -> Iterator[Requirement]:
    """Yield the packages of a ``pip freeze``; those installed from a folder or URL have no version."""
    for line in lines:
        try:
            package = Requirement(line.partition(" @ ")[0])
        except InvalidRequirement:
            continue  # an option, a comment, an editable package
        yield package


def collect(spec: BundleSpec, folder: Path) -> list[str]:
    """Fill `folder`, in the checkout and new or made by an earlier call; return the collected packages.

    Raises:
        BadInput: the folder is elsewhere or contains something else.
        BuildFailed: a package is not available.
    """
    _require(folder)
    owned.make(folder)
    taken = []
    for half, requirements in (("host", spec.host), ("guest", spec.guest)):
        (folder / half).mkdir(parents=True)
        taken += unpack(spec, requirements, folder / half)
    shutil.copy(Path(bundle_main.__file__), folder / "__main__.py")
    (folder / "oracle").mkdir()
    identity = f"{version.version()} {bundle_main.code(paths.ROOT)}\n"
    (folder / "version").write_text(identity, encoding="utf-8")
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    return sorted(set(taken))


def unpack(spec: BundleSpec, requirements: Sequence[str], folder: Path) -> list[str]:
    """Unpack the missing ones of `requirements` into `folder`, each into its own folder.

    Returns ``name==version`` of each.

    Raises:
        BuildFailed: a package is not available.
    """
    pins = missing(resolved(spec, requirements), spec.has)
    for pin in pins:
        name = bundle_main.key(pin.partition("==")[0])
        _uv("pip", "install", "-q", *_for(spec), "--no-deps", "--target", str(folder / name), pin)
    return pins


def _require(folder: Path) -> None:
    """Validate the folder, and remove what an earlier call made there."""
    if not paths.IS_CHECKOUT:
        raise BadInput(
            "this is an installed samcheck: run `carry` in a checkout, which is then copied elsewhere"
        )
    if paths.ROOT not in folder.resolve().parents:
        raise BadInput(
            f"{folder} is not in the checkout {paths.ROOT}: name a folder there, to be copied with samcheck"
        )
    there = os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir()))
    if there and owned.remove(folder, _collected_before):
        raise BadInput(f"{folder} contains something else: name a new folder")


def _collected_before(folder: Path) -> bool:
    """Return whether an old samcheck without marks made this folder: it stored a digest of its code."""
    if not owned.has_file(folder, "version") or not owned.has_file(folder, "__main__.py"):
        return False
    try:
        return re.fullmatch(r"\S+ [0-9a-f]{64}\n", files.read_text(folder / "version")) is not None
    except BadInput:
        return False


def resolved(spec: BundleSpec, requirements: Sequence[str]) -> list[str]:
    """Resolve `requirements` to ``name==version`` pins that match what the other machine has."""
    with tempfile.TemporaryDirectory() as scratch:
        given, bounds = Path(scratch, "wanted.in"), Path(scratch, "has.txt")
        given.write_text("\n".join(requirements), encoding="utf-8")
        bounds.write_text("\n".join(map(str, spec.has)), encoding="utf-8")
        output = _uv(
            *("pip", "compile", "-q", "--no-header", "--no-annotate", "--constraints", str(bounds)),
            *_for(spec),
            str(given),
        )
    return [line for line in output.splitlines() if "==" in line]


def missing(pins: Sequence[str], has: Sequence[Requirement]) -> list[str]:
    """Return the pins whose package the other machine lacks, without what is tested."""
    left = {bundle_main.key(name) for name in (*TESTED, *(package.name for package in has))}
    return [pin for pin in pins if bundle_main.key(pin.partition("==")[0]) not in left]


def _for(spec: BundleSpec) -> list[str]:
    return ["--python-version", spec.python, "--python-platform", PLATFORM, "--only-binary", ":all:"]


def _uv(*arguments: str) -> str:
    """Run uv and return what it prints.

    Raises:
        BuildFailed: it failed.
    """
    import uv  # carried to no other machine

    environment = dict(os.environ, UV_NO_PROGRESS="1")
    if certificates.ca_bundle():
        environment["SSL_CERT_FILE"] = certificates.ca_bundle()
    done = subprocess.run(
        [uv.find_uv_bin(), *arguments], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode != 0:
        known = uv_errors.explained(done.stdout + done.stderr)
        raise BuildFailed(known.cause, known.sentence)
    return done.stdout


def answers(python: str, variants: Sequence[str], folder: Path) -> None:
    """Store the oracle's answers for `variants` in `folder`, using a Python with PyTorch and SAM.

    Raises:
        BuildFailed: it could not compute them.
    """
    command = [python, "-m", "samcheck.guest.oracle", *variants]
    environment = dict(os.environ, PYTHONPATH=str(paths.source()))
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise BuildFailed(FailureCause.PROBE, f"{python} cannot compute the oracle's answers: {last}")
    for path in json.loads(done.stdout.splitlines()[-1]):
        shutil.copy(path, folder / "oracle")


def size_mib(folder: Path) -> float:
    """Return the size of all files in `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
