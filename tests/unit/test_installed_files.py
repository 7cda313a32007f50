"""Files of installed packages: on top of each other, missing, left over, several copies; odd metadata."""

from __future__ import annotations

import site
import time
from pathlib import Path

import pytest

from samcheck.guest.installed import reading, recorded
from samcheck.guest.installed.inventory import Where
from tests.unit.made_packages import found, install, kinds, read

CUDNN = "nvidia/cudnn/lib/libcudnn.so.9"


def test_what_is_clean_is_silent(tmp_path: Path) -> None:
    install(tmp_path, "numpy", "2.4.6", {"numpy/version.py": 'version = "2.4.6"\n', "numpy/core.so": "x"})
    install(tmp_path, "torch", "2.4.1", {"torch/version.py": "__version__ = '2.4.1+cu121'\n"}, ["numpy"])
    assert found(tmp_path) == []


def test_files_on_top_of_each_other_are_whose_content_is_there(tmp_path: Path) -> None:
    install(tmp_path, "nvidia-cudnn-cu13", "9.26.0", {CUDNN: "thirteen", "nvidia/cudnn/include/a.h": "same"})
    install(tmp_path, "nvidia-cudnn-cu12", "9.1.0", {CUDNN: "twelve", "nvidia/cudnn/include/a.h": "same"})
    install(tmp_path, "torch", "2.15.0", requires=["nvidia-cudnn-cu13==9.26.0"])
    (finding,) = found(tmp_path)
    assert (finding.kind, finding.breaks) == ("overlap", True)
    assert finding.sentence == (
        "nvidia-cudnn-cu12 9.1.0 and nvidia-cudnn-cu13 9.26.0 lie on top of each other: they share 2 files, "
        f"1 with different content, such as {CUDNN}. What is there now is all nvidia-cudnn-cu12 9.1.0's. "
        "Uninstalling one removes them from the other, which is then broken."
    )
    assert finding.cure == "uninstall all, then install one; torch requires nvidia-cudnn-cu13:"
    uninstalled, installed = finding.commands
    assert uninstalled.endswith("nvidia-cudnn-cu12 nvidia-cudnn-cu13")
    assert installed.endswith("--reinstall --no-deps nvidia-cudnn-cu13==9.26.0")


def test_contents_of_one_size_are_told_apart_by_their_hash(tmp_path: Path) -> None:
    install(tmp_path, "opencv-python", "5.0", {"cv2/cv2.abi3.so": "with", "cv2/__init__.py": "a"})
    install(tmp_path, "opencv-python-headless", "5.0", {"cv2/cv2.abi3.so": "none", "cv2/__init__.py": "a"})
    (shared,) = read(tmp_path).shared
    assert shared.present == {"opencv-python-headless==5.0": 1}
    (tmp_path / "cv2/cv2.abi3.so").write_text("both")
    assert read(tmp_path).shared[0].present == {}
    (finding,) = found(tmp_path)
    assert (finding.breaks, "of none of them" in finding.sentence) == (True, True)


def test_packages_that_are_connected_are_one_finding(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b", "c")):
        install(tmp_path, name, "1", {"cv2/x.py": "#" * (number + 1), f"cv2/{name}.py": "#"})
    (finding,) = found(tmp_path)
    assert finding.sentence.startswith("a 1, b 1 and c 1 lie on top of each other: they share 1 file, 1 with")


def test_the_same_files_under_two_names_are_found(tmp_path: Path) -> None:
    install(tmp_path, "py-cpuinfo", "9", {"cpuinfo/cpuinfo.py": "same"})
    install(tmp_path, "py-cpuinfo2", "9", {"cpuinfo/cpuinfo.py": "same"})
    (finding,) = found(tmp_path)
    assert (finding.kind, finding.breaks) == ("overlap", False)


@pytest.mark.parametrize(
    "path", ["google/__init__.py", "tests/helpers.py", "docs/conf.py", "LICENSE", "pkg/__pycache__/a.py"]
)
def test_what_packages_may_share_is_silent(tmp_path: Path, path: str) -> None:
    for name in ("one", "other"):
        own = {f"{name}/{number}.py": "#" for number in range(3)}
        install(tmp_path, name, "1", {path: name, **own})
    assert found(tmp_path) == []


def test_files_that_another_uninstallation_took_along(tmp_path: Path) -> None:
    install(
        tmp_path, "nvidia-nccl-cu13", "2.30.7", {"nvidia/nccl/lib/libnccl.so.2": "x", "nvidia/nccl/a.h": ""}
    )
    (tmp_path / "nvidia/nccl/lib/libnccl.so.2").unlink()
    (tmp_path / "nvidia/nccl/a.h").unlink()  # images are made smaller like that
    (finding,) = found(tmp_path)
    assert (finding.kind, finding.breaks) == ("missing", True)
    assert finding.sentence.startswith(
        "1 of the 1 file of code that nvidia-nccl-cu13 2.30.7 has installed is gone"
    )


def test_a_library_that_was_replaced(tmp_path: Path) -> None:
    install(tmp_path, "nvidia-nccl-cu13", "2.30.7", {"nvidia/nccl/lib/libnccl.so.2": "x", "nvidia/a.py": "x"})
    (tmp_path / "nvidia/a.py").write_text("edited")
    assert found(tmp_path) == []
    (tmp_path / "nvidia/nccl/lib/libnccl.so.2").write_text("another")
    assert kinds(found(tmp_path)) == ["changed"]


def test_metadata_of_two_versions_in_one_folder(tmp_path: Path) -> None:
    install(tmp_path, "numpy", "1.26.4", {"numpy/version.py": 'version = "1.26.4"\n'})
    install(tmp_path, "numpy", "2.4.6", {"numpy/version.py": 'version = "2.4.6"\n'})
    (finding,) = found(tmp_path)
    assert finding.kind == "copies"
    assert "The files are those of 2.4.6;" in finding.sentence
    assert finding.commands[0] == f"rm -r {tmp_path}/numpy-1.26.4.dist-info"


@pytest.mark.parametrize(
    ("where", "command"),
    [(Where.PYTHONPATH, "unset PYTHONPATH"), (Where.USER, "PYTHONNOUSERSITE"), (Where.SYSTEM, None)],
)
def test_a_numpy_that_hides_the_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: Where, command: str | None
) -> None:
    for folder, version in (("first", "2.4.6"), ("own", "1.26.4")):
        install(tmp_path / folder, "numpy", version, {"numpy/version.py": f'version = "{version}"\n'})
    monkeypatch.setattr(reading, "where", lambda path: where if path.endswith("first") else Where.OWN)
    findings = found(tmp_path / "first", tmp_path / "own")
    if command is None:  # a virtual environment may hide what the system has
        assert findings == []
        return
    assert command in findings[0].commands[0]
    assert f"2.4.6 in {tmp_path}/first is imported" in findings[0].sentence
    assert found(tmp_path / "own", tmp_path / "first") == []


def test_where_a_folder_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:")
    assert reading.where(str(tmp_path)) is Where.PYTHONPATH
    assert reading.where(str(tmp_path / "other")) is Where.SYSTEM
    monkeypatch.setattr(site, "getusersitepackages", lambda: str(tmp_path / "other"))
    assert reading.where(str(tmp_path / "other")) is Where.USER


def test_what_interrupted_upgrades_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "where", lambda _: Where.OWN)
    install(tmp_path, "numpy", "2.4.6", {"numpy/version.py": 'version = "2.3.0"\n', "numpy/core/a.so": "x"})
    (tmp_path / "~orch").mkdir()
    (tmp_path / "~orch-2.4.1.dist-info").mkdir()
    (tmp_path / "numpy/core/_old.cpython-313.so").write_text("x")
    install(tmp_path, "nvidia-cudnn-cu12", "9.1", {CUDNN: "x"})
    (tmp_path / "nvidia/cudnn/lib/libcudnn_ops.so.8").write_text("x")
    (tmp_path / "nvidia/cudnn/lib/notes.txt").write_text("x")
    words, renamed, strays = (finding.sentence for finding in found(tmp_path))
    assert words.startswith("numpy 2.4.6 is what the metadata says, but the files are of 2.3.0")
    assert "left ~orch and ~orch-2.4.1.dist-info" in renamed
    assert "nvidia/cudnn/lib/libcudnn_ops.so.8 and numpy/core/_old.cpython-313.so: they were left" in strays


def test_packages_without_a_record_are_taken_as_they_are(tmp_path: Path) -> None:
    info = install(tmp_path, "numpy", "2.4.6", {"numpy/version.py": 'version = "2.4.6"\n'})
    (info / "RECORD").unlink()
    (tmp_path / "debian_package-1.2.egg-info").write_text("Name: debian-package\nVersion: 1.2\n")
    (tmp_path / "folder-3.egg-info").mkdir()
    (tmp_path / "folder-3.egg-info" / "PKG-INFO").write_text("Name: folder\nVersion: 3\n")
    (tmp_path / "empty-4.dist-info").mkdir()
    assert found(tmp_path) == []
    names = {package.name: package.version for package in read(tmp_path).packages}
    assert names == {"numpy": "2.4.6", "debian-package": "1.2", "folder": "3", "empty": "4"}


def test_an_editable_installation_is_silent(tmp_path: Path) -> None:
    info = install(tmp_path, "sam2", "1.1.0", {"__editable__.sam2-1.1.0.pth": "/home/me/sam2\n"})
    (info / "direct_url.json").write_text('{"dir_info": {"editable": true}, "url": "file:///home/me/sam2"}')
    assert found(tmp_path) == []


def test_damaged_metadata_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    info = install(
        tmp_path, "odd", "1", {"odd/a.py": "#"}, metadata=b"Author: M\xfcller\nRequires-Dist: \xff==1\n"
    )
    with (info / "RECORD").open("ab") as stream:
        stream.write(b'odd/m\xfc.py,sha256=x,many\nodd/b.py\n"unclosed\nodd/\0.py,,\n')
    (package,) = read(tmp_path).packages
    assert (package.name, package.version) == ("odd", "1")
    found(tmp_path)


def test_metadata_that_must_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "secret", "1")

    def refuse(place: str, name: str) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(recorded, "_text", refuse)
    inventory = read(tmp_path)
    assert inventory.packages == []
    assert inventory.unreadable == {f"{tmp_path}/secret-1.dist-info": "Permission denied"}


def test_a_folder_that_is_none_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "packages.zip").write_bytes(b"PK")
    assert found(tmp_path / "packages.zip", tmp_path / "missing") == []


def test_thousands_of_files_take_a_moment(tmp_path: Path) -> None:
    info = install(tmp_path, "large", "1")
    rows = [f"large/{number}.py,sha256=x,1" for number in range(50_000)]
    (info / "RECORD").write_text("\n".join(rows))
    start = time.process_time()
    (finding,) = found(tmp_path)
    assert "50000 of the 50000 files of code" in finding.sentence
    assert time.process_time() - start < 10
