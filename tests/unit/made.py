"""A result to be changed with `dataclasses.replace`, for tests on what is done with results."""

from __future__ import annotations

from samcheck.cells import Cell
from samcheck.guest.outcomes import CellOutcome
from samcheck.guest.record import SCHEMA_VERSION, CellResult, EnvironmentRecord, Fingerprint

SEEN = Fingerprint(
    python="3.11.7",
    implementation="CPython",
    platform="Linux",
    libc="glibc 2.36",
    cpu="AMD EPYC",
    cpu_count=2,
    memory_mib=24000,
    torch="2.4.1+cu121",
)
RESULT = CellResult(
    schema_version=SCHEMA_VERSION,
    cell=Cell("2.4.1", "cu121", "3.11").record(()),
    outcome=CellOutcome.PASSED,
    reason="",
    environment=EnvironmentRecord("venv"),
    tier="fast",
    started="2026-11-22T12:00:00+00:00",
    finished="2026-11-22T12:30:00+00:00",
    samcheck="0.1.0",
    observed=SEEN,
)
