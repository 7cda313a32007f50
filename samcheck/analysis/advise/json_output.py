"""An answer as JSON (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from samcheck.analysis.advise import contents_text
from samcheck.analysis.advise.advice_text import place
from samcheck.analysis.advise.evidence import Evidence
from samcheck.analysis.advise.outline import OutlineLine
from samcheck.analysis.advise.result_comparison import EvidencePair, regressions
from samcheck.analysis.advise.summary import UpgradeAnswer
from samcheck.analysis.advise.verdict import Advice
from samcheck.matrix.plan_text import obstacle_json


def as_json(answer: UpgradeAnswer, commands: Sequence[OutlineLine]) -> dict[str, Any]:
    """Return the answer as JSON."""
    question = answer.question
    change = answer.advices[0].change
    contents = question.contents
    return {
        "headline": answer.headline,
        "exit_code": answer.exit_code,
        "changes": {axis: {"from": step.old, "to": step.new} for axis, step in question.steps.items()},
        **({"contents": contents_text.as_json(contents, (change.before, change.after))} if contents else {}),
        "machine": str(question.after),
        "cells": [_advice_json(advice) for advice in answer.advices],
        "to_run": [{"cell": run.cell.id, "remark": run.remark} for run in answer.to_run],
        "to_compare": [cell.id for cell in answer.to_compare],
        "beside_driver": list(answer.beside_driver),
        "commands": [line.text for line in commands],
    }


def _advice_json(advice: Advice) -> dict[str, Any]:
    return {
        "before": advice.change.before.id,
        "after": advice.change.after.id,
        "basis": advice.basis,
        "verdict": advice.verdict,
        "measured": {
            "before": [_evidence_json(evidence) for evidence in advice.before],
            "after": [_evidence_json(evidence) for evidence in advice.after],
            "changes": [_pair_json(pair) for pair in advice.pairs if not pair.nearby],
        },
        "nearby": {
            "result": _evidence_json(advice.nearby) if advice.nearby else None,
            "changes": [_pair_json(pair) for pair in advice.pairs if pair.nearby],
        },
        "predicted": {
            "against": [obstacle_json(obstacle) for obstacle in advice.facts],
            "against_before": [obstacle_json(obstacle) for obstacle in advice.facts_before],
            "for": [obstacle_json(obstacle) for obstacle in advice.grounds],
            "along": list(advice.implied_changes),
            "remedies": [{"text": remedy.text, "cell": remedy.cell.id} for remedy in advice.remedies],
            "instead": list(advice.alternatives),
        },
    }


def _evidence_json(evidence: Evidence) -> dict[str, Any]:
    result = evidence.result
    return {
        "file": place(evidence.stored.path),
        "device": evidence.stored.device,
        "driver": evidence.stored.driver,
        "outcome": result.outcome,
        "reason": result.reason,
        "finished": result.finished,
        "samcheck": result.samcheck,
        "differs": list(evidence.differs),
        "overruled": [
            {"file": place(older.path), "outcome": older.result.outcome, "finished": older.result.finished}
            for older in evidence.overruled
        ],
    }


def _pair_json(pair: EvidencePair) -> dict[str, Any]:
    return {
        "base": place(pair.base.stored.path),
        "new": place(pair.new.stored.path),
        "outcomes": [asdict(change) for change in pair.comparison.changes],
        "regressed": [str(verdict.key) for verdict in regressions(pair.comparison)],
        "notes": list(pair.comparison.notes),
    }
