"""Runs of the suite in a prepared place until every check is settled, then repeats of its benchmarks."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import IO

from samcheck import files
from samcheck.environments import GIVEN, EndCause, Ended, GuestJob, Place, channel, gpu_errors, scratch
from samcheck.errors import Refused
from samcheck.guest import device
from samcheck.guest.outcomes import FailureCause
from samcheck.guest.record import FIRST_GROUPS, CheckResult
from samcheck.report.first_verdict import first_verdict
from samcheck.run import pytest_arguments, records, repetitions, reruns, waiting
from samcheck.run.context import CellRun
from samcheck.run.intake import Intake
from samcheck.run.records import Attempt, Journal

#: A cell is abandoned if its guest dies more often than this; the rest of its checks are not-run.
MAXIMUM_DEATHS = 10
#: Time for the interpreter to exit after the suite; a thread left by a check may keep it alive.
EXIT_SECONDS = 60.0
#: Time for the guest to stop a check at its time limit itself, before the host does.
GRACE_SECONDS = 60.0
#: Lists of checks for the guest: those to skip, and, if only some are wanted, those to run.
SKIPPED, ONLY = "skip.txt", "only.txt"


def run_with_benchmarks(cell_run: CellRun, place: Place) -> list[Attempt]:
    """Run the suite, then its benchmarks in further processes."""
    attempts = run_suite(cell_run, place)
    benchmarked = any(check.series for attempt in attempts for check in attempt.journal.finished.values())
    if attempts[-1].complete and benchmarked:
        cell_run.unmeasured = repetitions.run(
            cell_run.folder, cell_run.settings.passes, lambda n: start_pass(cell_run, place, n)
        )
    return attempts


def run_failed_again(cell_run: CellRun, place: Place, attempts: Sequence[Attempt]) -> bool:
    """Run what failed in `attempts` once more, and return whether there was time.

    An interrupted rerun continues. Where only some checks are asked for, whoever asks repeats them as needed.
    """
    failed = () if cell_run.settings.only else reruns.wanted(cell_run.first_checks(attempts))
    if not failed or cell_run.settings.is_late:
        return not failed
    folder = reruns.make_folder(cell_run.folder)
    scratch.sweep(folder)
    settings = replace(cell_run.settings, only=failed)
    with cell_run.phase("run again"):
        again = run_suite(replace(cell_run, folder=folder, settings=settings), place)
    return again[-1].complete or not cell_run.settings.is_late


def run_suite(cell_run: CellRun, place: Place) -> list[Attempt]:
    """Start the suite until every check is settled, the guest dies too often, or time runs out."""
    timeout = cell_run.settings.check_timeout
    attempts = records.attempts_in(cell_run.folder)
    while not (attempts and (attempts[-1].complete or _given_up(attempts, timeout))):
        attempts.append(
            _start_attempt(cell_run, place, len(attempts) + 1, records.settled(attempts, timeout))
        )
        if cell_run.settings.is_late:
            break
    return attempts


def _given_up(attempts: list[Attempt], check_timeout: float) -> bool:
    """Return whether another start would not help: the guest died outside any check, or too often."""
    deaths = [attempt for attempt in attempts if attempt.ended is not None]
    if not deaths or deaths[-1] is not attempts[-1]:
        return False
    return deaths[-1].blamed(check_timeout) is None or len(deaths) > MAXIMUM_DEATHS


def _start_attempt(cell_run: CellRun, place: Place, number: int, done: dict[str, CheckResult]) -> Attempt:
    """Start the suite once; its end is recorded only if samcheck survives it and did not stop it."""
    output = cell_run.folder / f"output-{number}.log"
    files.clear_way(output)
    output.touch()
    lists = {SKIPPED: done, ONLY: cell_run.settings.only}
    settings = cell_run.settings
    arguments = (*_python_arguments(cell_run, settings.suite), f"--samcheck-skip-listed={GIVEN}/{SKIPPED}")
    with scratch.given(cell_run.folder) as given:
        for name, checks in lists.items():
            (given / name).write_text("".join(f"{check}\n" for check in checks), encoding="utf-8")
        guest = Guest(cell_run, place, given, output, settled=len(done))
        ended = guest.run(arguments, records.journal_path(cell_run.folder, number))
    if cell_run.settings.is_late:
        return Attempt(guest.journal, None, 0.0, records.tail(output))
    note_end(cell_run.folder / f"ended-{number}.json", ended, guest.seconds)
    return Attempt(guest.journal, ended, guest.seconds, records.tail(output))


def note_end(path: Path, ended: Ended, seconds: float) -> None:
    """Record how a guest ended, and when, in seconds since its start."""
    files.write_atomically(path, json.dumps({**asdict(ended), "at": seconds}).encode())


def start_pass(
    cell_run: CellRun, place: Place, number: int, given: Path | None = None, more: tuple[str, ...] = ()
) -> Ended:
    """Start one process that only measures the benchmarks.

    Args:
        given: the folder with its input; by default a new one.
        more: further arguments for it.
    """
    settings = cell_run.settings
    if settings.is_late:
        return Ended(None, cause=EndCause.STOPPED)
    arguments = (*_python_arguments(cell_run, f"{settings.suite}/{repetitions.MODULE}"), *more)
    output = repetitions.output(cell_run.folder, number)
    with nullcontext(given) if given else scratch.given(cell_run.folder) as folder:
        if settings.only:
            (folder / ONLY).write_text("".join(f"{check}\n" for check in settings.only), encoding="utf-8")
        guest = Guest(cell_run, place, folder, output)
        return guest.run(arguments, repetitions.journal(cell_run.folder, number))


class Guest:
    """One start of the suite, or of a part of it.

    Attributes:
        seconds: its duration, once it has ended.
    """

    def __init__(self, cell_run: CellRun, place: Place, given: Path, output: Path, settled: int = 0) -> None:
        self._cell_run, self._place, self._given, self._output = cell_run, place, given, output
        self._settled = settled
        self._intake = Intake()
        self._lines_shown, self._shown_at = 0, 0.0
        self._first_verdict_given = False
        self.seconds = 0.0

    @property
    def journal(self) -> Journal:
        return self._intake.journal

    @property
    def _device(self) -> tuple[str, ...]:
        """Options for the device that the probe saw: no other one, and no silent fallback to the CPU."""
        seen = self._cell_run.observed
        return () if seen is None else device.options(seen.device, seen.gpu or "")

    def run(self, arguments: tuple[str, ...], journal_path: Path) -> Ended:
        """Run pytest with these arguments, and write what it reports to `journal_path`.

        Raises:
            Refused: the report cannot be written, or the device is no longer the one that the probe saw.
            Stopped: the run ends; a guest ended with it has not died of a check.
        """
        arguments = (*arguments, *self._device, f"--samcheck-journal={GIVEN}/{channel.NAME}")
        files.clear_way(journal_path)
        files.clear_way(self._output)
        job = partial(
            GuestJob,
            arguments,
            self._given,
            output=self._output,
            gpu=self._cell_run.slot.gpu,
            variants=self._cell_run.settings.own_variants,
        )
        with (
            journal_path.open("wb") as stream,
            channel.Channel(self._given, partial(self._keep, stream)) as heard,
        ):
            with scratch.work(self._cell_run.folder) as work:
                ended = self._place.run(job(work=work, alive=partial(self._alive, heard)))
            self.seconds = self._intake.seconds
        heard.check()
        self._cell_run.settings.gates.check()
        if ended.exit_code == device.GONE and not self.journal.lines:  # else a check's own exit status
            gone = gpu_errors.gone(records.tail(self._output))
            raise Refused(gone.cause, gone.sentence)
        return replace(ended, cause=EndCause.TOO_MUCH) if heard.flooded else ended

    def _keep(self, stream: IO[bytes], line: bytes) -> None:
        believed = self._intake.take(line)
        if not believed:
            return
        try:
            stream.write(believed)
            stream.flush()
            os.fsync(stream.fileno())
        except OSError as error:
            raise Refused(
                FailureCause.DISK,
                f"the checks' reports cannot be written to {stream.name} ({error.strerror}): fix that, "
                "then re-run with --resume",
            ) from None

    def _alive(self, heard: channel.Channel) -> bool:
        """Report news to the watcher, and return whether the guest still makes progress.

        The guest stops a check at its time limit itself; a minute later the host does, whatever the guest
        reports meanwhile, unless the suite makes progress.
        """
        heard.check()
        self._cell_run.settings.gates.check()
        if self._cell_run.settings.is_late or heard.flooded or self._intake.unsound:
            return False
        journal = self.journal
        late = self._intake.seconds - self._shown_at > waiting.AGAIN_SECONDS and journal.running is not None
        if journal.lines != self._lines_shown or late:
            self._lines_shown, self._shown_at = journal.lines, self._intake.seconds
            done = self._settled + len(journal.finished)
            total = self._settled + len(journal.collected)
            self._cell_run.watcher.checks(done, total, waiting.current(journal, self._intake.seconds))
            self._give_first_verdict(journal)
        over = journal.exit_status is not None
        patience = EXIT_SECONDS if over else self._cell_run.settings.check_timeout + GRACE_SECONDS
        return time.monotonic() - self._intake.advanced < patience

    def _give_first_verdict(self, journal: Journal) -> None:
        """Report once, as soon as another check has ended, what the checks that run first have shown."""
        finished = list(journal.finished.values())
        partial_start = bool(self._settled or self._cell_run.settings.only)
        if self._first_verdict_given or partial_start or all(is_first(check) for check in finished):
            return
        self._first_verdict_given = True
        first = [check for check in finished if is_first(check)]
        if first:
            self._cell_run.watcher.first_verdict(f"after {len(first)} checks: {first_verdict(first)}")


def is_first(check: CheckResult) -> bool:
    return check.group in FIRST_GROUPS


def _python_arguments(cell_run: CellRun, what: str) -> tuple[str, ...]:
    """Return Python's arguments to run the suite, or a part of it."""
    settings = cell_run.settings
    family = pytest_arguments.family(cell_run.planned.cell, cell_run.environment.kind)
    return (
        *pytest_arguments.arguments(
            settings.suite, settings.tier, settings.variants, what, settings.groups, family
        ),
        "--continue-on-collection-errors",
        f"--samcheck-check-timeout={settings.check_timeout}",
        f"--samcheck-benchmark-seconds={settings.benchmark_seconds}",
        *((f"--samcheck-only={GIVEN}/{ONLY}",) if settings.only else ()),
    )
