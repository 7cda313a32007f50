"""NVIDIA's libraries as loaded: of the installed packages or of others; and a cuDNN of mixed parts."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from samcheck.__main__ import cli
from samcheck.environments import inspection
from samcheck.guest.installed import library_rules, loaded_libraries
from samcheck.guest.installed.inventory import Loading, MappedLibrary
from tests.unit.made_packages import found, install, read

ENGINE = "libcudnn_engines_tensor_ir.so.9"
SYSTEM = "/usr/lib/x86_64-linux-gnu"


@pytest.fixture
def cudnn(tmp_path: Path) -> Path:
    """The folder of an installed cuDNN."""
    folder = "nvidia/cudnn/lib"
    parts = ("libcudnn.so.9", "libcudnn_graph.so.9", "libcudnn_ops.so.9")
    install(tmp_path, "nvidia-cudnn-cu13", "9.20.0.48", {f"{folder}/{part}": part for part in parts})
    return tmp_path / folder


def library(path: Path | str, version: str | None = None) -> MappedLibrary:
    return MappedLibrary(Path(path).name.partition(".so")[0], str(path), version)


def test_libraries_of_the_packages_are_silent(tmp_path: Path, cudnn: Path) -> None:
    loaded = Loading([library(cudnn / "libcudnn.so.9", "9.20.0"), library(f"{SYSTEM}/libcublas.so.13")])
    assert found(tmp_path, loading=loaded) == []  # of cuBLAS no package has one that would belong
    inventory = read(tmp_path, loading=loaded)
    described = [library_rules.described(each, inventory) for each in inventory.loading.libraries]
    assert described == [
        "9.20.0, nvidia/cudnn/lib/libcudnn.so.9 of nvidia-cudnn-cu13 9.20.0.48",
        f"{SYSTEM}/libcublas.so.13 of no package",
    ]


def test_a_library_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "nvidia-nccl-cu13", "2.30.7", {"nvidia/nccl/lib/libnccl.so.2": "x"})
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/a:/opt/nccl/:/opt/b")
    (finding,) = found(tmp_path, loading=Loading([library("/opt/nccl/libnccl.so.2.18.1", "2.18.1")]))
    assert (finding.kind, finding.breaks) == ("elsewhere", False)
    assert "libnccl.so.2.18.1 (2.18.1) instead of that of nvidia-nccl-cu13 2.30.7" in finding.sentence
    assert finding.commands == ["export LD_LIBRARY_PATH=/opt/a:/opt/b"]
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/nccl")
    (finding,) = found(tmp_path, loading=Loading([library("/opt/nccl/libnccl.so.2")]))
    assert finding.commands == ["unset LD_LIBRARY_PATH"]
    monkeypatch.delenv("LD_LIBRARY_PATH")
    (finding,) = found(tmp_path, loading=Loading([library("/opt/nccl/libnccl.so.2")]))
    assert "/etc/ld.so.conf.d" in finding.cure


def test_an_engine_that_the_system_supplies(tmp_path: Path, cudnn: Path) -> None:
    loaded = Loading(
        [library(cudnn / "libcudnn.so.9")], fallbacks={ENGINE: f"{SYSTEM}/{ENGINE}.23.2"}, lacking=[ENGINE]
    )
    (finding,) = found(tmp_path, loading=loaded)
    assert (finding.kind, finding.breaks) == ("mixed", False)
    assert finding.sentence == (
        f"cuDNN is mixed: libcudnn.so.9 of nvidia-cudnn-cu13 9.20.0.48 takes {ENGINE}.23.2 from {SYSTEM}, "
        f"since {ENGINE} is not in the package. If versions differ, convolutions on a GPU fail: "
        "CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH."
    )
    # Without a cuDNN of the system, the engine is only not used.
    assert found(tmp_path, loading=Loading(loaded.libraries, lacking=[ENGINE])) == []


def test_parts_that_cudnn_itself_refuses(tmp_path: Path, cudnn: Path) -> None:
    answers = {"ops": "CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH"}
    parts = [library(cudnn / "libcudnn.so.9"), library("/opt/cudnn/libcudnn_ops.so.9")]
    (finding,) = found(tmp_path, loading=Loading(parts, cudnn=answers))
    assert (finding.kind, finding.breaks) == ("mixed", True)
    assert "cuDNN's own check says CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH (ops)" in finding.sentence
    (finding,) = found(tmp_path, loading=Loading(parts[:1], cudnn=answers))
    assert "takes parts of another version from" in finding.sentence


def test_what_cannot_be_imported_is_said_once(tmp_path: Path) -> None:
    install(tmp_path, "torch", "2.4.1")
    errors = {
        "torch": "ImportError: libcudnn.so.9: cannot open",
        "torchvision": "ImportError: torch is broken",
    }
    (finding,) = found(tmp_path, loading=Loading(import_errors=errors))
    assert finding.sentence == "torch 2.4.1 cannot be imported: ImportError: libcudnn.so.9: cannot open."


@pytest.mark.parametrize(
    ("module", "package", "error", "because", "cure"),
    [
        (
            *("torch", "torch", "ImportError: /a/lib/libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent"),
            *("MKL, which has lacked this symbol since 2024.1", "conda install 'mkl<2024.1'"),
        ),
        (
            *(
                "cv2",
                "opencv-python",
                "ImportError: libGL.so.1: cannot open shared object file: No such file",
            ),
            *("libraries of a desktop", "opencv-python-headless"),
        ),
        (
            *("torchvision", "torchvision", "ImportError: /a/_C.so: undefined symbol: _ZN3c105ErrorC2E"),
            *("compiled for another PyTorch", "the release that belongs to this PyTorch"),
        ),
        (
            *("sam2", "sam2", "ValueError: numpy.dtype size changed, may indicate binary incompatibility"),
            *("compiled for another NumPy", "upgrade it"),
        ),
    ],
)
def test_a_known_error_of_an_import_has_a_cause_and_a_cure(
    tmp_path: Path, module: str, package: str, error: str, because: str, cure: str
) -> None:
    install(tmp_path, package, "2.0.1")
    (finding,) = found(tmp_path, loading=Loading(import_errors={module: error}))
    assert finding.sentence.startswith(f"{package} 2.0.1 cannot be imported: {error} (")
    assert because in finding.sentence
    assert cure in finding.cure


@pytest.mark.parametrize(
    ("failure", "breaks"),
    [("it ended with SIGABRT: it printed nothing", True), ("it did not finish within 240 seconds", False)],
)
def test_no_report_is_no_silence(tmp_path: Path, failure: str, breaks: bool) -> None:
    (finding,) = found(tmp_path, loading=Loading(failure=failure))
    assert (finding.kind, finding.breaks) == ("import", breaks)
    assert failure in finding.sentence


def test_the_loaders_cache_is_read() -> None:
    text = (
        "2 libs found in cache `/etc/ld.so.cache'\n"
        "\tlibcudnn.so.9 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libcudnn.so.9\n"
        "\tlibcudnn.so.9 (libc6,x86-64) => /opt/cudnn/libcudnn.so.9\n"
    )
    answer = SimpleNamespace(stdout=text.encode())
    assert loaded_libraries.cached(lambda *_, **__: answer) == {"libcudnn.so.9": f"{SYSTEM}/libcudnn.so.9"}

    def absent(*_: object, **__: object) -> None:
        raise FileNotFoundError

    assert loaded_libraries.cached(absent) == {}


def test_parts_that_the_loader_finds_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    for folder in (own, other):
        folder.mkdir()
        (folder / "libcudnn_ops.so.9").touch()
    (own / "libcudnn_graph.so.9").write_bytes(
        b"\0libcudnn_ops.so\0libcudnn_engines_tensor_ir.so\0libcudnn_x\0"
    )
    assert list(loaded_libraries.parts(str(own))) == [ENGINE, "libcudnn_ops.so.9"]
    assert list(loaded_libraries.parts(str(other))) == []
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{own}:{other}")
    names, path = ["libcudnn_ops.so.9", ENGINE], loaded_libraries.library_path()
    assert dict(loaded_libraries.elsewhere(names, str(own), path, {})) == {
        "libcudnn_ops.so.9": str(other / "libcudnn_ops.so.9")
    }
    assert dict(loaded_libraries.elsewhere(names, str(own), [], {ENGINE: "/opt/e.so"})) == {
        ENGINE: "/opt/e.so"
    }


def test_cudnn_is_asked_for_the_versions_of_its_parts() -> None:
    def answering(status: int) -> SimpleNamespace:
        library = SimpleNamespace(cudnnOpsVersionCheck=lambda: status, cudnnGraphVersionCheck=lambda: 0)

        def name(number: int) -> bytes:
            return b"CUDNN_STATUS_%d" % number

        library.cudnnGetErrorString = name
        return library

    assert loaded_libraries.checked(answering(0)) == {}
    assert loaded_libraries.checked(answering(1004)) == {"ops": "CUDNN_STATUS_1004"}


def test_the_command_says_all_and_exits_with_1(
    tmp_path: Path, cudnn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cudnn / "libcudnn_ops.so.9").unlink()
    inventory = read(tmp_path, loading=Loading([library(cudnn / "libcudnn.so.9")]))
    monkeypatch.setattr(inspection, "inspect", lambda python: inventory)
    done = CliRunner().invoke(cli, ["doctor", "--python", "x"])
    assert done.exit_code == 1
    head, _, finding, cure, command = done.output.splitlines()
    assert head.endswith("1 package, 1 library of NVIDIA loaded")
    assert finding.startswith(
        "1. BREAKS (missing): 1 of the 3 files of code that nvidia-cudnn-cu13 9.20.0.48 has"
    )
    assert cure == "   cure: install it again:"
    assert command.startswith("     uv pip install")
    document = json.loads(CliRunner().invoke(cli, ["doctor", "--python", "x", "--json"]).output)
    assert [finding["kind"] for finding in document["findings"]] == ["missing"]
    assert document["libraries"]["libcudnn"].endswith("of nvidia-cudnn-cu13 9.20.0.48")


def test_the_command_is_silent_about_what_is_well(
    tmp_path: Path, cudnn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "inspect", lambda python: read(tmp_path))
    done = CliRunner().invoke(cli, ["doctor", "--python", "x"])
    assert (done.exit_code, done.output.splitlines()[1:]) == (0, ["nothing found that breaks or may break"])
