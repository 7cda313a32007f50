"""What an index has and the facts do not is proposed, and written as it was shown."""

from __future__ import annotations

import json
import re
import shutil
from datetime import date
from difflib import unified_diff
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from samcheck import facts
from samcheck.commands.facts import facts_command
from samcheck.errors import BadInput
from samcheck.facts.refresh import proposal as refresh
from samcheck.facts.refresh import simple_index
from tests.unit import played_index
from tests.unit.played_index import HOST, Played, index

FACTS = facts.load()
TODAY = date(2030, 1, 2)


@pytest.fixture(scope="module")
def played() -> Played:
    return played_index.of(FACTS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(facts.FOLDER, tmp_path / "facts", ignore=shutil.ignore_patterns("*.py*")))


def forget(folder: Path, *versions: str) -> None:
    """Take releases out of torch.toml."""
    path = folder / "torch.toml"
    blocks = re.split(r"\n(?=\[\[release\]\])", path.read_text(encoding="utf-8"))
    kept = [
        block for block in blocks if not any(f'\nversion = "{version}"\n' in block for version in versions)
    ]
    path.write_text("\n".join(kept).rstrip() + "\n", encoding="utf-8")


def test_nothing_new_is_no_diff(played: Played, folder: Path) -> None:
    proposal = refresh.propose(index(played), folder, TODAY)
    assert proposal.changes == ()
    assert proposal.diff() == ""
    assert proposal.notes == ()
    age = (TODAY - date.fromisoformat(FACTS.as_of["gpus"])).days
    assert f"gpus.toml ({age} days old), " in proposal.by_hand


@settings(max_examples=10)
@given(st.sets(st.sampled_from([row.version for row in FACTS.releases[1:]]), min_size=1, max_size=4))
def test_forgotten_releases_come_back(
    played: Played, tmp_path_factory: pytest.TempPathFactory, versions: set[str]
) -> None:
    folder = tmp_path_factory.mktemp("round") / "facts"
    shutil.copytree(facts.FOLDER, folder, ignore=shutil.ignore_patterns("*.py*"))
    forget(folder, *versions)
    proposal = refresh.propose(index(played), folder, TODAY)
    proposal.write()
    after = facts.read(folder)
    assert after.as_of["torch"] == "2030-01-02"
    assert [row.version for row in after.releases] == [row.version for row in FACTS.releases]
    for row, was in zip(after.releases, FACTS.releases, strict=True):
        if row.version in versions:
            build, old = row.default_build, was.default_build
            same = {"builds": (build,), "status": "verified", "source": ("pypi-links",)}
            assert row == was.model_copy(update=same)
            assert (build.cuda, build.tag, build.cudnn) == (old.cuda, old.tag, old.cudnn)
            assert (build.archs, build.status, build.source) == ((), "verified", ("pypi-meta",))
        else:
            assert row == was
    assert any(", ".join(sorted(versions, key=Version)) in note for note in proposal.notes)


def test_what_is_written_is_what_was_shown_and_comments_stay(played: Played, folder: Path) -> None:
    forget(folder, "2.15.0")
    packages = folder / "packages.toml"
    text = packages.read_text(encoding="utf-8").replace('"3.13" = "9.2.0"', '"3.13" = "8.4.2"')
    packages.write_text(text.replace('"3.12" = "1.23.2"', '"3.12" = "1.19.1"'), encoding="utf-8")
    numpy = folder / "numpy.toml"
    text = numpy.read_text(encoding="utf-8").replace("2.3.5", "2.3.2")
    numpy.write_text(text[: text.index('\n[[numpy]]\nseries = "2.5"')], encoding="utf-8")
    before = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.toml")}
    proposal = refresh.propose(index(played), folder, TODAY)
    assert before == {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.toml")}
    proposal.write()
    shown = ""
    for name in ("torch", "packages", "numpy"):
        old, new = before[f"{name}.toml"], (folder / f"{name}.toml").read_text(encoding="utf-8")
        was, is_now = (text.splitlines(keepends=True) for text in (old, new))
        shown += "".join(unified_diff(was, is_now, f"a/{name}.toml", f"b/{name}.toml"))
        comments = [line for line in old.splitlines() if line.startswith("#")]
        assert comments == [line for line in new.splitlines() if line.startswith("#")]
    assert shown == proposal.diff()
    after = facts.read(folder)
    assert after.numpy == FACTS.numpy
    pins = {(row.name, row.role): row.versions for row in after.packages}
    assert pins["pytest", "tool"]["3.13"] == "9.2.0"
    assert pins["onnx", "export"]["3.12"] == "1.19.1"  # left to a person, and said
    assert any(note.startswith("onnx has newer releases (1.23.2 for Python 3.12)") for note in proposal.notes)


def test_new_toolkits_and_driver_branches_are_seen(folder: Path) -> None:
    played = played_index.of(FACTS)
    for version in ("13.9.0", "13.9.1", "12.9.9", "10.2.0"):
        played.add("cuda-toolkit", version, "py3-none-any", [])
    for version in ("13.990.12", "12.570.86", "7.352.0", "13.580.200"):
        played.add("nvidia-ml-py", version, "py3-none-any", [])
    before = (folder / "drivers.toml").read_text(encoding="utf-8")
    proposal = refresh.propose(index(played), folder, TODAY)
    assert [note.partition(":")[0] for note in proposal.notes] == [
        "driver branch R990 is new (nvidia-ml-py)",
        "CUDA 13.9 is new",
    ]
    proposal.write()
    known = {row.version for row in FACTS.toolkits}
    assert [row.version for row in facts.read(folder).toolkits if row.version not in known] == ["13.9"]
    after = (folder / "drivers.toml").read_text(encoding="utf-8")
    kept = [line for line in before.splitlines() if not line.startswith("as_of")]
    added = [line for line in after.splitlines() if not line.startswith("as_of")]
    start = added.index('version = "13.9"') - 1
    assert added[:start] + added[start + 5 :] == kept


def test_an_index_without_toolkits_proposes_the_rest(folder: Path) -> None:
    played = played_index.of(FACTS)
    del played.pages["cuda-toolkit"]
    forget(folder, "2.15.0")
    proposal = refresh.propose(index(played), folder, TODAY)
    assert '+version = "2.15.0"' in proposal.diff()
    assert any(note.startswith("new CUDA toolkits were not looked for:") for note in proposal.notes)


def test_new_releases_of_sams_packages_are_said(folder: Path) -> None:
    played = played_index.of(FACTS)
    played.add("transformers", "6.0.0", "py3-none-any", [], pythons=">=3.12")
    played.add("transformers", "5.99.0", "py3-none-any", [], pythons=">=3.11")
    played.add("transformers", "6.1.0rc1", "py3-none-any", [], pythons=">=3.8")
    played.add("transformers", "4.58.0", "py3-none-any", [], pythons=">=3.8")
    played.add_archive("sam2", "1.2.0", ">=3.13")
    played.add_archive("segment-anything", "0.9", ">=3.8")
    played.add("timm", "9.9", "py3-none-any", [], pythons=">=3.8")
    del played.pages["efficientsam"]
    before = (folder / "sam.toml").read_bytes()
    proposal = refresh.propose(index(played), folder, TODAY)
    assert proposal.changes == ()
    assert (folder / "sam.toml").read_bytes() == before
    by_hand = ": look up what it needs, and add its row to sam.toml by hand"
    assert [note for note in proposal.notes if "efficientsam" not in note] == [
        "sam2 1.2.0 is new (Python 3.13, 3.14)" + by_hand,
        "transformers 6.0.0 is new (Python 3.12, 3.13, 3.14)" + by_hand,
        "transformers 5.99.0 is new (Python 3.11)" + by_hand,
        "beside packages of SAM, newer: timm 9.9; their pins are resolved together",
    ]
    assert any(
        note.startswith("new releases of efficientsam were not looked for: ") for note in proposal.notes
    )


def test_a_file_that_changed_meanwhile_is_not_overwritten(played: Played, folder: Path) -> None:
    forget(folder, "2.15.0")
    proposal = refresh.propose(index(played), folder, TODAY)
    with (folder / "torch.toml").open("a") as stream:
        stream.write("# by hand\n")
    with pytest.raises(BadInput, match="changed while the index was read"):
        proposal.write()


def test_a_release_without_metadata_is_left_out_and_said(played: Played, folder: Path) -> None:
    forget(folder, "2.14.1", "2.15.0")
    played.answer = lambda url: (404, "text/plain", b"") if "torch-2.15.0" in url else None
    try:
        proposal = refresh.propose(index(played), folder, TODAY)
    finally:
        played.answer = lambda url: None
    assert '+version = "2.14.1"' in proposal.diff()
    assert "2.15.0" not in proposal.diff()
    (note,) = [note for note in proposal.notes if "2.15.0" in note]
    assert note.startswith("torch 2.15.0 is left out, the index does not provide its metadata: ")


def test_which_torchvision_is_not_guessed_without_dates(folder: Path) -> None:
    """An index that is HTML has none."""
    forget(folder, "2.14.1", "2.13.0")
    undated = played_index.of(FACTS)
    for row in (row for page in undated.pages.values() for row in page):
        del row["upload-time"]
    proposal = refresh.propose(index(undated), folder, TODAY)
    assert '+version = "2.13.0"' in proposal.diff()  # pinned by its torchvision
    assert "2.14.1" not in proposal.diff()
    why = "torchvision 0.29.1, 0.29.2 accept it, and the index has no dates to choose by"
    assert f"torch 2.14.1 is left out: {why}" in proposal.notes


def test_a_release_without_a_torchvision_yet_is_left_out(folder: Path, played: Played) -> None:
    forget(folder, "2.13.0")
    page = played.pages["torchvision"]
    played.pages["torchvision"] = [row for row in page if "0.28.0" not in str(row["filename"])]
    try:
        proposal = refresh.propose(index(played), folder, TODAY)
    finally:
        played.pages["torchvision"] = page
    assert proposal.changes == ()
    assert proposal.notes == ("torch 2.13.0 is left out: no torchvision on the index accepts it",)


@pytest.mark.parametrize("write", [False, True])
def test_command_shows_and_writes_on_request(
    played: Played, folder: Path, monkeypatch: pytest.MonkeyPatch, write: bool
) -> None:
    forget(folder, "2.15.0")
    old = (folder / "torch.toml").read_text(encoding="utf-8")
    real = refresh.propose
    monkeypatch.setattr(simple_index, "configured", lambda: f"{HOST}/simple/")
    monkeypatch.setattr(simple_index, "PackageIndex", lambda url: index(played, url))
    monkeypatch.setattr(refresh, "propose", lambda made: real(made, folder, TODAY))
    done = CliRunner().invoke(facts_command, ["--refresh", *(["--write"] if write else [])])
    assert done.exit_code == 0
    assert '+version = "2.15.0"' in done.output
    assert ("changed: " in done.output) == write
    assert ((folder / "torch.toml").read_text(encoding="utf-8") != old) == write
    again = CliRunner().invoke(facts_command, ["--refresh", "--json"])
    assert bool(json.loads(again.output)["diff"]) == (not write)
