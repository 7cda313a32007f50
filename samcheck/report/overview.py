"""What a reader wants to know first of all machines: how much works there, with what, how old that is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from samcheck.report.environment_rows import age_of, columns_of, environment_rows, untried_share
from samcheck.report.escaping import escape, grid
from samcheck.report.table_rows import TableRow

HEADS = ("machine", "driver", "environments that work", "PyTorch", "results of", "never tried")
#: What folders that samcheck made are called.
_PLAIN = re.compile(r"[a-z0-9.-]+")


def lines(machines: Sequence[tuple[str, str, Sequence[TableRow]]]) -> list[str]:
    """A table with a row for each machine, whose results stand in the order of their versions."""
    if not machines:
        return []
    return [*grid(HEADS, [_machine(*machine) for machine in machines]), "", _gpus(machines), ""]


def _machine(device: str, driver: str, rows: Sequence[TableRow]) -> list[str]:
    environments = environment_rows(rows)
    whole = [environment for environment in environments if environment.is_whole]
    good = [environment for environment in whole if environment.works]
    torches = list(dict.fromkeys(environment.latest.cell.torch for environment in good))
    sign = "✓ " if good and len(good) == len(whole) else ""
    return [
        _link(device, driver),
        escape(driver),
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


def _link(device: str, driver: str) -> str:
    """To the machine's section, by the name that GitHub gives to its heading."""
    if not (_PLAIN.fullmatch(device) and _PLAIN.fullmatch(driver)):
        return escape(device)
    return f"[{device}](#{f'{device}-driver-{driver}'.replace('.', '')})"
