"""The journal of a session: pytest's events, reported to the host as they happen."""

from __future__ import annotations

import faulthandler
import os
from dataclasses import replace
from functools import partial
from typing import Any, Generator

import pytest

from .. import device, reference_progress
from ..fitness import UNFIT, Fitness
from ..journal import EventWriter
from ..outcomes import CheckOutcome
from ..record import DETAILS_LIMIT
from . import forked
from .check_groups import group_of
from .check_selection import check_id
from .outcome import RESULT, describe, first_line


class JournalWriter:
    """The plugin that writes the journal and stops a check at its time limit."""

    def __init__(self, journal: EventWriter, timeout: float, root: str) -> None:
        self.journal = journal
        self.root = root
        self.timeout = timeout
        # pytest redirects file descriptor 2 while a check runs; the stacks must reach the host.
        self.stderr = os.dup(2)
        self.fitness = Fitness()
        self.all_imported = False
        reference_progress.listen(journal.computing)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Exit before anything is reported if the device is not the one that the host was shown."""
        option = session.config.getoption
        different = device.difference(option("--samcheck-device"), option("--samcheck-gpu"))
        if different:
            os.write(self.stderr, "\n{}\n".format(different).encode("utf-8", "replace"))
            os._exit(device.GONE)

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
        if self.all_imported:  # otherwise a module has ended pytest
            self.journal.collected([describe(item, CheckOutcome.NOT_RUN) for item in session.items])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.journal.started(check_id(nodeid))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        # A thread enforces the limit, and an exhausted container cannot start one.
        forked.make_room(
            partial(faulthandler.dump_traceback_later, self.timeout, exit=True, file=self.stderr)
        )
        yield
        self.journal.require_original()  # first: a fork would wait forever for a thread it lacks
        faulthandler.cancel_dump_traceback_later()
        result = item.stash.get(RESULT, None)
        if result is None:  # pytest itself failed in it: the host blames the check
            return
        damage = self.fitness.damage()
        if damage and result.outcome is not CheckOutcome.FAILED:
            reason = "left the interpreter unfit for other checks: {}".format(damage)
            result = replace(result, outcome=CheckOutcome.FAILED, reason=reason, defect=None, evidence="")
        self.journal.finished(result)
        if damage:
            os._exit(UNFIT)  # the host restarts the suite after this check

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self.journal.ended(int(exitstatus))
