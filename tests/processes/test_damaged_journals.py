"""A damaged journal costs what cannot be read any more, and that runs again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes.rig import STEADY
from tests.processes.trial import Trial, outcomes

COUNT = 6
Lines = list[bytes]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a cell that ran to its end."""
    trial = Trial(tmp_path_factory.mktemp("whole"))
    trial.write(STEADY.format(count=COUNT, pause=0))
    assert set(outcomes(trial.run()).values()) == {"passed"}
    return trial.folder


def _without(lines: Lines, *numbers: int) -> Lines:
    return [line for number, line in enumerate(lines) if number not in numbers]


def _changed(line: bytes, **fields: object) -> bytes:
    event = json.loads(line)
    event["result"].update(fields)
    return json.dumps(event).encode() + b"\n"


#: Lines behind the one of the module: 0 collected, then a started and a finished for each check, then ended.
DAMAGES: dict[str, Callable[[Lines], Lines]] = {
    "empty": lambda lines: [],
    "cut behind the collection": lambda lines: lines[:1],
    "cut in the middle of a line": lambda lines: [*lines[:6], lines[6][:40]],
    "cut before the end": lambda lines: lines[:-1],
    "no list of checks": lambda lines: lines[1:8],
    "the list of checks is lost, the end is there": lambda lines: lines[1:],
    "zeros at the end": lambda lines: [*lines[:6], bytes(4096)],
    "zeros in the middle": lambda lines: [*lines[:4], bytes(len(lines[4])) + b"\n", *lines[5:]],
    "two results lost, the end is there": lambda lines: _without(lines, 4, 8),
    "the last result lost, the end is there": lambda lines: _without(lines, 2 * COUNT),
    "no text": lambda lines: [*lines[:6], bytes(range(128, 256)) * 8 + b"\n", *lines[6:9]],
    "other JSON": lambda lines: [
        *lines[:6],
        b'null\n7\n"x"\n[]\n{}\n{"event": []}\n{"event": "started"}\n{"event": "finished", "result": 1}\n',
        b'{"event": "collected", "checks": [{"check": 1}]}\n{"event": "ended", "exit_status": "x"}\n',
        b"[" * 100_000 + b"\n",
        *lines[6:9],
    ],
    "a result with other fields": lambda lines: [*lines[:4], _changed(lines[4], colour="red"), *lines[5:8]],
    "a result with a wrong type": lambda lines: [*lines[:4], _changed(lines[4], metrics="many"), *lines[5:8]],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_costs_only_what_cannot_be_read(whole: Path, tmp_path: Path, damage: str) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "cell" / "journal-1.jsonl"
    importing, *whole_lines = path.read_bytes().splitlines(keepends=True)
    lines = DAMAGES[damage](whole_lines)
    path.write_bytes(importing + b"".join(lines))
    if b'"event": "ended"' not in b"".join(lines[-1:]):
        (tmp_path / "cell/ended-1.json").unlink()  # samcheck was killed, or the machine lost power
    kept = {n for n in range(COUNT) for line in lines if _tells(line, n)}

    trial = Trial(tmp_path)
    result = trial.run()
    assert outcomes(result) == {f"it[tiny-{n}]": "passed" for n in range(COUNT)}
    assert result.outcome == "passed"
    again = [
        int(event["check"].rpartition("-")[2].rstrip("]"))
        for later in (tmp_path / "cell").glob("journal-[2-9].jsonl")
        for event in map(json.loads, later.read_bytes().splitlines())
        if event["event"] == "started"
    ]
    assert sorted(again) == sorted(set(range(COUNT)) - kept)


def _tells(line: bytes, number: int) -> bool:
    """Whether a line, as it is, tells that this check has passed."""
    try:
        result = json.loads(line)["result"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    good = isinstance(result, dict) and "colour" not in result and result["metrics"] == {}
    return good and result["check"].endswith(f"[tiny-{number}]")


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"exit_code": 0}', b"\0\0"])
def test_a_damaged_note_of_the_end_is_no_end(whole: Path, tmp_path: Path, note: bytes) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    (tmp_path / "cell/ended-1.json").write_bytes(note)
    trial = Trial(tmp_path)
    assert trial.run().outcome == "passed"
    assert trial.starts == 1  # the journal says that all is done


def test_what_no_file_can_hold_is_stored_all_the_same(trial: Trial) -> None:
    """Half of a character, from a file name, say; and measured numbers that are none."""
    trial.write(
        "def test_a(variant, measured):\n"
        "    measured.update(x_ms=float('nan'), y_ms=float('inf'), z_ms=1.5)\n"
        "    assert False, 'cannot read /tmp/\\udcff' + chr(0) + chr(27)\n"
    )
    result = trial.run()
    assert result.checks[0].metrics == {"z_ms": 1.5}
    assert "cannot read /tmp/?" in result.checks[0].reason
    assert "cannot read /tmp/?" in trial.table(result)
