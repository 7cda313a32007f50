"""GitHub Actions: a matrix for `fromJSON`, which the workflow that `samcheck init` writes fans out over."""

from __future__ import annotations

import json
import math

from samcheck.errors import BadInput
from samcheck.matrix.fanout.pipeline import Job, Pipeline, arguments

#: "A matrix will generate a maximum of 256 jobs per workflow run" (GitHub's workflow reference).
MAXIMUM_JOBS = 256


def render(pipeline: Pipeline) -> str:
    """Render one line of JSON.

    In an entry, `arguments` follows the ``--`` of the job's command, quoted for a shell; `folder` receives
    its results, and names its artifact; `runner` has the labels for ``runs-on``; `limit` is for
    ``timeout-minutes``. `shard`, `cells` and the estimated `minutes` are for people.

    Raises:
        BadInput: more jobs than GitHub accepts.
    """
    if len(pipeline.jobs) > MAXIMUM_JOBS:
        raise BadInput(
            f"{pipeline.matrix}: {len(pipeline.jobs)} jobs, GitHub accepts at most {MAXIMUM_JOBS}: "
            f"give --shards {MAXIMUM_JOBS} or less"
        )
    return json.dumps({"include": [_entry(pipeline, job) for job in pipeline.jobs]})


def _entry(pipeline: Pipeline, job: Job) -> dict[str, object]:
    return {
        "shard": job.name,
        "arguments": arguments(pipeline, job),
        "cells": " ".join(job.cells),
        "minutes": math.ceil(job.minutes),
        "limit": job.limit,
        "folder": job.folder,
        "runner": ["self-hosted", *pipeline.gpu_labels] if job.needs_gpu else ["ubuntu-latest"],
    }
