"""``samcheck history``: show how the numbers of a cell changed over its results in git."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from pathlib import Path

import click

from samcheck import units
from samcheck.analysis.compare import git_history, grouping, noise, trend, verdicts
from samcheck.analysis.compare.trend import Excluded, Trend
from samcheck.analysis.compare.verdicts import Verdict
from samcheck.commands.options import Count, results_option
from samcheck.errors import BadInput, EmptySelection


@click.command("history")
@click.argument("pattern", default="*")
@click.option("--check", default="*", metavar="PATTERN", help="Only numbers whose name matches.")
@click.option(
    "--commits", type=Count(), default=200, show_default=True, help="Number of commits to look back."
)
@click.option("--changed", is_flag=True, help="Only numbers that regressed or improved.")
@click.option(
    "--plots",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a plot of each number to this folder.",
)
@results_option
def history_command(
    pattern: str, check: str, commits: int, changed: bool, plots: Path | None, results: Path
) -> None:
    """Show the levels of each number in the git history of the cells that match PATTERN."""
    fitting = [
        number
        for number in trend.trends(git_history.versions(results, commits), noise.known_in(results))
        if _is_of(number.cell, pattern) and fnmatch.fnmatch(str(number.key), f"*{check}*")
    ]
    if not fitting:
        raise EmptySelection(
            f"no matching number has {trend.FEWEST} comparable results in the last {commits} commits to "
            f"{results}"
        )
    shown_numbers = [number for number in fitting if number.changed or not changed]
    for number in shown_numbers:
        for line in lines(number):
            click.echo(line)
    if not shown_numbers:
        click.echo(f"no level of {units.counted(len(fitting), 'number')} regressed or improved")
    if any(verdict.assumed for number in shown_numbers for verdict in number.verdicts):
        click.echo(f"note: {verdicts.NOISE_ASSUMED}")
    if plots is not None:
        _plot(shown_numbers, plots)


def _is_of(cell: str, pattern: str) -> bool:
    """Whether a cell matches, with or without the device that is named where there are several."""
    return fnmatch.fnmatch(cell, pattern) or fnmatch.fnmatch(cell.partition(" on ")[0], pattern)


def lines(number: Trend) -> Iterator[str]:
    """Yield a number's levels, one line each."""
    levels = units.counted(len(number.levels), "level")
    yield f"{number.cell}: {number.key}: {len(number.points)} results, {levels}"
    yield from _left_out(number.left_out)
    for level in number.levels:
        since, until = number.points[level.first].when[:10], number.points[level.last].when[:10]
        count = level.last - level.first + 1
        what = f"{since} to {until}, {units.counted(count, 'result')}: {number.shown(level)}"
        yield f"  {what}{_change(level.verdict)}"


def _left_out(left_out: Excluded) -> Iterator[str]:
    parts = []
    if left_out.disturbed:
        parts.append(units.counted(left_out.disturbed, "disturbed process", "disturbed processes"))
    if left_out.incomparable:
        count = units.counted(left_out.incomparable, "result")
        parts.append(f"{count} under other conditions ({' or '.join(left_out.because)})")
    if parts:
        yield f"  left out: {'; '.join(parts)}"


def _change(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    effect = grouping.effect([verdict])
    reason = f": {verdict.reason}" if verdict.interval is None and verdict.reason else ""
    return f"; {f'{verdict.verdict} {effect}'.strip()}{reason}"


def _plot(numbers: list[Trend], folder: Path) -> None:
    try:
        from samcheck.analysis.compare import plots
    except ImportError as error:
        raise BadInput(f"--plots needs {error.name}: install samcheck[plots]") from None
    for number in numbers:
        click.echo(f"plot: {plots.history(number, folder)}")
