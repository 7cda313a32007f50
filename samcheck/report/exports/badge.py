"""A badge in SVG, for a README: a local file, without a service behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import IO
from xml.etree import ElementTree

from samcheck.guest.outcomes import CellOutcome
from samcheck.storage.results import Stored, UnreadableFile

LABEL = "SAM"
#: Dark enough for white text (contrast 4.5 and more).
LABEL_COLOUR, PASSED, MIXED, FAILED = "#444d56", "#1a7f37", "#9a6700", "#b42318"
UNKNOWN = "#57606a"
HEIGHT, PADDING = 20, 6
#: Of a character in the font below, on average; `textLength` makes it so.
CHARACTER = 6.6


def write(results: Iterable[Stored], unreadable: Sequence[UnreadableFile], stream: IO[bytes]) -> None:
    """``SAM | 9/10 cells passed``; files that are no results count as cells that did not pass.

    Some groups of checks that held are no cell that passed.
    """
    some = False
    outcomes = []
    for stored in results:
        some = True
        if stored.result.outcome is not CellOutcome.PASSED or not stored.result.groups:
            outcomes.append(stored.result.outcome)
    nothing = "no cell was run whole" if some else "no results"
    stream.write(svg(outcomes.count(CellOutcome.PASSED), len(outcomes) + len(unreadable), nothing))


def svg(passed: int, total: int, nothing: str = "no results") -> bytes:
    """The badge, which a screen reader reads out as its text.

    Args:
        nothing: the text if there is no cell to count.
    """
    message = f"{passed}/{total} cells passed" if total else nothing
    colour = UNKNOWN if not total else PASSED if passed == total else MIXED if passed else FAILED
    left, right = _width(LABEL), _width(message)
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": str(left + right),
            "height": str(HEIGHT),
            "role": "img",
            "aria-label": f"{LABEL}: {message}",
        },
    )
    ElementTree.SubElement(root, "title").text = f"{LABEL}: {message}"
    _part(root, 0, left, LABEL_COLOUR, LABEL)
    _part(root, left, right, colour, message)
    return f"{ElementTree.tostring(root, encoding='unicode')}\n".encode()


def _width(text: str) -> int:
    return round(len(text) * CHARACTER) + 2 * PADDING


def _part(root: ElementTree.Element, x: int, width: int, colour: str, text: str) -> None:
    box = {"x": str(x), "width": str(width), "height": str(HEIGHT), "fill": colour}
    ElementTree.SubElement(root, "rect", box)
    style = {"x": str(x + PADDING), "y": "14", "fill": "#fff", "textLength": str(width - 2 * PADDING)}
    font = {"font-family": "Verdana,DejaVu Sans,sans-serif", "font-size": "11"}
    ElementTree.SubElement(root, "text", {**style, **font}).text = text
