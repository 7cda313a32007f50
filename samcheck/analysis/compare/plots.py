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
    """Plot a number's results over time, with its levels, as SVG."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    when = [datetime.fromisoformat(point.when) for point in trend.points]
    axes.plot(
        when, [trend.plain(point.value) for point in trend.points], "o", color="#3366aa", label="result"
    )
    for level in trend.levels:
        ends = [when[level.first], when[level.last]]
        axes.plot(ends, [trend.plain(level.mean)] * 2, "-", color="#bb4400", linewidth=2)
    axes.set_title(f"{trend.key.check}\n{trend.cell}", fontsize=9)
    axes.set_ylabel(trend.key.metric)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(axes.xaxis.get_major_locator()))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{results.slug(f'{trend.cell} {trend.key}')}.svg"
    figure.savefig(path, metadata={"Date": None})
    return path
