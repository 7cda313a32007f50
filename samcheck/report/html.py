"""The page: one HTML file with all results in it, which needs no network and no server."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from samcheck import __version__, files, measurable
from samcheck.errors import BadInput
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import BACKEND_NAMES, GROUP_NAMES, PRECISION_NAMES
from samcheck.guest.variant_names import VARIANT_TIERS
from samcheck.report import memory_curves, page_data, page_size
from samcheck.report.fields import SEVERITY, SYMBOLS
from samcheck.storage import results

PAGE = "index.html"
ASSETS = Path(__file__).parent / "assets"
LIBRARIES = ("d3", "plot", "slickgrid")
#: In the order in which they need each other.
SCRIPTS = (
    "dom", "data", "state", "filter", "sort", "grid", "runs", "causes", "defects", "alike", "summary",
    "facets", "fields", "environments", "checks", "pairs", "changes", "compare", "plots", "times",
    "timings", "memory", "past", "evidence", "details", "main",
)  # fmt: skip
STYLES = ("vendor/slickgrid.css", "page/page.css", "page/views.css", "page/grid.css")


def write(path: Path, folders: Sequence[Path], older: Iterable[results.Stored] = ()) -> page_data.Packed:
    """Write all in the stores `folders`, and `older`, to `path`; several runs of a cell are its history.

    Raises:
        BadInput: a folder is not there, no file in them is a result, or there are too many.
    """
    for folder in folders:
        if not folder.is_dir():
            raise BadInput(f"{folder}: no such folder: name folders with results in them, such as results/")
    now = datetime.now(UTC)
    paths = [path for folder in folders for path in results.result_files(folder)]
    older = [*older]
    problems: list[str] = []

    def all_results() -> Iterator[results.Stored]:
        unreadable: list[results.UnreadableFile] = []
        yield from _unique(chain(results.read_all(paths, unreadable), older))
        problems[:] = map(str, unreadable)

    packed = page_size.pack_to_fit(all_results, _meta(now, problems), _blocks_without_room(paths))
    if not packed.results:
        nothing = f"no results in {', '.join(map(str, folders))}: run `nox -s matrix` first"
        raise BadInput("\n".join([nothing, *problems]))
    files.write_atomically(path, render(packed, now).encode())
    return packed


def _blocks_without_room(paths: Sequence[Path]) -> tuple[str, ...]:
    """Blocks that so many results have no room for, which is not worth a look where there are few."""
    if len(paths) <= 10 * page_size.SAMPLE:
        return ()
    sample = paths[:: len(paths) // page_size.SAMPLE]
    return page_size.blocks_without_room(results.read_all(sample, []), len(sample) / len(paths))


def _unique(every: Iterable[results.Stored]) -> Iterator[results.Stored]:
    """Each run of a cell once, also where two folders hold it."""
    given = set()
    for stored in every:
        result = stored.result
        key = (stored.device, stored.driver, result.name, result.started, result.finished)
        if key not in given:
            given.add(key)
            yield stored


def _meta(now: datetime, problems: list[str]) -> dict[str, Any]:
    """What the page's scripts know of samcheck's words; `problems` may still grow."""
    return {
        "made": now.isoformat(timespec="seconds"),
        "samcheck": __version__,
        "severity": SEVERITY,
        "symbols": SYMBOLS,
        "bad": [outcome for outcome in CheckOutcome if outcome.is_bad],
        "order": {
            "group": GROUP_NAMES,
            "variant": list(VARIANT_TIERS),
            "precision": PRECISION_NAMES,
            "backend": BACKEND_NAMES,
        },
        "curves": memory_curves.curves(),
        "unmeasurable": {
            "spread": measurable.MOST_SPREAD,
            "word": measurable.UNMEASURABLE,
            "times": measurable.TIMES,
        },
        "problems": problems,
    }


def render(packed: page_data.Packed, now: datetime) -> str:
    """The page's text. Its policy allows the scripts in it by their digests, and nothing from outside."""
    scripts = [_script(f"vendor/{name}.js") for name in LIBRARIES]
    scripts += [_script(f"page/{name}.js") for name in SCRIPTS]
    digests = " ".join(f"'sha256-{_digest(text)}'" for text in scripts)
    return _template().render(
        made=f"{now:%Y-%m-%d %H:%M} UTC",
        version=__version__,
        packed=packed,
        policy=f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        styles=[Markup(_asset(name)) for name in STYLES],  # noqa: S704  our own files, not text from results
        scripts=[Markup(text) for text in scripts],  # noqa: S704  likewise
    )


def _template() -> Template:
    loader = PackageLoader("samcheck.report", "assets")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.j2")


@cache
def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _script(name: str) -> str:
    """A script as it stands in the page, and as its digest is taken."""
    text = _asset(name)
    if "</script" in text.lower() or "<!--" in text:
        raise ValueError(f"{name} cannot stand in a page: it would end its own script element")
    return f"\n{text}"


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
