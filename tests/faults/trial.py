"""All faults in turn: is it caught, and if not, is it there; then runs without any, which must stay green."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import click

from samcheck.errors import SamcheckError

from . import runs, table, verdict
from .fault import Fault
from .runs import Bed, NotSeeded, Setting
from .seed import CONTROL, NOT_SEEDED
from .table import CleanRun, Outcome, Report
from .verdict import Verdict

#: Faults for one run of the suite and its forks, the first of which has none: as many as may have to be
#: tried again when it is interrupted.
FORKS_AT_ONCE = 64


class NotGreen(SamcheckError):
    """The suite fails without a fault: there is nothing to compare with."""


@dataclass
class Trial:
    """One start of this program; the report is written after every step.

    Attributes:
        output: where the report goes, None for nowhere.
        baselines: per tier, the outcome of each check without a fault.
        evidence: by name, what it is without a fault; only of what was asked for.
    """

    bed: Bed
    report: Report
    output: Path | None
    jobs: int
    stop_early: bool = True
    baselines: dict[str, dict[str, str]] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    asking: threading.Lock = field(default_factory=threading.Lock)

    def faults(self, chosen: Sequence[Fault]) -> None:
        """Try each in the fast tier: in a fork first, and in processes of its own what no fork has seen."""
        todo = self._todo(chosen)
        parts = [todo[start : start + FORKS_AT_ONCE] for start in range(0, len(todo), FORKS_AT_ONCE)]
        if self.stop_early:
            self._side_by_side([partial(self._forks, part) for part in parts])
        todo = self._todo(chosen)
        if not todo:
            return
        self._baseline("fast")
        self.report.baseline = counted(self.baselines["fast"])
        self._side_by_side([partial(self._fault, fault) for fault in todo])

    def _todo(self, chosen: Sequence[Fault]) -> list[Fault]:
        return [fault for fault in chosen if fault.id not in self.report.outcomes]

    def _forks(self, part: Sequence[Fault]) -> None:
        """Note the faults that a check sees in a fork; a fork without a fault is what they are compared with.

        Raises:
            NotGreen: something failed without a fault.
        """
        begin, name = time.monotonic(), f"forks-{part[0].id}"
        attempts = runs.run_forks(self.bed, name, [fault.id for fault in part])
        problems = verdict.not_green(attempts[CONTROL], self.bed.check_timeout)
        if problems:
            raise NotGreen(
                f"a fork fails without a fault, see {self.bed.folder / name}: {'; '.join(problems)}"
            )
        seen = verdict.outcomes(attempts[CONTROL], self.bed.check_timeout)
        clean: dict[str, str] = {check: result.outcome for check, result in seen.items()}
        self.report.baseline = counted(clean)
        each = round((time.monotonic() - begin) / len(part), 1)
        for fault in part:
            found = attempts[fault.id]
            if found.ended is None or found.ended.exit_code == NOT_SEEDED or not found.journal.collected:
                continue  # a process of its own will say why
            fast = verdict.judge(clean, found, self.bed.check_timeout)
            if fast.caught:
                self._note(Outcome(fault.id, fault.title, fault.kind, fault.origin, fast=fast, seconds=each))

    def missed_in_full(self, chosen: Sequence[Fault]) -> None:
        """Try those that the fast tier missed with the checks that only the full tier has."""
        todo = [each for each in map(self._outcome, chosen) if each.fast and not each.fast.caught]
        todo = [each for each in todo if each.full is None]
        if todo:
            self._baseline("full")
            self._side_by_side([partial(self._full, outcome) for outcome in todo])

    def clean(self, settings: Sequence[Setting]) -> None:
        """Runs without a fault."""
        todo = settings[len(self.report.clean) :]
        self._side_by_side([partial(self._clean, setting) for setting in todo])

    def _outcome(self, fault: Fault) -> Outcome:
        return self.report.outcomes[fault.id]

    def _baseline(self, tier: str) -> None:
        """Run the suite without a fault.

        Raises:
            NotGreen: with what failed.
        """
        setting = Setting(tier=tier, stop_early=False)
        begin = time.monotonic()
        attempt = runs.run_suite(self.bed, f"{CONTROL}/{tier}", setting)
        problems = verdict.not_green(attempt, self.bed.check_timeout)
        if problems:
            raise NotGreen(
                f"the {tier} tier fails without a fault, see {self.bed.folder / CONTROL / tier}: "
                + "; ".join(problems)
            )
        seen = verdict.outcomes(attempt, self.bed.check_timeout)
        self.baselines[tier] = {check: result.outcome for check, result in seen.items()}
        click.echo(f"without a fault, {tier} tier: {len(seen)} checks in {time.monotonic() - begin:.0f} s")

    def _changes_something(self, fault: Fault) -> bool:
        """Whether a fault that no check saw is there at all: one that was seen needs no other evidence."""
        name = fault.evidence
        with self.asking:
            if name not in self.evidence:
                self.evidence[name] = runs.evidence(self.bed, CONTROL, name)
        return runs.evidence(self.bed, fault.id, name) != self.evidence[name]

    def _fault(self, fault: Fault) -> None:
        begin = time.monotonic()
        outcome = Outcome(fault.id, fault.title, fault.kind, fault.origin)
        try:
            fast = self._verdict(fault.id, "fast")
            if not fast.caught and not self._changes_something(fault):
                raise NotSeeded(f"it changes nothing of {fault.evidence}")
            outcome = replace(outcome, fast=fast)
        except NotSeeded as error:
            outcome = replace(outcome, not_seeded=str(error))
        self._note(replace(outcome, seconds=round(time.monotonic() - begin, 1)))

    def _full(self, outcome: Outcome) -> None:
        self._note(replace(outcome, full=self._verdict(outcome.id, "full")))

    def _verdict(self, fault: str, tier: str) -> Verdict:
        cache = self.bed.folder / CONTROL / tier / "oracle"
        setting = Setting(fault, tier, self.stop_early, cache=cache)
        attempt = runs.run_suite(self.bed, f"{fault}/{tier}", setting)
        return verdict.judge(self.baselines[tier], attempt, self.bed.check_timeout)

    def _note(self, outcome: Outcome) -> None:
        if self.bed.stop.is_set():
            return
        with self.lock:
            self.report.outcomes[outcome.id] = outcome
            self._write()
        by = outcome.by
        said = f"NOT SEEDED: {outcome.not_seeded}"
        if by is not None:
            said = f"{by.check}: {by.reason}" if by.caught else f"MISSED {by.reason}"
        click.echo(f"{outcome.id} ({outcome.seconds:.0f} s): {said}")

    def _clean(self, setting: Setting) -> None:
        begin = time.monotonic()
        attempt = runs.run_suite(self.bed, f"{CONTROL}/clean-{setting.hash_seed}", setting)
        failed = tuple(verdict.not_green(attempt, self.bed.check_timeout))
        if self.bed.stop.is_set():
            return
        run = CleanRun(
            setting.hash_seed or 0,
            setting.threads,
            setting.shuffle or 0,
            failed,
            round(time.monotonic() - begin, 1),
        )
        with self.lock:
            self.report.clean.append(run)
            self._write()
        click.echo(f"clean run {run.hash_seed} ({run.seconds:.0f} s): {'; '.join(failed) or 'green'}")

    def _write(self) -> None:
        if self.output is not None:
            table.write(self.output, self.report)

    def _side_by_side(self, steps: Sequence[Callable[[], None]]) -> None:
        """Run the steps, `jobs` at a time; the first error, or Ctrl-C, ends them all."""
        with ThreadPoolExecutor(self.jobs) as pool:
            waiting = {pool.submit(step) for step in steps}
            try:
                while waiting:
                    done, waiting = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
                    for each in done:
                        each.result()
            except BaseException:
                self.bed.stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def counted(baseline: dict[str, str]) -> dict[str, int]:
    """How many checks have each outcome."""
    outcomes = list(baseline.values())
    return {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}


def good(report: Report) -> bool:
    """Everything was seeded and caught, and nothing failed without a fault."""
    caught = all(each.by is not None and each.by.caught for each in report.outcomes.values())
    return caught and not any(run.failed for run in report.clean)


def begin(bed: Bed, output: Path | None, resume: bool, now: str) -> Report:
    """A new report, or the one that is there already if it is of this code and this environment."""
    facts, code = runs.facts(bed), table.code_digest()
    before = table.read(output / "faults.json") if output is not None and resume else None
    if before is not None and (before.code, before.facts) == (code, facts):
        return before
    return Report(facts, code, now, {})
