"""A plan in the words of a CI engine: a job for each shard, and one that joins their results.

Every job runs the command that README gives people, so that what fails in CI can be run at a desk.
"""

from __future__ import annotations

from collections.abc import Callable

from samcheck.matrix.fanout import buildkite, github, gitlab
from samcheck.matrix.fanout.pipeline import Job, Pipeline, jobs

__all__ = ["FORMATS", "Job", "Pipeline", "jobs"]

#: Name of a CI engine to what writes a pipeline for it.
FORMATS: dict[str, Callable[[Pipeline], str]] = {
    "github": github.render,
    "gitlab": gitlab.render,
    "buildkite": buildkite.render,
}
