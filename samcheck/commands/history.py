"""``samcheck history``: how the numbers of a cell went over its results in git."""

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
@click.option("--check", default="*", metavar="PATTERN", help="Only numbers whose name fits.")
@click.option("--commits", type=Count(), default=200, show_default=True, help="So far back.")
@click.option("--changed", is_flag=True, help="Only numbers whose level changed.")
@click.option(
    "--plots", type=click.Path(file_okay=False, path_type=Path), help="A plot of each number, here."
)
@results_option
def history_command(
    pattern: str, check: str, commits: int, changed: bool, plots: Path | None, results: Path
) -> None:
    """Levels of each number over the results that git keeps of the cells that fit PATTERN."""
    found = [
        each
        for each in trend.trends(git_history.versions(results, commits), noise.known_in(results))
        if fnmatch.fnmatch(each.cell, pattern) and fnmatch.fnmatch(str(each.key), f"*{check}*")
    ]
    if not found:
        raise EmptySelection(
            f"no number that fits has {trend.FEWEST} results in the last {commits} commits to {results}"
        )
    told = [each for each in found if len(each.levels) > 1 or not changed]
    for each in told:
        for line in lines(each):
            click.echo(line)
    if not told:
        click.echo(f"none of {len(found)} numbers changed its level")
    if plots is not None:
        _plot(told, plots)


def lines(found: Trend) -> Iterator[str]:
    """A number's levels, one line each."""
    levels = "1 level" if len(found.levels) == 1 else f"{len(found.levels)} levels"
    yield f"{found.cell}: {found.key}: {len(found.points)} results, {levels}"
    for level in found.levels:
        since, until = found.points[level.first].when[:10], found.points[level.last].when[:10]
        count = level.last - level.first + 1
        what = (
            f"{since} to {until}, {count} {'result' if count == 1 else 'results'}: {found.shown(level.mean)}"
        )
        yield f"  {what}{_change(found, level)}"


def _change(found: Trend, level: Level) -> str:
    if not level.first:
        return ""
    word = "worse" if level.change * found.family.worse > 0 else "better"
    return f", {found.family.shown(level.change)}, {word}"


def _plot(found: list[Trend], folder: Path) -> None:
    try:
        from samcheck.analysis.compare import plots
    except ImportError as error:
        raise BadInput(f"--plots needs {error.name}: install samcheck[plots]") from None
    for each in found:
        click.echo(f"plot: {plots.history(each, folder)}")
