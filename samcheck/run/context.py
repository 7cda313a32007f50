"""Run-wide settings and per-cell run state."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol

import samcheck
from samcheck.environments import Environment, own_variant
from samcheck.environments.own import choose
from samcheck.environments.own_variant import OwnVariant
from samcheck.guest.outcomes import CellOutcome, FailureCause
from samcheck.guest.record import (
    BENCHMARK_SECONDS,
    SCHEMA_VERSION,
    CellResult,
    CheckResult,
    EnvironmentRecord,
    Fingerprint,
)
from samcheck.matrix import PlannedCell
from samcheck.run import pytest_arguments, records, redaction, repetitions, reruns
from samcheck.run.records import Attempt
from samcheck.run.scheduler import ON_CPU, Gates, Slot


class Watcher(Protocol):
    """An observer of a cell's progress."""

    def phase(self, name: str) -> None: ...

    def checks(self, done: int, total: int, current: str) -> None: ...

    def first_verdict(self, text: str) -> None: ...


@dataclass(frozen=True)
class Settings:
    """Run-wide settings.

    Attributes:
        why: why this kind of environment was chosen, for the table.
        check_timeout: seconds after which a check is stopped.
        version: samcheck's version, with the commit if known.
        variants, groups: names; empty for all of the tier.
        suite: folder of the checks, as the guest sees it.
        processes: number of processes that measure each benchmark; 0 for the tier's default.
        seconds: time to measure a benchmark in one process, and to warm up; 0 for the tier's default.
        gates: shared by the cells of the run: which may build, which may run, and whether all must stop.
        only: the checks to run, by their node ids; empty for all of the tier.
        own_variants: the user's own, which every guest can read.
        deadline: when to stop, on `time.monotonic`'s clock; what is finished by then is the result.
    """

    tier: str
    environment: Environment
    why: str
    check_timeout: float
    variants: tuple[str, ...] = ()
    suite: str = pytest_arguments.SUITE
    version: str = samcheck.__version__
    gates: Gates = field(default_factory=Gates)
    only: tuple[str, ...] = ()
    processes: int = 0
    seconds: float = 0.0
    groups: tuple[str, ...] = ()
    deadline: float = math.inf
    own_variants: tuple[OwnVariant, ...] = ()

    @property
    def is_late(self) -> bool:
        """Whether the user's time limit for the run has passed."""
        return time.monotonic() > self.deadline

    @property
    def benchmark_seconds(self) -> float:
        return self.seconds or BENCHMARK_SECONDS[self.tier]

    @property
    def passes(self) -> int:
        return self.processes or repetitions.PROCESSES[self.tier]


def now() -> str:
    """Return the current time in the format of results."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def environment_of(planned: PlannedCell, settings: Settings) -> Environment:
    """Return where a cell of the run is prepared."""
    if planned.own is None:
        return settings.environment
    return choose.environment_of(planned.own, settings.environment.kind)


@dataclass
class CellRun:
    """The state of a cell while it runs.

    Attributes:
        secrets: texts that must not reach the result, by what to write instead.
        unmeasured: a sentence for each benchmark process that did not finish.
        stopped, turns: as in `CellResult`.
    """

    planned: PlannedCell
    settings: Settings
    folder: Path
    watcher: Watcher
    started: str = field(default_factory=now)
    phases: dict[str, float] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    observed: Fingerprint | None = None
    slot: Slot = ON_CPU
    secrets: dict[str, str] = field(default_factory=dict)
    unmeasured: list[str] = field(default_factory=list)
    stopped: bool = False
    turns: str | None = None

    @cached_property
    def environment(self) -> Environment:
        """Where the cell runs: as the run's others do, unless it is an environment of the user's own."""
        return environment_of(self.planned, self.settings)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.watcher.phase(name)
        begin = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] = round(time.monotonic() - begin, 3)

    def result(
        self,
        outcome: CellOutcome,
        reason: str,
        attempts: Sequence[Attempt] = (),
        cause: FailureCause | None = None,
    ) -> CellResult:
        """Return the result to store; `cause` says why its environment could not be built or used."""
        unmeasured = {"processes": "; ".join(self.unmeasured)} if self.unmeasured else {}
        details = {**self.details, **own_variant.details(self.settings.own_variants), **unmeasured}
        weights = {
            name: description for attempt in attempts for name, description in attempt.journal.weights.items()
        }
        result = CellResult(
            schema_version=SCHEMA_VERSION,
            cell=self.planned.cell.record(self.planned.tags),
            outcome=outcome,
            reason=reason,
            environment=EnvironmentRecord(self.environment.kind, self._why, details),
            tier=self.settings.tier,
            started=self.started,
            finished=now(),
            samcheck=self.settings.version,
            observed=self.observed,
            variants=list(self.settings.variants),
            weights=weights,
            phases=self.phases,
            checks=self.checks(attempts) if attempts else [],
            groups=list(self.settings.groups),
            cause=cause,
            stopped=self.stopped,
            turns=self.turns,
        )
        return redaction.without_secrets(result, self.secrets)

    @property
    def _why(self) -> str:
        own = self.planned.own
        return f"the matrix declares its {own.source}" if own else self.settings.why

    def checks(self, attempts: Sequence[Attempt]) -> list[CheckResult]:
        """Return the result of each check, with the measurements of all processes and what a rerun showed."""
        return reruns.judged(self.first_checks(attempts), self.folder, self.settings.check_timeout)

    def first_checks(self, attempts: Sequence[Attempt]) -> list[CheckResult]:
        """Return the result of each check before any was run again."""
        results = records.verdicts(attempts, self.settings.check_timeout)
        return repetitions.joined(results, self.folder, self.settings.passes)
