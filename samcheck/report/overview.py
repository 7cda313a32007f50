"""What a reader wants to know first of all machines: how much works there, with what, how old that is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from samcheck.cells import DEFAULT_PACKAGE
from samcheck.report.environment_rows import age_of, columns_of, environment_rows, untried_share
from samcheck.report.escaping import escape, grid
from samcheck.report.table_rows import TableRow, by_package

HEADS = ("machine", "driver", "package", "environments that work", "PyTorch", "results of", "never tried")
#: What folders that samcheck made are called.
_PLAIN = re.compile(r"[a-z0-9.-]+")


def lines(machines: Sequence[tuple[str, str, Sequence[TableRow]]]) -> list[str]:
    """A table with a row for each machine, whose results stand in the order of their versions."""
    if not machines:
        return []
    body = [
        _machine(device, driver, package, mine)
        for device, driver, rows in machines
        for package, mine in by_package(rows)
    ]
    return [*grid(HEADS, body), "", _gpus(machines), ""]


def _machine(device: str, driver: str, package: str, rows: Sequence[TableRow]) -> list[str]:
    environments = environment_rows(rows)
    whole = [environment for environment in environments if environment.is_whole]
    good = [environment for environment in whole if environment.works]
    torches = list(dict.fromkeys(environment.latest.cell.torch for environment in good))
    sign = "✓ " if good and len(good) == len(whole) else ""
    return [
        _link(device, heading(device, driver, package)),
        escape(driver),
        escape(package),
        f"{sign}{len(good)} of {len(whole)}" if whole else "none was run whole",
        escape(" to ".join(dict.fromkeys((torches[0], torches[-1])))) if torches else "–",
        escape(age_of(environments)),
        f"{100 * untried_share(environments, columns_of(environments)):.0f} % of fields",
    ]


def _gpus(machines: Sequence[tuple[str, str, Sequence[TableRow]]]) -> str:
    """What was measured on a GPU."""
    gpus = {
        row.result.observed.gpu or device
        for device, _, rows in machines
        for row in rows
        if row.result.observed and row.result.observed.device == "cuda"
    }
    return f"Measured on a GPU: {escape(', '.join(sorted(gpus))) if gpus else 'nothing so far'}."


def heading(device: str, driver: str, package: str) -> str:
    """The heading of a section."""
    of_package = "" if package == DEFAULT_PACKAGE else f", {package}"
    return f"{device}, driver {driver}{of_package}"


def _link(device: str, heading: str) -> str:
    """To the section with a heading, by the name that GitHub gives to it."""
    words = heading.replace(",", "").split(" ")
    if not all(_PLAIN.fullmatch(word) for word in words):
        return escape(device)
    return f"[{device}](#{'-'.join(words).replace('.', '')})"
