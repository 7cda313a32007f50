"""Texts that break careless reports, and results with such a text in every field that can hold one.

Lone surrogates are no case: `samcheck.storage.results.read` refuses them.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, LoadedLibrary, Series
from tests.unit import made

#: What a report must show as it stands, or with its unprintable characters replaced; never obey.
TEXTS = {
    "script": "<script>alert('owned')</script>",
    "script-end": "</script></title></style><!-- <img src=x onerror=alert('owned')>",
    "attribute": "\" onmouseover=\"alert('owned')\" x='",
    "entities": "&lt;b&gt; &#124; &amp;amp; &nosuch;",
    "template": "${alert('owned')} {{7*7}} {% raw %}",
    "table": "a | b\n| --- |\n| c |",
    "backticks": "`code` ``` \n```\n~~~",
    "markdown": "# head\n- item **bold** _it_ [link](javascript:alert(1)) ![img](http://x.invalid/x.png)",
    "footnote": "[^1]: note <sup>1</sup> https://x.invalid/ @everyone #1",
    "ansi": "\x1b[31mred\x1b[0m \x1b[2J\x9b31m",
    "osc": "\x1b]8;;http://x.invalid\x07click\x1b]8;;\x07 \x1b]0;title\x07",
    "rich": "[red]bold[/red] [/] [link=http://x.invalid]x[/link] :smile: [@click=app.quit]",
    "controls": "nul\x00 bell\x07 back\x08\x08 delete\x7f form\x0c vertical\x0b",
    "newlines": "one\ntwo\r\nthree\rfour\x85five\u2028six\u2029seven",
    "bidi": "\u202eright to left\u2066 isolated\u200f \u061c",
    "invisible": "zero\u200bwidth\u2060 soft\u00adhyphen \ufeff tag\U000e0041",
    "not-xml": "\ufffe \uffff \x01 ]]> <![CDATA[ <!ENTITY x SYSTEM 'file:///etc/passwd'> &x;",
    "formula": "=cmd|' /C calc'!A0",
    "formula-plus": "+1+1",
    "formula-minus": "-2+3",
    "formula-at": "@SUM(1+1)",
    "formula-tab": "\t=1+1",
    "formula-return": "\r\n=1+1",
    "csv": '","x";"y"\n"z',
    "workflow": "100%\n::error::owned\n::set-output name=x::y\n##[error]owned%0A::warning::x",
    "shell": "$(touch owned) `touch owned` ; touch owned & touch owned | x '\" \\ !1 *",
    "path": "../../../../etc/passwd",
    "unicode": "日本語 ß é 🚀 𝔘 e\u0301",
    "blank": " \t\n ",
    "huge": "huge <b>| " * 100_000,
}

#: Where it is said how an outcome is spelled, only those spellings are read.
CLOSED = ("CheckResult.outcome", "CellResult.outcome", "CellResult.cause")

CHECKS = (
    *(
        CheckResult(
            f"test_dtype.py::test_{outcome}[tiny-fp16]",
            "dtype",
            CheckOutcome(outcome),
            variant="tiny",
            precision="fp16",
            backend="eager",
            reason="" if outcome == "passed" else f"because of {outcome}",
            defect="some-defect" if outcome in ("known", "fixed") else None,
            details="Traceback ...",
        )
        for outcome in CheckOutcome
    ),
    CheckResult(
        "test_latency.py::test_encoder[tiny-fp32]",
        "latency",
        CheckOutcome.PASSED,
        variant="tiny",
        precision="fp32",
        metrics={"median_ms": 12.34},
        settings={"device": "cpu"},
        series=[Series({"wall_ms": [12.3, 12.4]}, 2, 1, "steady", ["shared"], {"clock_mhz": 1.0})],
    ),
    CheckResult(
        "test_peaks.py::test_peak[tiny-fp32]",
        "peaks",
        CheckOutcome.PASSED,
        variant="tiny",
        precision="fp32",
        metrics={f"encode_{name}_mib": 10.0 for name in ("allocated", "held", "counted")},
    ),
    CheckResult(
        "test_recipes.py::test_corrected[tiny-half]",
        "recipes",
        CheckOutcome.PASSED,
        variant="tiny",
        settings={
            "recipe": "half",
            "title": "model.half()",
            "claim": "faster",
            "says": "recipe",
            "verdict": "works when corrected",
            "correction": "the encoder alone",
        },
        metrics={"time_ratio": 1.0, "claimed_time_ratio": 0.5},
    ),
)

#: A result with a check of every outcome, and of every kind that some report looks at more closely.
RESULT = replace(
    made.RESULT,
    outcome=CellOutcome.FAILED,
    reason="2 of 11 checks failed",
    observed=replace(made.SEEN, libraries={"cublas": LoadedLibrary("12.1.3", "/usr/lib/libcublas.so.12")}),
    weights={"tiny": "trained"},
    phases={"run": 3.0},
    checks=list(CHECKS),
)


def planted(text: str, result: CellResult = RESULT) -> CellResult:
    """`result` with `text` in every string field at once, absent ones and keys included."""
    planted = _planted(CellResult, result, text, None)
    assert isinstance(planted, CellResult)
    return planted


def planted_singly(text: str, result: CellResult = RESULT) -> Iterator[tuple[str, CellResult]]:
    """For each string field, its name as ``CheckResult.reason`` and `result` with `text` in it alone.

    What a report does with a field may hang on another one, so that `planted` does not reach all of it.
    """
    for name in sorted(set(_string_fields(CellResult)) - set(CLOSED)):
        yield name, _planted(CellResult, result, text, name)


def _string_fields(shape: Any) -> Iterator[str]:
    for name, kind in typing.get_type_hints(shape).items():
        inner = [part for part in (kind, *typing.get_args(kind)) if is_dataclass(part)]
        yield from (field for part in inner for field in _string_fields(part))
        if (not inner or typing.get_origin(kind) is dict) and str in (kind, *typing.get_args(kind)):
            yield f"{shape.__name__}.{name}"


def _planted(shape: Any, value: Any, text: str, only: str | None) -> Any:
    hints = typing.get_type_hints(shape)
    changed: dict[str, Any] = {}
    for field in fields(shape):
        name, old = f"{shape.__name__}.{field.name}", getattr(value, field.name)
        kind = hints[field.name]
        inner = [part for part in (kind, *typing.get_args(kind)) if is_dataclass(part)]
        if inner and isinstance(old, list):
            changed[field.name] = [_planted(inner[0], value, text, only) for value in old]
        elif inner and isinstance(old, dict):
            held = {key: _planted(inner[0], value, text, only) for key, value in old.items()}
            keyed = {text: next(iter(held.values()))} if only in (None, name) else {}
            changed[field.name] = {**held, **keyed}
        elif inner and old is not None:
            changed[field.name] = _planted(inner[0], old, text, only)
        elif not inner and name not in CLOSED and only in (None, name):
            changed[field.name] = _in_place(kind, old, text)
    return replace(value, **changed)


def _in_place(kind: Any, old: Any, text: str) -> Any:
    """`text` where `kind` takes one: as the value, as an item, or as a key beside those that are there."""
    parts = typing.get_args(kind)
    if kind is str or (type(None) in parts and str in parts):
        return text
    if kind == list[str] or kind == typing.List[str]:  # noqa: UP006  as the guest writes it
        return [text] * (len(old) + 1)
    if parts and parts[0] is str:
        held = {str: text, float: 1.0}.get(parts[1], [1.0])
        return {**(dict.fromkeys(old, text) if parts[1] is str else old), text: held}
    return old
