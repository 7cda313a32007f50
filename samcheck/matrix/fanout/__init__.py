"""A plan as a CI engine's pipeline: one job per shard, and one that merges their results.

Every job runs the command that the README gives, so that a failure in CI can be reproduced locally.
"""

from __future__ import annotations

from collections.abc import Callable

from samcheck.matrix.fanout import buildkite, github, gitlab
from samcheck.matrix.fanout.pipeline import Job, Pipeline, jobs

__all__ = ["FORMATS", "Job", "Pipeline", "jobs"]

#: CI engine → function that renders a pipeline for it.
FORMATS: dict[str, Callable[[Pipeline], str]] = {
    "github": github.render,
    "gitlab": gitlab.render,
    "buildkite": buildkite.render,
}
