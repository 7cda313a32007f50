"""Buildkite: steps for `buildkite-agent pipeline upload`, which the pipeline of `samcheck init` calls."""

from __future__ import annotations

from typing import Any

from samcheck.errors import BadInput
from samcheck.matrix.fanout.pipeline import (
    FOLDERS,
    MERGE,
    MERGE_MINUTES,
    MERGED,
    Job,
    Pipeline,
    command,
    to_yaml,
)

#: An upload may have 500 steps; the wait and the merge are two.
MAXIMUM_JOBS = 498

DOWNLOAD = f"buildkite-agent artifact download '{FOLDERS}/**/*' ."


def render(pipeline: Pipeline) -> str:
    """Render the steps as YAML: one per shard, a wait, and the merge.

    Raises:
        BadInput: more jobs than Buildkite accepts, or a path or an option that Buildkite would change.
    """
    if len(pipeline.jobs) > MAXIMUM_JOBS:
        raise BadInput(
            f"{pipeline.matrix}: {len(pipeline.jobs)} jobs, Buildkite accepts at most {MAXIMUM_JOBS}: "
            f"give --shards {MAXIMUM_JOBS} or less"
        )
    # The upload expands variables in the text, before any shell and so even inside quotes.
    for word in (pipeline.matrix, *pipeline.options):
        if "$" in word:
            raise BadInput(f"{word!r}: Buildkite would replace what follows the '$': use a name without it")
    steps = [_shard(pipeline, job) for job in pipeline.jobs]
    return to_yaml({"steps": [*steps, {"wait": None, "continue_on_failure": True}, _merge()]})


def _shard(pipeline: Pipeline, job: Job) -> dict[str, Any]:
    return {
        "label": f"shard {job.name}",
        "key": job.folder,
        **({"agents": {"queue": pipeline.gpu_labels[0]}} if job.needs_gpu else {}),
        "command": command(pipeline, job),
        "artifact_paths": [f"{job.folder}/**/*"],
        "timeout_in_minutes": job.limit,
    }


def _merge() -> dict[str, Any]:
    return {
        "label": "merge",
        "key": "merge",
        "command": [DOWNLOAD, MERGE],
        "artifact_paths": [f"{MERGED}/**/*"],
        "timeout_in_minutes": MERGE_MINUTES,
    }
