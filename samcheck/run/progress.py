"""The progress of a running matrix: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.table import Column

from samcheck import streams
from samcheck.guest.node_ids import short_name
from samcheck.guest.outcomes import CellOutcome
from samcheck.guest.record import CellResult
from samcheck.sanitize import harmless, visible

#: Share of a cell's bar for building its environment; the rest is for its checks.
PREPARE_SHARE = 40.0
CELL_SHARE = 100.0
LINE_SECONDS = 15.0

STYLES = {
    CellOutcome.PASSED: "green",
    CellOutcome.BUILD_FAILED: "yellow",
    CellOutcome.NOT_RUN: "yellow",
    CellOutcome.REFUSED: "yellow",
}


#: Maximum characters shown of a check's name.
NAME = 200


class Terminal(Console):
    """A console that neutralizes control characters in text: guest output cannot move the cursor, say.

    rich moves it in separate control segments.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=harmless(segment.text))


def terminal(stderr: bool = False, width: int | None = None) -> Terminal:
    """Return the console on standard output or standard error; colours and bars bypass text cleaning."""
    stream = sys.stderr if stderr else sys.stdout
    past = stream.past() if isinstance(stream, streams.Stream) else None
    return Terminal(file=past, stderr=stderr, width=width)  # type: ignore[arg-type]


class CellDisplay(Protocol):
    """The display of one cell."""

    def phase(self, name: str) -> None: ...

    def checks(self, done: int, total: int, current: str) -> None: ...

    def first_verdict(self, text: str) -> None: ...

    def finished(self, result: CellResult) -> None: ...


class Display(Protocol):
    """The display of a run; cells may run side by side."""

    def cell(self, id: str) -> CellDisplay: ...


@contextmanager
def display(console: Console, cells: int) -> Iterator[Display]:
    """Open a live display on a terminal, else plain lines."""
    if not console.is_terminal:
        yield PlainDisplay(console, cells)
        return
    live = LiveDisplay(console, cells)
    with live.bar:
        yield live


def summary(result: CellResult) -> str:
    """Summarize a finished cell in one line: outcome, counts by outcome, times, reason; all made harmless."""
    counts: dict[str, int] = {}
    for check in result.checks:
        counts[check.outcome] = counts.get(check.outcome, 0) + 1
    parts = [f"{number} {outcome}" for outcome, number in sorted(counts.items())]
    times = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in result.phases.items())
    text = f"{result.cell.id}: {result.outcome}"
    if parts:
        text += f" ({', '.join(parts)})"
    if times:
        text += f" [{times}]"
    return visible(f"{text}: {result.reason}" if result.reason else text)


class PlainDisplay:
    """One line per step, and one every few seconds while checks run."""

    def __init__(self, console: Console, cells: int) -> None:
        self.console = console
        self.cells = cells
        self._begun = 0

    def cell(self, id: str) -> CellDisplay:
        self._begun += 1
        return _PlainCell(self, self._begun, id)


class _PlainCell:
    def __init__(self, display: PlainDisplay, number: int, id: str) -> None:
        self._display = display
        self._head = f"[{number}/{display.cells}] "
        self._id = id
        self._last = 0.0

    def _say(self, text: str) -> None:
        self._last = time.monotonic()
        self._display.console.print(self._head + text, markup=False, highlight=False, soft_wrap=True)

    def phase(self, name: str) -> None:
        self._say(f"{self._id}: {name}")

    def checks(self, done: int, total: int, current: str) -> None:
        if time.monotonic() - self._last > LINE_SECONDS:
            now = f", now {visible(current, NAME)}" if current else ""
            self._say(f"{self._id}: {done}/{total} checks{now}")

    def first_verdict(self, text: str) -> None:
        self._say(f"{self._id}: {visible(text)}")

    def finished(self, result: CellResult) -> None:
        self._say(summary(result))


class LiveDisplay:
    """A bar over all cells with the current check and the time left."""

    def __init__(self, console: Console, cells: int) -> None:
        self.console = console
        self.cells = cells
        self._shares: dict[int, float] = {}
        self.bar = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=12),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
            TextColumn("left"),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            # On a narrow terminal, only the check's name is truncated.
            TextColumn(
                "[dim]{task.fields[now]}",
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            console=console,
            expand=True,
        )
        self._task = self.bar.add_task("", total=cells * CELL_SHARE, now="")

    def cell(self, id: str) -> CellDisplay:
        cell_display = _LiveCell(self, len(self._shares) + 1, id)
        cell_display.at(0.0, "")
        return cell_display

    def update(self, number: int, id: str, share: float, now: str) -> None:
        """Show one cell's progress in the bar over all cells."""
        self._shares[number] = share
        self.bar.update(
            self._task,
            description=f"{number}/{self.cells} {escape(id)}",
            completed=sum(self._shares.values()),
            now=escape(visible(now, NAME)),
        )


class _LiveCell:
    def __init__(self, display: LiveDisplay, number: int, id: str) -> None:
        self._display = display
        self._number = number
        self._id = id

    def at(self, share: float, now: str) -> None:
        self._display.update(self._number, self._id, share, now)

    def phase(self, name: str) -> None:
        self.at(PREPARE_SHARE if name != "prepare" else 0.0, name)

    def checks(self, done: int, total: int, current: str) -> None:
        share = PREPARE_SHARE + (CELL_SHARE - PREPARE_SHARE) * done / max(total, 1)
        self.at(share, f"{done}/{total} {short_name(current)}")

    def first_verdict(self, text: str) -> None:
        self._display.console.print(f"{self._id}: {visible(text)}", markup=False, highlight=False)

    def finished(self, result: CellResult) -> None:
        self.at(CELL_SHARE, "")
        style = STYLES.get(result.outcome, "red")
        self._display.console.print(summary(result), style=style, markup=False, highlight=False)
