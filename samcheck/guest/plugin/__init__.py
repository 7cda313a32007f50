"""The pytest plugin of the suite: options, tiers, parameters, outcomes, and the journal.

`tests/suite/conftest.py` loads it, so that plain ``pytest -m fast`` works from the checkout; the host
adds ``--samcheck-journal`` and reads the outcomes from there, never from pytest's output.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Dict, Generator, List, Optional, Tuple

import pytest

from ..benchmark import heap
from ..benchmark.turns import HEAP_KEPT, PARTNER, START, Turns
from ..fitness import UNFIT, Fitness
from ..journal import Journal
from ..models.variants import VARIANTS, discover
from ..record import PRECISION_NAMES, CheckResult
from . import forked
from .groups import group_of
from .recording import WATCH, defect, measured, noted, pictures, series, settings  # noqa: F401  # fixtures
from .selection import check_id, choose, is_skipped, of_other_groups, require_groups

#: Of this process, before anything under test was imported and could change it.
ENVIRONMENT = dict(os.environ)

#: A median over 0.3 s is steady to a few per cent; the usual second would cost the fast tier 15 s more.
BENCHMARK_SECONDS = 0.3
DETAILS_LIMIT = 4000  # characters of traceback kept per check

REPORTS = pytest.StashKey["List[pytest.TestReport]"]()
RESULT = pytest.StashKey["Optional[CheckResult]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("samcheck")
    group.addoption("--samcheck-journal", metavar="FILE", help="append one JSON line per event")
    group.addoption(
        "--samcheck-skip-listed", metavar="FILE", help="leave out the checks listed, one per line"
    )
    group.addoption("--samcheck-only", metavar="FILE", help="run no check but those listed, one per line")
    group.addoption("--samcheck-device", choices=("auto", "cpu", "cuda"), default="auto")
    group.addoption("--samcheck-variants", metavar="NAMES", help="comma-separated; default: all")
    group.addoption("--samcheck-groups", metavar="NAMES", help="comma-separated; default: all")
    group.addoption(
        "--samcheck-benchmark-seconds",
        type=float,
        default=BENCHMARK_SECONDS,
        metavar="SECONDS",
        help="at most so long is one benchmark measured, once for warming up and once for the samples",
    )
    group.addoption(
        "--samcheck-turns", metavar="FOLDER", help="take turns with another process, by the FIFOs there"
    )
    group.addoption("--samcheck-check-timeout", type=float, default=600.0, metavar="SECONDS")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fast: the tier for everybody: small variant, under a minute")
    config.addinivalue_line("markers", "full: the tier for runners: every variant")
    config.addinivalue_line("markers", "variants(names): run the check for these only")
    config.addinivalue_line("markers", "precisions(names): run the check for these only")
    _check_variants(config)
    require_groups(config)
    path = config.getoption("--samcheck-journal")
    if path is None:
        _require_torch()
        return
    journal = Journal(path)
    timeout = config.getoption("--samcheck-check-timeout")
    config.pluginmanager.register(JournalWriter(journal, timeout, str(config.rootpath)), "samcheck-journal")
    folder = config.getoption("--samcheck-turns")
    if folder is not None:
        # How much memory a process fetches again is chance, and would be taken for a difference.
        config.stash[HEAP_KEPT] = heap.keep_freed_memory()
        config.stash[PARTNER] = Turns(folder)
        config.stash[PARTNER].wait(*START)


def _check_variants(config: pytest.Config) -> None:
    try:
        discover()
    except Exception as error:  # somebody's package, which may raise anything
        raise pytest.UsageError(
            "a variant cannot be loaded: {}: {}".format(type(error).__name__, error)
        ) from error
    unknown = [name for name in _variants(config) if name not in VARIANTS]
    if unknown:
        raise pytest.UsageError(
            "--samcheck-variants: no variant {}; known: {}".format(", ".join(unknown), ", ".join(VARIANTS))
        )


def _require_torch() -> None:
    """One sentence instead of a traceback per module where the suite cannot run at all."""
    from importlib.util import find_spec

    wanted = {
        "torch": "torch",
        "torchvision": "torchvision",
        "segment_anything": "segment-anything",
        "numpy": "numpy",
        "pytest_benchmark": "pytest-benchmark",
    }
    missing = [package for module, package in wanted.items() if find_spec(module) is None]
    if missing:
        raise pytest.UsageError(
            "samcheck's suite needs {}, which this Python ({}) does not have. Install with: "
            "{} -m pip install torch torchvision segment-anything numpy pytest-benchmark; "
            "or let `nox -s fast` make such an environment.".format(
                ", ".join(missing), sys.executable, sys.executable
            )
        )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> "Optional[bool]":
    path = str(collection_path)
    return of_other_groups(config, path) or is_skipped(config, path) or None  # None: others may say


def _variants(config: pytest.Config) -> List[str]:
    given = config.getoption("--samcheck-variants")
    return given.split(",") if given else list(VARIANTS)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, every in (("variant", _variants(metafunc.config)), ("precision", PRECISION_NAMES)):
        if name in metafunc.fixturenames:
            only = metafunc.definition.get_closest_marker(name + "s")
            chosen = [each for each in every if only is None or each in only.args]
            metafunc.parametrize(name, chosen, scope="session")


def _parameters(item: pytest.Item) -> Dict[str, Any]:
    callspec = getattr(item, "callspec", None)
    return dict(callspec.params) if callspec else {}


@pytest.hookimpl(hookwrapper=True)  # around pytest, which applies -m and keeps those of one model together
def pytest_collection_modifyitems(
    config: pytest.Config, items: List[pytest.Item]
) -> Generator[None, Any, None]:
    # What is not for any of the chosen variants is left with a placeholder for its parameter.
    items[:] = [item for item in items if isinstance(_parameters(item).get("variant", ""), str)]
    for item in items:
        variant = _parameters(item).get("variant")
        fast = variant is None or VARIANTS[variant].tier == "fast"
        if not item.get_closest_marker("full"):
            item.add_marker("fast" if fast else "full")
    choose(config, items)
    yield
    # What runs in seconds comes first: where the time is short it is what there is.
    items.sort(key=lambda item: item.get_closest_marker("fast") is None)


def describe(item: pytest.Item, outcome: str, **fields: Any) -> CheckResult:
    """A result for `item` with everything filled in that its name and parameters tell."""
    parameters = _parameters(item)
    return CheckResult(
        check=check_id(item.nodeid),
        group=group_of(str(item.path)),
        variant=parameters.get("variant"),
        precision=parameters.get("precision"),
        backend=parameters.get("backend", "eager" if "variant" in parameters else None),
        outcome=outcome,
        **fields,
    )


def _verdict(item: pytest.Item, reports: List[pytest.TestReport]) -> Tuple[str, str, str]:
    """Outcome, one-line reason and details of a check, from its set-up, call and tear-down."""
    for report in reports:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            message = crash.message if crash else str(report.longrepr)
            where = "" if report.when == "call" else " (in {})".format(report.when)
            return "failed", first_line(message) + where, str(report.longrepr)[-DETAILS_LIMIT:]
        if report.skipped:
            longrepr = report.longrepr
            text = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
            return "skipped", first_line(text.replace("Skipped: ", "", 1)), ""
    watch = item.stash.get(WATCH, None)
    if watch is not None and watch.outcome is not None:
        return watch.outcome, first_line(watch.reason), ""
    return "passed", "", ""


def first_line(text: str) -> str:
    """The first line with something on it, at most 500 characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:500] if lines else "no message"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Collect the three phases of a check; the last one settles its outcome."""
    outcome = yield
    report = outcome.get_result()
    reports = item.stash.setdefault(REPORTS, [])
    reports.append(report)
    if report.when != "teardown":
        return
    verdict, reason, details = _verdict(item, reports)
    watch = item.stash.get(WATCH, None)
    item.stash[RESULT] = describe(
        item,
        verdict,
        reason=reason,
        details=details,
        defect=watch.defect if watch is not None and verdict in ("known", "fixed") else None,
        seconds=round(sum(each.duration for each in reports), 4),
        **noted(item, verdict == "failed"),
    )


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: Any) -> "Optional[Tuple[str, str, str]]":
    """Show ``known`` and ``fixed`` by their names in pytest's own output."""
    outcome = dict(getattr(report, "user_properties", ())).get("samcheck-outcome")
    if report.when == "call" and report.passed and outcome in ("known", "fixed"):
        return outcome, outcome[0], outcome.upper()
    return None


@pytest.hookimpl(trylast=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Tell `pytest_report_teststatus` what the check met, once it has run."""
    watch = item.stash.get(WATCH, None)
    if watch is not None and watch.outcome is not None:
        item.user_properties.append(("samcheck-outcome", watch.outcome))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the defects that were met, which pytest would pass over as green."""
    for outcome in ("known", "fixed"):
        reports = terminalreporter.stats.get(outcome, [])
        if reports:
            terminalreporter.section("{} upstream defects".format(outcome))
        for report in reports:
            terminalreporter.line(check_id(report.nodeid))


class JournalWriter:
    """Writes the journal and stops a check at its time limit."""

    def __init__(self, journal: Journal, timeout: float, root: str) -> None:
        self.journal = journal
        self.root = root
        self.timeout = timeout
        # pytest redirects file descriptor 2 while a check runs; the stacks must reach the host.
        self.stderr = os.dup(2)
        self.fitness = Fitness()
        self.all_imported = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> None:
        if isinstance(collector, pytest.Module):
            self.journal.importing(collector.path.name)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            text = str(report.longrepr)
            last = [line for line in text.splitlines() if line.startswith("E ")]
            reason = crash.message if crash else (last[-1][1:] if last else text)
            path = os.path.join(self.root, report.nodeid)
            self.journal.not_collected(
                os.path.basename(path), group_of(path), first_line(reason), text[-DETAILS_LIMIT:]
            )

    def pytest_collection_modifyitems(self) -> None:
        self.all_imported = True

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self.all_imported:  # else a module has ended pytest
            self.journal.collected([describe(item, "not-run") for item in session.items])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.journal.started(check_id(nodeid))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        # The limit is kept by a thread, which an exhausted container cannot start.
        forked.make_room(
            partial(faulthandler.dump_traceback_later, self.timeout, exit=True, file=self.stderr)
        )
        yield
        self.journal.require_original()  # first: a copy waits for ever for the thread that it does not have
        faulthandler.cancel_dump_traceback_later()
        result = item.stash.get(RESULT, None)
        if result is None:  # pytest itself came to grief in it: the host blames the check
            return
        damage = self.fitness.damage()
        if damage and result.outcome != "failed":
            reason = "left the interpreter unfit for other checks: {}".format(damage)
            result = replace(result, outcome="failed", reason=reason, defect=None)
        self.journal.finished(result)
        if damage:
            os._exit(UNFIT)  # the host starts the suite again, behind this check

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self.journal.ended(int(exitstatus))
