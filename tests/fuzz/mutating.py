"""Changes of JSON and of lines that leave most of it what it was, so that readers get past its form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

#: What may stand where something else is expected.
STRANGE: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**63, 2**64, -(2**63) - 1, 10**400, 1.5, -0.0, 1e308, 5e-324, float("nan")),
    *(float("inf"), "", " ", "nan", "x", "\x00", "\ud800", "\u202e", "../../x", "é" * 300, "passed", "1.0"),
    *("2026-11-22T12:00:00+00:00", "9" * 5000, [], {}, [[]], {"": {}}, [None], {"wall_ms": []}, {"a": [0.0]}),
)


def changed_json(content: bytes, chance: Random) -> bytes:
    """JSON with something in it replaced, repeated, renamed or left out; other bytes changed anywhere."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return changed_bytes(content, chance)
    for _ in range(chance.randint(1, 3)):
        places = list(_places(document))
        if places:
            _change(*chance.choice(places), chance)
    try:
        changed = json.dumps(document, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return content
    return changed_bytes(changed, chance) if chance.random() < 0.1 else changed


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every list or dict with each of its indices or keys."""
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if _many(document) else ()
    )
    for key, value in inside:
        yield document, key
        yield from _places(value)


def _many(value: Any) -> bool:
    return isinstance(value, list)


def _change(holder: Any, key: Any, chance: Random) -> None:
    how = chance.randrange(6)
    if how == 0:
        del holder[key]
    elif how == 1 and isinstance(holder, list):
        holder.insert(key, holder[key])
    elif how == 1:
        holder[str(chance.choice(STRANGE))[:50]] = holder.pop(key)
    elif how == 2 and isinstance(holder[key], float):
        holder[key] = holder[key] * chance.choice([-1, 0, 1e300, 1000, 1e-300])
    else:
        holder[key] = deepcopy(chance.choice(STRANGE))


#: What has a meaning in a matrix file.
WORDS = (
    *(
        "all",
        "pairwise",
        "ends",
        "auto",
        "cpu",
        "cu128",
        ">=2.4 minors",
        "newest",
        "3.12",
        "2.8.0",
        "*",
        "~=2",
    ),
    *("==2.*", "!=3", "1" * 5000, "0x" + "f" * 5000, "[" * 50, "{", "]", "=", '"', "'''", "\x00", "é", "\n"),
    *("axes.torch", "[[cell]]", "[budget]", "exclude = []", "inf", "1979-05-27", "true", "#", "."),
)


def changed_lines(content: bytes, chance: Random) -> bytes:
    """Lines left out, repeated, moved, and words in them replaced."""
    lines = content.split(b"\n")
    for _ in range(chance.randint(1, 4)):
        at, how = chance.randrange(len(lines)), chance.randrange(4)
        if how == 0 and len(lines) > 1:
            del lines[at]
        elif how == 1:
            lines.insert(at, chance.choice(lines))
        elif how == 2:
            words = lines[at].split(b" ")
            words[chance.randrange(len(words))] = chance.choice(WORDS).encode()
            lines[at] = b" ".join(words)
        else:
            name, _, value = lines[at].partition(b"=")
            lines[at] = name + b"= " + chance.choice([value, *(f'"{word}"'.encode() for word in WORDS)])
    return b"\n".join(lines)


def changed_bytes(content: bytes, chance: Random) -> bytes:
    """A few bytes replaced, left out, or repeated."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        end = at + chance.choice([0, 1, 1, 8, 100])
        changed[at:end] = chance.choice([b"", chance.randbytes(1), bytes(changed[at:end]) * 2, b"[" * 2000])
    return bytes(changed)
