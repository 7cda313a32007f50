"""The pytest plugin of the suite: tiers, parameters, outcomes, and the journal.

`tests/suite/conftest.py` loads it, so that plain ``pytest -m fast`` works from the checkout; the host
adds ``--samcheck-journal`` and reads the outcomes from there, never from pytest's output.
"""

from __future__ import annotations

import os
import sys
from itertools import groupby
from pathlib import Path
from typing import Any, Generator, List, Optional, Tuple

import pytest

from ..benchmark import heap
from ..benchmark.turns import HEAP_KEPT, PARTNER, START, Turns
from ..defects.watch import DefectWatch
from ..journal import EventWriter
from ..models.variants import VARIANTS
from ..outcomes import CheckOutcome
from ..record import FIRST_GROUPS, PRECISION_NAMES
from . import chosen_variants
from .check_groups import group_of
from .check_selection import check_id, choose, is_skipped, of_other_groups, require_groups
from .journal_writer import JournalWriter
from .outcome import REPORTS, RESULT, describe, parameters, verdict
from .recording import WATCH, defect, measured, noted, pictures, series, settings  # noqa: F401  # fixtures

#: Fixtures that need the oracle's answer.
_ORACLES = frozenset(("oracle_model", "reference", "judged"))
#: Fixtures with the scene's image encoded once for all checks.
_ENCODED = frozenset(("encoded", "ready", "computed_in"))
#: Plugin loaded with this one: options and markers.
pytest_plugins = ["samcheck.guest.pytest_options"]
#: This process's environment before anything under test is imported and can change it.
ENVIRONMENT = dict(os.environ)


def pytest_configure(config: pytest.Config) -> None:
    chosen_variants.require(config)
    require_groups(config)
    path = config.getoption("--samcheck-journal")
    if path is None:
        _require_torch()
        return
    journal = EventWriter(path)
    timeout = config.getoption("--samcheck-check-timeout")
    config.pluginmanager.register(JournalWriter(journal, timeout, str(config.rootpath)), "samcheck-journal")
    folder = config.getoption("--samcheck-turns")
    if folder is not None:
        # How often a process fetches memory again is random, and would look like a difference.
        config.stash[HEAP_KEPT] = heap.keep_freed_memory()
        config.stash[PARTNER] = Turns(folder)
        config.add_cleanup(config.stash[PARTNER].close)
        config.stash[PARTNER].wait(*START)


def _require_torch() -> None:
    """Exit with one sentence, instead of a traceback per module, if the suite cannot run."""
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
        pytest.exit(  # not a usage error: with --pyargs this is called while pytest collects
            "samcheck's suite needs {}, which this Python ({}) does not have. Install with: "
            "{} -m pip install torch torchvision segment-anything numpy pytest-benchmark; "
            "or let `nox -s fast` create such an environment.".format(
                ", ".join(missing), sys.executable, sys.executable
            ),
            returncode=pytest.ExitCode.USAGE_ERROR,
        )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> Optional[bool]:
    path = str(collection_path)
    return of_other_groups(config, path) or is_skipped(config, path) or None  # None: let other plugins decide


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, every in (
        ("variant", chosen_variants.chosen(metafunc.config)),
        ("precision", PRECISION_NAMES),
    ):
        if name in metafunc.fixturenames:
            only = metafunc.definition.get_closest_marker(name + "s")
            values = [value for value in every if only is None or value in only.args]
            if name == "variant" and only is None:
                values = [value for value in values if chosen_variants.applies(metafunc.definition, value)]
            if name == "variant" and only is not None:
                values += chosen_variants.beside(metafunc.config, only.kwargs.get("beside", {}))
            metafunc.parametrize(name, values, scope="session")


@pytest.hookimpl(hookwrapper=True)  # wraps pytest's own, which applies -m and groups checks by model
def pytest_collection_modifyitems(
    config: pytest.Config, items: List[pytest.Item]
) -> Generator[None, Any, None]:
    # A check for none of the chosen variants has a placeholder as its parameter.
    items[:] = [
        item
        for item in items
        if isinstance(parameters(item).get("variant", ""), str)
        and not chosen_variants.of_other_families(config, item, parameters(item).get("variant"))
    ]
    for item in items:
        variant = parameters(item).get("variant")
        fast = (variant is None or VARIANTS[variant].tier == "fast") and not _compiles_for_gpu(config, item)
        if not item.get_closest_marker("full"):
            item.add_marker("fast" if fast else "full")
    choose(config, items)
    yield
    # Fast checks come first: if time is short, they are all that runs.
    items.sort(key=_rank)
    items[:] = [item for _, alike in groupby(items, _of_one_model) for item in sorted(alike, key=_cost)]


def _compiles_for_gpu(config: pytest.Config, item: pytest.Item) -> bool:
    """Whether a check compiles kernels for a GPU, which takes a minute even for a small model."""
    return parameters(item).get("backend") == "compile" and _is_for_gpu(config)


def _is_for_gpu(config: pytest.Config) -> bool:
    """Whether the fixture `device` will choose a GPU; modules that compile have imported torch by now."""
    wanted, torch = config.getoption("--samcheck-device"), sys.modules.get("torch")
    return bool(wanted == "cuda" or (wanted == "auto" and torch is not None and torch.cuda.is_available()))


def _rank(item: pytest.Item) -> Tuple[bool, bool]:
    return item.get_closest_marker("fast") is None, group_of(str(item.path)) not in FIRST_GROUPS


def _of_one_model(item: pytest.Item) -> Tuple[Any, ...]:
    """What neighbours share so that changing their order changes neither fixtures nor ranks."""
    given = parameters(item)
    return _rank(item), given.get("variant"), given.get("precision")


def _cost(item: pytest.Item) -> int:
    """How long the first such check takes: one encoding on the device, several, or the oracle's on the CPU.

    For a large model on a CPU, an encoding takes 10 s and more, and the oracle's, in float64, minutes.
    """
    needed = set(getattr(item, "fixturenames", ()))
    if needed & _ORACLES:
        return 2
    return 0 if needed & _ENCODED else 1


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Collect the three phases of a check; the last one decides its outcome."""
    report = (yield).get_result()
    reports = item.stash.setdefault(REPORTS, [])
    reports.append(report)
    if report.when != "teardown":
        return
    outcome, reason, details = verdict(item, reports)
    watch = item.stash.get(WATCH, None)
    met = watch if watch is not None and outcome is watch.outcome else DefectWatch()
    item.stash[RESULT] = describe(
        item,
        outcome,
        reason=reason,
        details=details,
        defect=met.defect,
        evidence=met.evidence,
        seconds=round(sum(phase.duration for phase in reports), 4),
        **noted(item, outcome is CheckOutcome.FAILED),
    )


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: Any) -> Optional[Tuple[str, str, str]]:
    """Show ``known`` and ``fixed`` by their names in pytest's own output."""
    outcome = dict(getattr(report, "user_properties", ())).get("samcheck-outcome")
    if report.when == "call" and report.passed and outcome in ("known", "fixed"):
        return outcome, outcome[0], outcome.upper()
    return None


@pytest.hookimpl(trylast=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Tell `pytest_report_teststatus` which defect the check hit, once it has run."""
    watch = item.stash.get(WATCH, None)
    if watch is not None and watch.outcome is not None:
        item.user_properties.append(("samcheck-outcome", watch.outcome))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List the defects that were hit, which pytest would show as green."""
    for outcome in ("known", "fixed"):
        reports = terminalreporter.stats.get(outcome, [])
        if reports:
            terminalreporter.section("{} upstream defects".format(outcome))
        for report in reports:
            terminalreporter.line(check_id(report.nodeid))
