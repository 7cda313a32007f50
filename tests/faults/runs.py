"""Starting the suite, and the evidence, in a cell's interpreter with a fault or without."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samcheck import paths
from samcheck.environments import GIVEN, SOURCE, WORK, Ended, GuestJob, Place, channel
from samcheck.errors import SamcheckError
from samcheck.guest.plugin.check_groups import group_of
from samcheck.run import records
from samcheck.run.intake import Intake
from samcheck.run.records import Attempt

from .fault import SEGMENT_ANYTHING
from .seed import CONTROL, FOLDER, FORKS, NOT_SEEDED, VARIABLE

SUITE = f"{SOURCE}/tests/suite"
#: These see most for the time that they take, and come first; the slow ones that see least, last.
FIRST = (
    "correctness",
    "video",
    "sam2_pitfalls",
    "sam2_video_pitfalls",
    "mobile_pitfalls",
    "automatic",
    "inputs",
    "state",
    "threads",
    "checkpoints",
    "imports",
    "quantisation",
)
LAST = ("quality", "dtype", "settings", "memory", "recovery", "leaks", "compile", "backends", "latency")
#: By family and tier: the variants that faults of the family are tried with.
VARIANTS = {
    SEGMENT_ANYTHING: {"fast": "tiny", "full": "tiny,vit_b"},
    "sam2": {"fast": "sam2.1_mini", "full": "sam2.1_mini,sam2.1_hiera_tiny"},
    "mobilesam-mirror": {"fast": "mobile_sam_mini", "full": "mobile_sam_mini,mobile_sam"},
    "segment-anything-hq": {"fast": "hq_mini", "full": "hq_mini,hq_vit_tiny"},
}
EVIDENCE_SECONDS = 120.0


class NotSeeded(SamcheckError):
    """A fault changes nothing, or cannot be applied: nothing can be said about it."""


@dataclass(frozen=True)
class Setting:
    """One run of the suite.

    Attributes:
        fault: id, or `CONTROL`.
        hash_seed: of Python, None for none in particular.
        shuffle: seed for the order of the modules, None for the most telling first.
        cache: a folder with the oracle's answers to start from.
    """

    fault: str = CONTROL
    tier: str = "fast"
    stop_early: bool = True
    threads: int = 1
    hash_seed: int | None = None
    shuffle: int | None = None
    cache: Path | None = None


@dataclass(frozen=True)
class Bed:
    """Where runs take place.

    Attributes:
        folder: for journals and logs; each run has one of its own in it.
        stop: set when everything shall end at once.
        groups: of the checks that are run; empty for all.
        family: the package whose variants and checks are tried.
    """

    place: Place
    folder: Path
    check_timeout: float
    stop: threading.Event
    groups: tuple[str, ...] = ()
    family: str = SEGMENT_ANYTHING

    def subfolder(self, name: str) -> Path:
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path


def modules(shuffle: int | None = None, groups: tuple[str, ...] = ()) -> list[str]:
    """The suite's modules, or those of some groups of checks, in the order in which they are run."""
    found = (paths.ROOT / "tests/suite").glob("test_*.py")
    chosen = (path for path in found if not groups or group_of(str(path)) in groups)
    names = sorted(path.stem.removeprefix("test_") for path in chosen)
    if shuffle is not None:
        random.Random(shuffle).shuffle(names)
    else:
        known = {name: place for place, name in enumerate((*FIRST, "", *LAST))}
        names.sort(key=lambda name: known.get(name, len(FIRST)))
    return [f"{SUITE}/test_{name}.py" for name in names]


def _launch(fault: str, *variables: str) -> tuple[str, ...]:
    return ("-m", "tests.faults.launch", f"{VARIABLE}={fault}", *variables, "--")


def run_suite(bed: Bed, name: str, setting: Setting) -> Attempt:
    """Run the suite once; `name` is that of the run's folder.

    The oracle's answers are kept in a folder of the run's own: a fault in what it is made with must not reach
    other runs.
    """
    folder = bed.subfolder(name)
    if setting.cache is not None and setting.cache.is_dir():
        shutil.copytree(setting.cache, folder / "oracle")
    variables = [f"OMP_NUM_THREADS={setting.threads}", f"SAMCHECK_CACHE={WORK}/oracle"]
    if setting.hash_seed is not None:
        variables.append(f"PYTHONHASHSEED={setting.hash_seed}")
    arguments = (
        *_launch(setting.fault, *variables),
        *_pytest(bed, setting.tier, modules(setting.shuffle, bed.groups)),
        *(("-x",) if setting.stop_early else ("--continue-on-collection-errors",)),
        f"--samcheck-journal={GIVEN}/{channel.NAME}",
    )
    intake, output = Intake(), folder / "output.log"
    with channel.Channel(folder, lambda line: _kept(folder, intake.take(line))) as heard:
        ended = bed.place.run(GuestJob(arguments, folder, folder, output, _alive(bed, intake)))
    heard.check()
    _require_seeded(setting.fault, ended, output)
    return Attempt(intake.journal, ended, intake.seconds, records.tail(output))


def _pytest(bed: Bed, tier: str, chosen: list[str]) -> tuple[str, ...]:
    """Arguments for the checks of a tier in the family's variants, in the order of the modules."""
    variants = VARIANTS[bed.family][tier]
    return (
        *(
            "-m",
            "pytest",
            "-p",
            "tests.faults.order",
            "-c",
            f"{SUITE}/pytest.ini",
            "--rootdir",
            SUITE,
            *chosen,
        ),
        *("-q", "-s", "-m", tier, "--samcheck-variants", variants, "--samcheck-families", bed.family),
        f"--samcheck-check-timeout={bed.check_timeout}",
    )


def run_forks(bed: Bed, name: str, faults: Sequence[str]) -> dict[str, Attempt]:
    """Try faults of the fast tier in forks of one run of the suite, and before them `CONTROL` without any."""
    folder = bed.subfolder(name)
    work = folder / "oracle"
    work.mkdir()
    ids = (CONTROL, *faults)
    variables = ("OMP_NUM_THREADS=1", f"SAMCHECK_CACHE={WORK}/oracle")
    told = (f"{FORKS}={','.join(ids)}", f"{FOLDER}={WORK}")
    arguments = (
        *_launch(CONTROL, *variables, *told),
        *_pytest(bed, "fast", modules(None, bed.groups)),
        *("-p", "tests.faults.forks", f"--samcheck-journal={WORK}/collection.jsonl"),
    )

    def alive() -> bool:
        newest = max((path.stat().st_mtime for path in folder.iterdir()), default=time.time())
        return not bed.stop.is_set() and time.time() - newest < bed.check_timeout + 30

    bed.place.run(GuestJob(arguments, folder, folder, folder / "output.log", alive))
    return {id: of_fork(folder, id) for id in ids}


def of_fork(folder: Path, id: str) -> Attempt:
    """What a fork wrote; if it did not get so far, it ended with no exit code."""
    intake, status, journal = Intake(), folder / f"{id}.status", folder / f"{id}.jsonl"
    for line in journal.read_bytes().splitlines() if journal.exists() else ():
        intake.take(line)
    ended = Ended(None, "no status")
    if status.exists():
        code = os.waitstatus_to_exitcode(int(status.read_text(encoding="utf-8")))
        ended = Ended(code) if code >= 0 else Ended(None, signal.Signals(-code).name)
    output = folder / f"{id}.log"
    said = records.tail(output) if output.exists() else ""
    return Attempt(intake.journal, ended, intake.seconds, said)


def _kept(folder: Path, lines: bytes) -> None:
    with (folder / "journal.jsonl").open("ab") as stream:
        stream.write(lines)


def _alive(bed: Bed, intake: Intake) -> Callable[[], bool]:
    """The guest stops a check at its limit by itself; half a minute later this does."""

    def alive() -> bool:
        return not bed.stop.is_set() and time.monotonic() - intake.advanced < bed.check_timeout + 30

    return alive


def _require_seeded(fault: str, ended: Ended, output: Path) -> None:
    if ended.exit_code == NOT_SEEDED:
        said = (records.tail(output).strip().splitlines() or ["nothing was printed"])[-1]
        raise NotSeeded(f"{fault} cannot be applied here: {said}")


def evidence(bed: Bed, fault: str, name: str) -> str:
    """The value of a piece of evidence with a fault; how the process ended, where it has none."""
    folder = bed.subfolder(f"{fault}/evidence-{name}")
    output = folder / "output.log"
    end = time.monotonic() + EVIDENCE_SECONDS
    value = folder / "value.json"
    arguments = (
        *_launch(fault, "OMP_NUM_THREADS=1"),
        "-m",
        "tests.faults.evidence",
        name,
        f"{WORK}/{value.name}",
    )
    job = GuestJob(
        arguments, folder, folder, output, lambda: time.monotonic() < end and not bed.stop.is_set()
    )
    ended = bed.place.run(job)
    _require_seeded(fault, ended, output)
    if value.exists():
        return value.read_text(encoding="utf-8")
    return f"{ended}: {(records.tail(output).strip().splitlines() or [''])[-1]}"


def facts(bed: Bed) -> dict[str, str]:
    """What the interpreter holds, by samcheck's own probe."""
    folder = bed.subfolder("facts")
    arguments = ("-m", "samcheck.guest.fingerprint", f"{WORK}/fingerprint.json")
    bed.place.run(GuestJob(arguments, folder, folder, folder / "output.log"))
    seen = json.loads((folder / "fingerprint.json").read_text(encoding="utf-8"))
    return {name: str(seen[name]) for name in ("python", "torch", "torchvision", "numpy", "device", "cpu")}


def clean_settings(count: int, cpus: int) -> list[Setting]:
    """Runs without a fault that differ in what must not matter, among it one thread or two.

    `cpus` is how many each run has for itself: more threads than that wait for each other.
    """
    base = Setting(stop_early=False)
    return [
        replace(base, hash_seed=number, threads=1 + number % max(1, min(2, cpus)), shuffle=number)
        for number in range(1, count + 1)
    ]
