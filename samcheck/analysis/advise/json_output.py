"""An answer for programs (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from samcheck.analysis.advise.advice_text import place
from samcheck.analysis.advise.evidence import Evidence
from samcheck.analysis.advise.result_comparison import ResultComparison, slower
from samcheck.analysis.advise.summary import UpgradeAnswer
from samcheck.analysis.advise.verdict import Advice
from samcheck.matrix.plan_text import obstacle_json


def as_json(answer: UpgradeAnswer, commands: Sequence[str]) -> dict[str, Any]:
    """For programs."""
    question = answer.question
    return {
        "headline": answer.headline,
        "exit_code": answer.exit_code,
        "subject": question.subject,
        "from": question.old,
        "to": question.new,
        "machine": str(question.after),
        "cells": [_advice_json(each) for each in answer.advices],
        "to_run": [{"cell": run.cell.id, "remark": run.remark} for run in answer.to_run],
        "to_compare": [cell.id for cell in answer.to_compare],
        "commands": list(commands),
    }


def _advice_json(advice: Advice) -> dict[str, Any]:
    return {
        "before": advice.step.before.id,
        "after": advice.step.after.id,
        "basis": advice.basis,
        "verdict": advice.verdict,
        "measured": {
            "before": [_evidence_json(each) for each in advice.before],
            "after": [_evidence_json(each) for each in advice.after],
            "changes": [_changed_json(each) for each in advice.changed if not each.nearby],
        },
        "nearby": {
            "result": _evidence_json(advice.nearby) if advice.nearby else None,
            "changes": [_changed_json(each) for each in advice.changed if each.nearby],
        },
        "predicted": {
            "against": [obstacle_json(each) for each in advice.facts],
            "against_before": [obstacle_json(each) for each in advice.facts_before],
            "for": [obstacle_json(each) for each in advice.grounds],
            "along": list(advice.along),
            "remedies": [{"text": each.text, "cell": each.cell.id} for each in advice.remedies],
            "instead": list(advice.instead),
        },
    }


def _evidence_json(each: Evidence) -> dict[str, Any]:
    result = each.result
    return {
        "file": place(each.stored.path),
        "device": each.stored.device,
        "driver": each.stored.driver,
        "outcome": result.outcome,
        "reason": result.reason,
        "finished": result.finished,
        "samcheck": result.samcheck,
        "differs": list(each.differs),
        "overruled": [
            {"file": place(one.path), "outcome": one.result.outcome, "finished": one.result.finished}
            for one in each.overruled
        ],
    }


def _changed_json(each: ResultComparison) -> dict[str, Any]:
    return {
        "base": place(each.base.stored.path),
        "new": place(each.new.stored.path),
        "outcomes": [asdict(change) for change in each.found.changes],
        "regressed": [str(verdict.key) for verdict in slower(each.found)],
        "notes": list(each.found.notes),
    }
