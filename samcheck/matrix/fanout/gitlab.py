"""GitLab CI: a child pipeline, triggered by the job that `samcheck init` writes."""

from __future__ import annotations

from typing import Any

from samcheck.matrix.fanout.pipeline import MERGE, MERGE_MINUTES, MERGED, Job, Pipeline, command, to_yaml

#: GitLab refuses longer `needs`, unless an administrator raised the limit (`ci_needs_size_limit`).
MAXIMUM_NEEDS = 50


def render(pipeline: Pipeline) -> str:
    """Render the child pipeline as YAML: one job per shard, and ``merge`` after all of them."""
    document: dict[str, Any] = {
        # Otherwise it has no jobs if the parent runs for a merge request.
        "workflow": {"rules": [{"when": "always"}]},
        "stages": ["check", "merge"],
        # For runners that use images; others use their own Python.
        "default": {"image": "python:3.12"},
    }
    for job in pipeline.jobs:
        document[_title(job)] = _shard(pipeline, job)
    document["merge"] = _merge(pipeline)
    return to_yaml(document)


def _title(job: Job) -> str:
    return f"shard {job.name}"  # GitLab shows "shard 1/7" to "shard 7/7" as one group


def _shard(pipeline: Pipeline, job: Job) -> dict[str, Any]:
    return {
        "stage": "check",
        **({"tags": list(pipeline.gpu_labels)} if job.needs_gpu else {}),
        "timeout": f"{job.limit} minutes",
        "script": [command(pipeline, job)],
        "artifacts": {"paths": [f"{job.folder}/"], "when": "always"},
    }


def _merge(pipeline: Pipeline) -> dict[str, Any]:
    # Without `needs` a job still gets the artifacts of every earlier stage.
    few = len(pipeline.jobs) <= MAXIMUM_NEEDS
    return {
        "stage": "merge",
        **({"needs": [_title(job) for job in pipeline.jobs]} if few else {}),
        "when": "always",
        "timeout": f"{MERGE_MINUTES} minutes",
        "script": [MERGE],
        "artifacts": {"paths": [f"{MERGED}/"], "when": "always"},
    }
