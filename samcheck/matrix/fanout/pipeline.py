"""What a CI engine is to run, before it is written in the engine's own words (pure)."""

from __future__ import annotations

import math
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from samcheck.matrix.fanout import shards

BOOTSTRAP = "python3 -m pip install --target .bootstrap 'nox[uv]' && PYTHONPATH=.bootstrap python3 -m nox"

#: The folders that `MERGE` joins: each shard's `Job.folder`.
FOLDERS = "shard-*"
MERGED = "results"
MERGE = f"{BOOTSTRAP} -s merge -- {FOLDERS} --results {MERGED}"
MERGE_MINUTES = 15

#: A job is stopped after this many times its estimate, and not before `FLOOR_MINUTES`: an estimate knows
#: neither how slow a first download is nor what is in a runner's caches.
PATIENCE = 3
FLOOR_MINUTES = 30


@dataclass(frozen=True)
class Job:
    """One shard on one runner.

    Attributes:
        name: the shard, ``"1/7"``.
        cells: the ids of its cells.
        minutes: how long it may take, as estimated.
        needs_gpu: whether only a runner with a GPU will do.
    """

    name: str
    cells: tuple[str, ...]
    minutes: float
    needs_gpu: bool

    @property
    def folder(self) -> str:
        """Where the job leaves its results, relative to the checkout: ``shard-1-of-7``.

        `samcheck.storage.merge` sees by these names which shards are missing.
        """
        index, count = shards.parse(self.name)
        return f"shard-{index}-of-{count}"

    @property
    def limit(self) -> int:
        """Minutes after which the engine stops the job."""
        return max(FLOOR_MINUTES, math.ceil(PATIENCE * self.minutes))


@dataclass(frozen=True)
class Pipeline:
    """All jobs of one fan-out.

    Attributes:
        matrix: path of the matrix file, relative to the checkout.
        tier: which checks: ``fast`` or ``full``.
        jobs: the shards, in order.
        options: words of the plan's other options, which every job needs to come to the same plan.
        gpu_labels: of the runners that have a GPU.
    """

    matrix: str
    tier: str
    jobs: tuple[Job, ...]
    options: tuple[str, ...] = ()
    gpu_labels: tuple[str, ...] = ("gpu",)


def jobs(minutes: Mapping[str, float], count: int, on_gpu: Collection[str] = ()) -> tuple[Job, ...]:
    """At most `count` jobs for the cells in `minutes`, which maps each id to its estimated minutes.

    `on_gpu` has the ids that need a GPU; a shard with one of them does.
    """
    parts = shards.split(minutes, count)
    return tuple(
        Job(
            f"{index}/{len(parts)}",
            part,
            math.fsum(minutes[id] for id in part),
            any(id in on_gpu for id in part),
        )
        for index, part in enumerate(parts, start=1)
    )


def arguments(pipeline: Pipeline, job: Job) -> str:
    """What stands behind the command's ``--``, for a shell: each word stays one, whatever is in it."""
    # Behind nox's `--` samcheck would still take a path that begins with a dash for an option.
    path = f"./{pipeline.matrix}" if pipeline.matrix.startswith("-") else pipeline.matrix
    shard = ["--shard", job.name, "--results", job.folder]
    return shlex.join([path, "--tier", pipeline.tier, *pipeline.options, *shard])


def command(pipeline: Pipeline, job: Job) -> str:
    """The shell command of one job."""
    return f"{BOOTSTRAP} -s matrix -- {arguments(pipeline, job)}"


class _Readable(yaml.SafeDumper):
    """YAML as people write it: nothing is an alias of something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def to_yaml(document: Mapping[str, Any]) -> str:
    """`document` as block-style YAML in the order it has, a command on one line.

    ASCII only: PyYAML writes U+0085 and U+2028 as they are otherwise, which are line breaks to some parsers.
    """
    text = yaml.dump(document, Dumper=_Readable, sort_keys=False, width=math.inf, allow_unicode=False)
    return str(text)
