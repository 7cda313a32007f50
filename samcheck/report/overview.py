"""What a reader wants to know first of all machines: how much passed there, with what, how old that is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from samcheck.guest.outcomes import CellOutcome
from samcheck.report.escaping import escape, grid, row_name
from samcheck.report.table_rows import TableRow

HEADS = ("machine", "driver", "passed", "PyTorch", "newest answer", "did not pass")
#: Environments that are named for one machine; all of them have a row below.
NAMED = 3
#: What folders that samcheck made are called.
_PLAIN = re.compile(r"[a-z0-9.-]+")


def lines(machines: Sequence[tuple[str, str, Sequence[TableRow]]]) -> list[str]:
    """A table with a row for each machine, whose results stand in the order of their versions."""
    if not machines:
        return []
    return [*grid(HEADS, [_machine(*machine) for machine in machines]), ""]


def _machine(device: str, driver: str, rows: Sequence[TableRow]) -> list[str]:
    whole = [row for row in rows if not row.result.groups]  # some groups that hold are no answer for all
    good = [row for row in whole if row.result.outcome is CellOutcome.PASSED]
    bad = [row for row in rows if row.result.outcome is not CellOutcome.PASSED]
    named = [f"✗ {row_name(row.result)}: {row.result.outcome}" for row in bad[:NAMED]]
    more = [f"and {len(bad) - NAMED} more"] if len(bad) > NAMED else []
    torches = list(dict.fromkeys(row.result.cell.torch for row in good))
    return [
        _link(device, driver),
        escape(driver),
        f"{'' if bad else '✓ '}{len(good)} of {len(whole)} environments",
        escape(" to ".join(dict.fromkeys((torches[0], torches[-1])))) if torches else "none",
        escape(max(row.result.finished for row in rows)[:10]),
        "<br>".join([*named, *more]) or "–",
    ]


def _link(device: str, driver: str) -> str:
    """To the machine's section, by the name that GitHub gives to its heading."""
    if not (_PLAIN.fullmatch(device) and _PLAIN.fullmatch(driver)):
        return escape(device)
    return f"[{device}](#{f'{device}-driver-{driver}'.replace('.', '')})"
