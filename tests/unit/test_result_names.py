"""What becomes part of a name is looked at when it comes in, and said with what to do."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from samcheck.cells import Cell
from samcheck.commands.variants import variants_of
from samcheck.environments import here
from samcheck.errors import BadInput, EnvironmentUnavailable
from samcheck.guest import fingerprint
from samcheck.guest.record import Fingerprint
from tests.unit import made

SEEN = replace(made.SEEN, torch="2.8.0+cu128", torch_cuda="12.8", numpy="2.2.6", segment_anything="1.0")
STRANGE = [
    "../../x",
    "/etc/passwd",
    "1.0/../..",
    "one",
    "1 0",
    "\x1b[2J1",
    "1.0\0",
    "1." * 40 + "0",
    " ",
]


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fingerprint | bytes], None]:
    """An interpreter whose probe writes this."""

    def probe(seen: Fingerprint | bytes) -> None:
        def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
            content = seen if isinstance(seen, bytes) else json.dumps(asdict(seen)).encode()
            with open(command[-1], "wb") as stream:
                stream.write(content)
            return subprocess.CompletedProcess(command, 0, "", "")

        monkeypatch.setattr(subprocess, "run", run)

    return probe


def cell_at_hand() -> Cell:
    return here.cell_of("py", here.look("py"))


@pytest.mark.parametrize("version", STRANGE)
@pytest.mark.parametrize("field", ["torch", "torch_cuda", "python", "numpy", "segment_anything"])
def test_a_version_that_is_none_is_refused_with_what_to_do(
    field: str, version: str, probed: Callable[[Fingerprint | bytes], None]
) -> None:
    probed(replace(SEEN, **{field: version}))  # type: ignore[arg-type]
    with pytest.raises(EnvironmentUnavailable, match=r" in py reports an invalid version: .*: reinst"):
        cell_at_hand()


def test_versions_that_are_some_become_part_of_the_id(probed: Callable[[Fingerprint | bytes], None]) -> None:
    probed(SEEN)
    assert cell_at_hand().id == "torch2.8.0-cu128-py3.11-numpy2.2.6"
    probed(replace(SEEN, torch="2.9.0.dev20250801", torch_cuda=None, python="3.14.0rc1", numpy=None))
    assert cell_at_hand().id == "torch2.9.0.dev20250801-cpu-py3.14"
    probed(replace(SEEN, torch="2.1.0a0+29c30b1", segment_anything="1.1.post2"))
    assert cell_at_hand().id == "torch2.1.0a0-cu128-py3.11-numpy2.2.6-segment-anything1.1.post2"


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b'{"torch": 1}', b"\xff", b"null"])
def test_what_the_probe_wrote_is_read_strictly(
    content: bytes, probed: Callable[[Fingerprint | bytes], None]
) -> None:
    probed(content)
    with pytest.raises(BadInput, match="fingerprint"):
        cell_at_hand()


@pytest.mark.parametrize("name", ["../x", "..", "a/b", "/x", "a\nb", "\x1b[2J", "a+b", "a@b", "x" * 300])
def test_variants_of_ones_own_must_be_names(name: str) -> None:
    with pytest.raises(BadInput, match="--variants: the name"):
        variants_of(f"tiny,{name}", "fast", own=True)
    with pytest.raises(BadInput, match="--variants: there is no variant"):
        variants_of(f"tiny,{name}", "fast", own=False)


def test_variants_of_ones_own_stand_behind_samchecks() -> None:
    assert variants_of("mine, tiny,my-sam_2.1", "fast", own=True) == ("tiny", "mine", "my-sam_2.1")


@pytest.mark.parametrize(
    ("version_file", "release", "build"),
    [
        ("__version__ = '1.13.1+cu117'\ncuda = '11.7'\n", "1.13.1+cu117", "11.7"),
        (
            "from typing import Optional\n__version__ = '2.15.0+cpu'\ncuda: Optional[str] = None\n",
            "2.15.0+cpu",
            None,
        ),
        ("raise RuntimeError\n", None, None),
    ],
)
def test_pytorch_is_seen_without_being_imported(
    version_file: str, release: str | None, build: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise AssertionError('it was imported')\n")
    (tmp_path / "torch" / "version.py").write_text(version_file)
    monkeypatch.syspath_prepend(tmp_path)
    seen = fingerprint._try(fingerprint._torch_version, {})
    assert (seen.get("torch"), seen.get("torch_cuda")) == (release, build)
