"""``samcheck claims``: public figures of SAM's speed, against what was measured."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from samcheck import facts, matrix, paths
from samcheck.analysis import claim_matching
from samcheck.analysis.claim_matching import ClaimAnswer, ClaimVerdict
from samcheck.commands.options import results_option
from samcheck.commands.plan import json_option
from samcheck.errors import BadInput
from samcheck.facts import Claim, Facts
from samcheck.facts.target_machine import NO_GPU
from samcheck.sanitize import printable
from samcheck.storage import results as stored_results
from samcheck.suggestions import did_you_mean
from samcheck.units import counted

NOT_STATED = "not stated"


@click.command("claims")
@click.option("--gpu", default="", metavar="NAME", help="Only claims about this GPU, e.g. A100.")
@json_option
@results_option
def claims_command(gpu: str, as_json: bool, results: Path) -> None:
    """List public figures of SAM's speed, how to try each here, and the ratio where a result matches.

    A ratio is measured time over claimed time. It is given only where the source states everything that the
    time depends on, and a stored result agrees with it.
    """
    known = facts.load()
    wanted = _about(gpu, known)
    unreadable: list[stored_results.UnreadableFile] = []
    measured = claim_matching.benchmarks(stored_results.stream(results, unreadable))
    for file in unreadable:
        click.echo(f"samcheck: {file}", err=True)
    cells = _cells(known)
    answers = [claim_matching.answer(claim, known, measured, cells) for claim in wanted]
    if as_json:
        click.echo(json.dumps([_as_json(answer) for answer in answers], indent=1))
        return
    for answer in answers:
        for line in _lines(answer):
            click.echo(line)
    click.echo(_summary(answers))


def _about(gpu: str, known: Facts) -> tuple[Claim, ...]:
    """The claims about a GPU, or all.

    Raises:
        BadInput: the facts do not list it.
    """
    if not gpu:
        return known.claims
    model = known.gpu_called(gpu)
    if model is None:
        hint = did_you_mean(gpu, [row.name for row in known.gpus]) or "`samcheck facts gpus` lists them"
        raise BadInput(f"the facts list no GPU {printable(gpu)!r}: {hint}")
    return tuple(claim for claim in known.claims if claim.gpu and known.gpu(claim.gpu) == model)


def _cells(known: Facts) -> list[tuple[str, str]]:
    """PyTorch and id of the cells that `samcheck cell` runs on a GPU; this machine is not asked for one."""
    plans = matrix.shipped(paths.MATRICES, known, NO_GPU)
    rows = (row.cell for plan in plans for row in plan.cells)
    return [(cell.torch, cell.id) for cell in rows if cell.cuda != "cpu"]


def _lines(answer: ClaimAnswer) -> Iterator[str]:
    claim = answer.claim
    what = " ".join(filter(None, (claim.model, claim.variant)))
    yield f"{claim.id}: {what}, {claim.stage}: {claim.figure:g} {claim.unit}"
    yield f"  must match: {_needed(answer)}"
    if answer.command:
        yield f"  try: {answer.command}"
    if answer.verdict is not ClaimVerdict.MATCHED:
        yield f"  unmatched: {printable(answer.reason)}"
    for found in answer.ratios:
        yield f"  {printable(found.result)}: {_ratio(found)}"
    yield f"  from {claim.by}: {', '.join(claim.source)}" + (f" ({claim.note})" if claim.note else "")


def _needed(answer: ClaimAnswer) -> str:
    stated = ", ".join(f"{name} {text}" for name, text in answer.must_match.items() if text)
    unstated = ", ".join(name for name, text in answer.must_match.items() if not text)
    return "; ".join([stated] * bool(stated) + [f"{NOT_STATED}: {unstated}"] * bool(unstated))


def _ratio(found: claim_matching.ClaimRatio) -> str:
    if found.ratio is None or found.milliseconds is None:
        return found.because
    return "{:.4g} to {:.4g} ms, {:.2f} to {:.2f} times as long as claimed".format(
        *found.milliseconds, *found.ratio
    )


def _summary(answers: list[ClaimAnswer]) -> str:
    count = Counter(answer.verdict for answer in answers)
    verdicts = ", ".join(f"{count[verdict]} {verdict}" for verdict in ClaimVerdict if count[verdict])
    end = "; samcheck facts sources ID shows a source" if answers else ""
    return counted(len(answers), "claim") + (f": {verdicts}" if verdicts else "") + end


def _as_json(answer: ClaimAnswer) -> dict[str, Any]:
    """Return an answer as JSON: null is what the source does not state."""
    fields = {name: value or None for name, value in answer.claim.model_dump(mode="json").items()}
    return {
        "id": answer.claim.id,
        **fields,
        "verdict": answer.verdict,
        "reason": answer.reason or None,
        "command": answer.command or None,
        "must_match": {name: text or None for name, text in answer.must_match.items()},
        "ratios": [asdict(found) for found in answer.ratios],
    }
