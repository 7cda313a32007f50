"""What is stored can be read again, names nothing of this machine, and lies where it should."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from samcheck import files, paths, report
from samcheck.errors import BadInput
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellRecord, CheckResult, Series
from samcheck.matrix import LeftOut
from samcheck.storage import left_out_cells, private_paths, results
from tests.unit import made

GOOD = replace(
    made.RESULT, checks=[CheckResult("test_x.py::t", "x", CheckOutcome.PASSED, metrics={"a_ms": 1.0})]
)


def check(**changes: object) -> object:
    return replace(GOOD, checks=[replace(GOOD.checks[0], **changes)])  # type: ignore[arg-type]


UNREADABLE: dict[str, object] = {
    "outcome of the cell": replace(GOOD, outcome="fine"),  # type: ignore[arg-type]
    "outcome of a check": check(outcome="green"),
    "not a number": check(seconds=float("nan")),
    "infinite": check(metrics={"a_ms": float("inf")}),
    "infinite sample": check(series=[Series({"wall_ms": [float("-inf")]}, 1, 0, "steady")]),
    "an integer that no float holds": check(seconds=10**400),
    "an integer of thousands of digits": check(seconds=10**5000),
    "half a character": check(reason="\ud800"),
    "half a character as a key": check(settings={"\udcff": "x"}),
    "text for a number": check(seconds="1"),
    "a number for text": check(reason=1),
    "a fraction for a count": check(series=[Series({}, 1.5, 0, "steady")]),  # type: ignore[arg-type]
    "nothing for text": check(reason=None),
    "a set": check(settings={1, 2}),
    "an object": check(settings={"x": object()}),
    "schema of tomorrow": replace(GOOD, schema_version=999),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_could_not_be_read_again_replaces_nothing(name: str, tmp_path: Path) -> None:
    path = results.store(tmp_path, GOOD, "x")
    before = path.read_bytes()
    with pytest.raises(BadInput, match=r"the result of torch2\.4\.1-cu121-py3\.11 cannot be stored"):
        results.store(tmp_path, UNREADABLE[name], "x")  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_what_is_larger_than_what_is_read_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "LARGEST", 1000)
    with pytest.raises(BadInput, match="it has more than 1000 bytes"):
        results.store(tmp_path, replace(GOOD, reason="x" * 1000), "x")


@pytest.mark.parametrize("number", [b"1e999", b"NaN", b"Infinity", b"1" + b"0" * 400, b"-" + b"9" * 5000])
def test_numbers_that_are_none_are_not_read(number: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(results.to_json(GOOD).replace(b'"seconds": 0.0', b'"seconds": ' + number))
    with pytest.raises(BadInput, match="not a samcheck result"):
        results.read(tmp_path / "x")


# Names of this machine.


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str | bytes], None]]:
    def there(home: str | bytes) -> None:
        monkeypatch.setenv("HOME", os.fsdecode(home))
        private_paths.private_folders.cache_clear()

    yield there
    private_paths.private_folders.cache_clear()


def details(text: str) -> str:
    """What is stored of a text, read again."""
    return results.parsed(results.to_json(check(details=text)), "x").checks[0].details  # type: ignore[arg-type]


@pytest.mark.parametrize("home", ["/", "//", "/.", "", "relative", "."])
def test_a_home_that_everything_is_below_takes_no_place(home: str, at_home: Callable[[str], None]) -> None:
    at_home(home)
    text = "https://x.invalid/y /usr/lib relative/x ./x http://a//b"
    assert details(text) == text


def test_only_whole_beginnings_of_paths_are_replaced(at_home: Callable[[str], None]) -> None:
    at_home("/root")
    for text in ("/data/root/x", "/rooted/x", "/mnt/root/x:/a/root/y", "x/root/y", "../root/x", "/a-/root/x"):
        assert details(text) == text
    for text, wanted in (
        ("/root/x", "~/x"),
        ('File "/root/x.py", line 1\n/root/y:3: E\n  /root/z', 'File "~/x.py", line 1\n~/y:3: E\n  ~/z'),
        ("PATH=/usr/bin:/root/bin:/root/b", "PATH=/usr/bin:~/bin:~/b"),
        ("gcc -I/root/include -L/root/lib", "gcc -I~/include -L~/lib"),
        ("file:///root/x (/root/y) [/root/z] '/root/w'", "file://~/x (~/y) [~/z] '~/w'"),
        ("\x1b[1m/root/x.py\x1b[0m", "\x1b[1m~/x.py\x1b[0m"),
        ("'a\\n/root/x'", "'a\\n~/x'"),
        ("-/root/a\n+/root/b", "-~/a\n+~/b"),
        ("/root//x", "~/x"),
    ):
        assert details(text) == wanted


@pytest.mark.parametrize(
    "home",
    ['/home/a"b', "/home/a\\b", "/home/a\tb", "/home/é", "/home/日本", "/home/a\x01b", "/home/a[1]+.*"],
)
def test_a_home_with_characters_that_json_escapes(home: str, at_home: Callable[[str], None]) -> None:
    at_home(home)
    assert details(f"{home}/x /other{home}/y") == f"~/x /other{home}/y"
    content = json.dumps(private_paths.anonymous({f"{home}/k": [f"{home}/v"]}))
    assert json.loads(content) == {"~/k": ["~/v"]}


def test_a_home_that_is_not_utf8(at_home: Callable[[bytes], None]) -> None:
    """Texts have it as the programs that wrote them could."""
    at_home(b"/home/\xff\xe9")
    spelled = ("/home/\ufffd\ufffd/x", "/home/??/x", "/home/\\udcff\\udce9/x", "/home/\\xff\\xe9/x")
    assert details(" ".join(spelled)) == "~/x ~/x ~/x ~/x"


def test_a_checkout_that_is_not_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "ROOT", Path(os.fsdecode(b"/srv/\xff")))
    private_paths.private_folders.cache_clear()
    try:
        assert details("/srv/\ufffd/samcheck/x.py") == "<checkout>/samcheck/x.py"
    finally:
        monkeypatch.undo()
        private_paths.private_folders.cache_clear()


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    private_paths.private_folders.cache_clear()
    try:
        results.require_writable(tmp_path)
        assert details("~/x /root/x") == "~/x /root/x"
    finally:
        monkeypatch.undo()
        private_paths.private_folders.cache_clear()


def test_a_home_behind_a_link(tmp_path: Path, at_home: Callable[[str], None]) -> None:
    (tmp_path / "really").mkdir()
    (tmp_path / "home").symlink_to("really")
    at_home(str(tmp_path / "home"))
    assert details(f"{tmp_path}/home/x {tmp_path}/really/y") == "~/x ~/y"


def test_notes_beside_results_name_no_folders(tmp_path: Path, at_home: Callable[[str], None]) -> None:
    at_home('/home/a"b')
    report.write(tmp_path, [LeftOut("x", 'no disk at /home/a"b/cache')])
    assert left_out_cells.noted(tmp_path / left_out_cells.LEFT_OUT)[0] == (
        LeftOut("x", "no disk at ~/cache"),
    )


# Names of files.

NAMES = [
    *("../../x", "..", "a/b", "/etc/passwd", "a\0b", "a\nb", "\x1b[2J", "a\u202eb", "\udcff"),
    *("x" * 251, "é" * 126, "x" * 5000),
]


def of_cell(id: str) -> CellRecord:
    return replace(made.RESULT.cell, id=id)


@pytest.mark.parametrize("name", NAMES)
def test_a_result_is_stored_under_its_store_only(name: str, tmp_path: Path) -> None:
    root = tmp_path / "a" / "b" / "results"
    for result in (replace(GOOD, cell=of_cell(name)), replace(GOOD, variants=["../" + name])):
        with pytest.raises(BadInput, match=r"the result .* (cannot be part|is too long)"):
            results.store(root, result, "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_device_is_called_it_is_one_folder(name: str, tmp_path: Path) -> None:
    seen = replace(made.SEEN, device="cuda", gpu=name, driver=name)
    path = results.place(tmp_path, replace(GOOD, observed=seen), "x")
    assert len(path.relative_to(tmp_path).parts) == 3
    files.write_atomically(path, b"")
    assert results.machine_of(replace(GOOD, observed=None), name)[0] == path.parent.parent.name


def test_long_names_of_devices_that_differ_at_their_end_differ() -> None:
    one, other = (results.slug("x" * 300 + end) for end in "ab")
    assert one != other
    assert len(one) == len(other) <= results.LONGEST_SLUG
    assert results.slug("NVIDIA H200") == "nvidia-h200"


@pytest.mark.parametrize("name", NAMES)
def test_names_are_tried_before_anything_runs(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the result"):
        results.require_writable(tmp_path / "r", "x", ["good", name])


def test_places_are_tried_before_anything_runs(tmp_path: Path) -> None:
    path = results.place(tmp_path, GOOD, "x")
    path.mkdir(parents=True)
    with pytest.raises(BadInput, match="is a folder and in the way of a result"):
        results.require_writable(tmp_path, "cpu AMD EPYC", [GOOD.name])
    results.require_writable(tmp_path, "another device", [GOOD.name])
    path.rmdir()
    results.require_writable(tmp_path, "cpu AMD EPYC", [GOOD.name])
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["cpu-amd-epyc", "none"]
