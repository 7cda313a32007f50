"""``samcheck history``: show how the numbers of a cell changed over its results in git."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from pathlib import Path

import click

from samcheck.analysis.compare import git_history, noise, trend
from samcheck.analysis.compare.trend import Level, Trend
from samcheck.commands.options import Count, results_option
from samcheck.errors import BadInput, EmptySelection


@click.command("history")
@click.argument("pattern", default="*")
@click.option("--check", default="*", metavar="PATTERN", help="Only numbers whose name matches.")
@click.option(
    "--commits", type=Count(), default=200, show_default=True, help="Number of commits to look back."
)
@click.option("--changed", is_flag=True, help="Only numbers whose level changed.")
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
        if fnmatch.fnmatch(number.cell, pattern) and fnmatch.fnmatch(str(number.key), f"*{check}*")
    ]
    if not fitting:
        raise EmptySelection(
            f"no matching number has {trend.FEWEST} results in the last {commits} commits to {results}"
        )
    shown_numbers = [number for number in fitting if len(number.levels) > 1 or not changed]
    for number in shown_numbers:
        for line in lines(number):
            click.echo(line)
    if not shown_numbers:
        click.echo(f"none of {len(fitting)} numbers changed level")
    if plots is not None:
        _plot(shown_numbers, plots)


def lines(number: Trend) -> Iterator[str]:
    """Yield a number's levels, one line each."""
    levels = "1 level" if len(number.levels) == 1 else f"{len(number.levels)} levels"
    yield f"{number.cell}: {number.key}: {len(number.points)} results, {levels}"
    for level in number.levels:
        since, until = number.points[level.first].when[:10], number.points[level.last].when[:10]
        count = level.last - level.first + 1
        what = (
            f"{since} to {until}, {count} {'result' if count == 1 else 'results'}: {number.shown(level.mean)}"
        )
        yield f"  {what}{_change(number, level)}"


def _change(number: Trend, level: Level) -> str:
    if not level.first:
        return ""
    word = "worse" if level.change * number.family.worse > 0 else "better"
    return f", {number.family.shown(level.change)}, {word}"


def _plot(numbers: list[Trend], folder: Path) -> None:
    try:
        from samcheck.analysis.compare import plots
    except ImportError as error:
        raise BadInput(f"--plots needs {error.name}: install samcheck[plots]") from None
    for number in numbers:
        click.echo(f"plot: {plots.history(number, folder)}")
