"""`samcheck doctor` on a real environment: what it finds, and that the commands it prints put it right."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import uv

from tests.unit.made_packages import install

CHECKOUT = Path(__file__).resolve().parents[2]


def run(*words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        list(map(str, words)),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        env={**own, **variables},
    )


def doctor(python: Path, **variables: str) -> tuple[int, list[str]]:
    done = run(sys.executable, "-m", "samcheck", "doctor", "--python", python, **variables)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """Two packages with a module of the same name, as OpenCV and its headless build."""
    folder = tmp_path / "wheels"
    for name, text in (("fakecv", "window = True"), ("fakecv-headless", "window = 0")):
        files = {"cv9/__init__.py": "from .core import *", "cv9/core.py": text}
        built = tmp_path / name
        info = install(built, name, "1.0", files)
        (info / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        lines = (info / "RECORD").read_text().splitlines()
        (info / "RECORD").write_text(
            "\n".join([line for line in lines if "bin/" not in line] + [f"{info.name}/WHEEL,,"])
        )
        (info / "INSTALLER").unlink()
        folder.mkdir(exist_ok=True)
        with zipfile.ZipFile(folder / f"{name.replace('-', '_')}-1.0-py3-none-any.whl", "w") as wheel:
            for path in sorted(built.rglob("*.*")):
                if path.is_file():
                    wheel.write(path, path.relative_to(built))
            wheel.write(info / "METADATA", f"{info.name}/METADATA")
            wheel.write(info / "WHEEL", f"{info.name}/WHEEL")
            wheel.write(info / "RECORD", f"{info.name}/RECORD")
    return folder


def test_its_commands_cure_what_it_finds(tmp_path: Path, wheels: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    variables = {
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(wheels),
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "PATH": os.pathsep.join((str(Path(uv.find_uv_bin()).parent), os.environ["PATH"])),
    }
    assert (
        run(
            uv.find_uv_bin(), "venv", "-q", "--python", sys.executable, tmp_path / "venv", **variables
        ).returncode
        == 0
    )
    install_one = (uv.find_uv_bin(), "pip", "install", "-q", "--python", python)
    assert run(*install_one, "fakecv", **variables).returncode == 0
    assert doctor(python) == (0, [doctor(python)[1][0], "nothing found that breaks or may break"])
    assert run(*install_one, "fakecv-headless", **variables).returncode == 0

    status, lines = doctor(python)
    assert status == 1
    assert "fakecv 1.0 and fakecv-headless 1.0 lie on top of each other" in lines[2]
    assert "What is there now is all fakecv-headless 1.0's." in lines[2]

    assert (
        run(uv.find_uv_bin(), "pip", "uninstall", "--python", python, "fakecv", **variables).returncode == 0
    )
    status, broken = doctor(python)
    assert status == 1
    assert "2 of the 2 files of code that fakecv-headless 1.0 has installed are gone" in broken[2]

    assert run("sh", "-ec", "\n".join(lines[4:]), **variables).returncode == 0
    assert doctor(python)[0] == 0
    assert run(python, "-c", "import cv9; assert cv9.window == 0").returncode == 0


def test_an_interpreter_that_does_not_run_is_no_finding(tmp_path: Path) -> None:
    done = run(sys.executable, "-m", "samcheck", "doctor", "--python", tmp_path / "none")
    assert (done.returncode, done.stdout) == (4, "")
    assert "cannot be run: No such file or directory" in done.stderr
