"""``samcheck advise --from FILE --to FILE``: two environments, by what is written down or installed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from samcheck import facts, matrix
from samcheck.__main__ import cli
from samcheck.cells import Cell
from samcheck.environments.own import contents
from samcheck.environments.own.declaration import DIGEST_LENGTH
from samcheck.errors import CELLS_FAILED, NOTHING_KNOWN, BadInput
from samcheck.facts.target_machine import NO_GPU
from samcheck.guest.outcomes import CellOutcome
from samcheck.guest.record import Fingerprint
from samcheck.storage import results
from tests.unit import made

OLD = "torch==2.0.1\ntorchvision==0.15.2\nnumpy==1.26.4\nsegment-anything==1.0\nopencv-python==4.10.0.84\n"
UV_LOCK = """
version = 1
[[package]]
name = "torch"
version = "{torch}"
[[package]]
name = "numpy"
version = "2.2.6"
resolution-markers = ["python_full_version < '3.11'"]
[[package]]
name = "numpy"
version = "2.4.6"
resolution-markers = ["python_full_version >= '3.11'"]
[[package]]
name = "nvidia-cudnn-cu12"
version = "9.1.0.70"
marker = "sys_platform == 'linux'"
"""


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("samcheck.environments.machine.look", lambda: NO_GPU)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store").mkdir()
    (tmp_path / "old.txt").write_text(OLD)


def run(new: str, *more: str, old: str = "old.txt", python: str = "3.9") -> Result:
    at = ("--at-python", python) if python else ()
    arguments = ["advise", "--from", old, "--to", new, *at, "--results", "store", *more]
    return CliRunner().invoke(cli, arguments, standalone_mode=False)


def answer(new: str, **given: str) -> tuple[int, Any]:
    Path("new.txt").write_text(new)
    done = run("new.txt", "--json", **given)
    assert not isinstance(done.exception, BadInput), done.exception
    return done.exit_code, json.loads(done.stdout)


def against(document: Any) -> set[str]:
    return {row["rule"] for row in document["cells"][0]["predicted"]["against"]}


def test_what_breaks_by_the_facts_is_a_no() -> None:
    code, document = answer(OLD.replace("1.26.4", "2.0.2"))
    assert code == CELLS_FAILED
    assert against(document) == {"numpy2-old-torch"}
    assert document["changes"] == {"numpy": {"from": "1.26.4", "to": "2.0.2"}}
    assert document["contents"]["changes"] == [
        {"name": "numpy", "from": "1.26.4", "to": "2.0.2", "how": "up"}
    ]


def test_a_whole_upgrade_says_what_changes() -> None:
    Path("new.txt").write_text("torch==2.4.1\ntorchvision==0.19.1\nnumpy==1.26.4\nopencv-python==4.9.0.80\n")
    done = run("new.txt")
    assert done.exit_code == 0
    assert done.output.startswith("YES, BUT ONLY PREDICTED")
    for line in (
        "  PyTorch 2.0.1 -> 2.4.1\n",
        "  CUDA build cu117 -> cu121\n",
        "  torchvision 0.15.2 -> 0.19.1\n",
        "  OpenCV 4.10.0.84 -> 4.9.0.80\n",
        "  not named in new.txt, so it is as the installer chooses: segment-anything\n",
        "  as before: Python 3.9, NumPy 1.26.4\n",
    ):
        assert line in done.output


@pytest.mark.parametrize(
    ("new", "rule"),
    [
        (OLD.replace("torch==2.0.1", "torch>=2"), "not-pinned"),
        (OLD.replace("torch==2.0.1\n", ""), "not-pinned"),
        (OLD.replace("torch==2.0.1", "torch==9.9.9"), "torch-unknown"),
        (OLD.replace("segment-anything==1.0", "segment-anything @ git+https://example.org/sam"), ""),
        (OLD + "sam2>=1\n", "not-pinned"),
        (OLD + "transformers==4.99.0\n", "sam-unknown"),
    ],
)
def test_what_is_not_known_is_no_yes(new: str, rule: str) -> None:
    code, document = answer(new)
    if not rule:
        assert code == 0  # another source of the default package
        return
    assert code == NOTHING_KNOWN
    assert rule in against(document)
    assert document["headline"].startswith("NOT KNOWN: ")


@pytest.mark.parametrize(
    ("numpy", "judged", "code"),
    [("numpy", "2.0.2", CELLS_FAILED), ("", "2.0.2", CELLS_FAILED), ("numpy<2", "1.26.4", 0)],
)
def test_a_numpy_that_is_not_pinned_is_what_a_plain_installation_brings(
    numpy: str, judged: str, code: int
) -> None:
    found, document = answer(OLD.replace("numpy==1.26.4", numpy).replace("==1.0", ">=1"))
    assert (found, document["changes"].get("numpy", {}).get("to", "1.26.4")) == (code, judged)


@pytest.mark.parametrize(
    ("new", "rule"),
    [
        (OLD.replace("torch==2.0.1", "torch==2.4.1"), "torchvision-pair"),
        (OLD.replace("4.10.0.84", "4.12.0.88"), "opencv-numpy"),
        ("torch==2.4.1\nnumpy==2.0.2\npycocotools==2.0.7\n", "opencv-numpy"),
    ],
)
def test_what_is_around_pytorch_speaks_against_it(new: str, rule: str) -> None:
    code, document = answer(new)
    assert code == CELLS_FAILED
    assert rule in against(document)


def test_two_builds_of_one_module_are_a_condition() -> None:
    code, document = answer(OLD + "opencv-python-headless==4.10.0.84\n")
    assert code == 0
    assert document["headline"].startswith("YES, WITH one of opencv-python and opencv-python-headless only")


def test_the_torchvision_that_accepts_newer_ones_is_no_problem() -> None:
    new = "torch==2.15.0\ntorchvision==0.29.1\nnumpy==2.5.5\n"
    code, document = answer(new, old="old.txt", python="3.12")
    assert "torchvision-pair" not in against(document)
    assert code == 0


def lock(folder: str, torch: str) -> str:
    Path(folder).mkdir()
    path = Path(folder, "uv.lock")
    path.write_text(UV_LOCK.format(torch=torch))
    return str(path)


def test_lock_files_are_read_for_the_python_that_they_are_installed_for() -> None:
    done = run(lock("b", "2.5.1"), "--json", old=lock("a", "2.4.1"), python="3.11")
    document = json.loads(done.stdout)
    assert document["cells"][0]["after"] == "torch2.5.1-cu124-py3.11-numpy2.4.6"
    subjects = {row["subject"]: row["to"] for row in document["contents"]["subjects"]}
    assert subjects["cuDNN"] == "9.1.0.70"
    assert "Triton" not in subjects  # a lock file has everything


def test_the_other_sides_python_counts_where_a_file_says_none(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = replace(made.SEEN, torch_cuda="12.1", packages={"torch": "2.4.1+cu121", "NumPy": "1.26.4"})
    monkeypatch.setattr("samcheck.environments.here.look", lambda python: seen)
    Path("python").write_text("")
    Path("python").chmod(0o755)
    done = run("./python", "--json", old=lock("a", "2.4.1"), python="")
    cell = json.loads(done.stdout)["cells"][0]
    assert cell["before"] == "torch2.4.1-cu121-py3.11-numpy2.4.6"
    assert cell["after"] == "torch2.4.1-cu121-py3.11-numpy1.26.4"


def test_images_are_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    def seen(image: Any, folder: Path) -> Fingerprint:
        packages = {"torch": "2.4.1", "numpy": {"acme:1": "1.26.4", "acme:2": "2.2.6"}[image.own.given]}
        return replace(made.SEEN, torch_cuda=None, packages=packages)

    monkeypatch.setattr("samcheck.environments.own.image.OwnImage.seen", seen)
    document = json.loads(run("acme:2", "--json", old="acme:1", python="").stdout)
    assert document["cells"][0]["after"] == "torch2.4.1-cpu-py3.11-numpy2.2.6"


def stored(cell: Cell, outcome: CellOutcome, own: bool = False) -> None:
    record = replace(cell.record(()), own=own)
    row = replace(made.RESULT, cell=record, outcome=outcome, reason="it is so")
    results.store(Path("store"), row, "cpu")


def test_a_result_of_just_this_environment_counts_before_that_of_its_cell() -> None:
    Path("new.txt").write_text(OLD.replace("2.0.1", "2.4.1").replace("0.15.2", "0.19.1"))
    stored(Cell("2.4.1", "cu121", "3.9", "1.26.4"), CellOutcome.PASSED)
    done = run("new.txt")
    assert done.exit_code == 0
    assert done.output.startswith("YES, MEASURED")
    assert "measured: a cell with the same PyTorch" in done.output
    digest = contents.declared("new.txt", "3.9").digest[:DIGEST_LENGTH]
    stored(Cell("2.4.1", "cu121", "3.9", "1.26.4", own=f"mine-{digest}"), CellOutcome.FAILED, own=True)
    done = run("new.txt", "--json")
    assert done.exit_code == CELLS_FAILED
    (measured,) = json.loads(done.stdout)["cells"][0]["measured"]["after"]
    assert Path(measured["file"]).name == f"mine-{digest}.json"


def test_a_result_of_the_cell_says_nothing_of_what_is_around_it() -> None:
    stored(Cell("2.0.1", "cu117", "3.9", "1.26.4"), CellOutcome.PASSED)
    code, document = answer(OLD.replace("4.10.0.84", "4.12.0.88"))
    assert code == CELLS_FAILED
    assert document["cells"][0]["basis"] == "predicted"


def test_the_matrix_of_both_can_be_planned() -> None:
    Path("new.txt").write_text(OLD.replace("1.26.4", "1.26.3"))
    Path("sub").mkdir()
    done = run("new.txt", "--write", "sub/both.toml")
    assert "samcheck matrix sub/both.toml" in done.output
    plan = matrix.plan(Path("sub/both.toml"), facts.load(), NO_GPU)
    assert [row.own and Path(row.own.given).name for row in plan.cells] == ["old.txt", "new.txt"]


@pytest.mark.parametrize(
    ("old", "new", "more", "said"),
    [
        ("torch=2.4.1", "old.txt", (), "'torch=2.4.1' is a version"),
        ("old.txt", "nowhere.txt", (), "--to nowhere.txt: there is no such file"),
        ("nowhere/uv.lock", "old.txt", (), "--from nowhere/uv.lock: there is no such file"),
        ("old.txt", "store", (), "is a folder without bin/python"),
        ("old.txt", "some.json", (), "is neither a lock file (uv.lock"),
        ("old.txt", "pyproject.toml", (), "says no exact versions: give its lock file"),
        ("old.txt", "words.txt", (), "words.txt: is no requirements file: 'once upon a time'"),
        ("old.txt", "empty.txt", (), "it names no package"),
        ("old.txt", "uv.lock", (), "is not a lock file"),
        ("old.txt", "old.txt", (), "nothing would change"),
        ("old.txt", "new.txt", ("--torch", "2.15.0"), "--torch: --from and --to already say"),
        ("old.txt", "new.txt", ("--at-numpy", "1.26.4"), "--at-numpy: --from and --to already say"),
        ("old.txt", "new.txt", ("some.json",), "--to and some.json do not go together"),
        ("old.txt", "new.txt", ("--gpu", "nonsense"), "unknown GPU"),
    ],
)
def test_bad_input_is_refused(old: str, new: str, more: tuple[str, ...], said: str) -> None:
    content = {"words.txt": "once upon a time\n", "empty.txt": "# nothing\n", "uv.lock": "x = 1\n"}
    content |= {"some.json": "{}", "pyproject.toml": "[project]\n", "new.txt": "torch==2.4.1\n"}
    for name, text in content.items():
        Path(name).write_text(text)
    failed = run(new, *more, old=old)
    assert isinstance(failed.exception, BadInput), failed.output
    assert said in str(failed.exception)


def test_the_python_is_asked_for() -> None:
    Path("new.txt").write_text("torch==2.4.1\n")
    failed = run("new.txt", python="")
    assert "for which Python is it installed? Add --at-python" in str(failed.exception)
