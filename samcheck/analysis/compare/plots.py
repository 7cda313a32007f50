"""Plot files; needs the extra ``samcheck[plots]``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import matplotlib as mpl
from matplotlib import dates
from matplotlib.figure import Figure

from samcheck.analysis.compare.trend import Trend
from samcheck.storage import results

mpl.rcParams["svg.hashsalt"] = "samcheck"  # makes plot files reproducible


def history(trend: Trend, folder: Path) -> Path:
    """Plot the intervals of a number's results over time, and those of its levels, as SVG.

    Results without an interval are left out.
    """
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    when = [datetime.fromisoformat(point.when) for point in trend.points]
    for moment, point in zip(when, trend.points, strict=True):
        if point.interval is not None:
            ends = [*map(trend.plain, point.interval)]
            axes.plot([moment, moment], ends, "-o", color="#3366aa", markersize=3)
    for level in trend.levels:
        if level.interval is not None:
            low, high = map(trend.plain, level.interval)
            axes.fill_between([when[level.first], when[level.last]], low, high, color="#bb4400", alpha=0.3)
    axes.set_title(f"{trend.key.check}\n{trend.cell}", fontsize=9)
    axes.set_ylabel(trend.key.metric)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(axes.xaxis.get_major_locator()))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{results.slug(f'{trend.cell} {trend.key}')}.svg"
    figure.savefig(path, metadata={"Date": None})
    return path
