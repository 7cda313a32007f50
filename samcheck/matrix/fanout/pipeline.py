"""What a CI engine is to run, independent of the engine's syntax (pure)."""

from __future__ import annotations

import math
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from samcheck.matrix.fanout import shards

BOOTSTRAP = "python3 -m pip install --target .bootstrap 'nox[uv]' && PYTHONPATH=.bootstrap python3 -m nox"

#: The folders that `MERGE` merges: each shard's `Job.folder`.
FOLDERS = "shard-*"
MERGED = "results"
MERGE = f"{BOOTSTRAP} -s merge -- {FOLDERS} --results {MERGED}"
MERGE_MINUTES = 15

#: A job is stopped after this many times its estimate, but not before `FLOOR_MINUTES`: estimates do not know
#: how slow a first download is or what is in a runner's caches.
PATIENCE = 3
FLOOR_MINUTES = 30


@dataclass(frozen=True)
class Job:
    """One shard on one runner.

    Attributes:
        name: the shard, ``"1/7"``.
        cells: the ids of its cells.
        minutes: estimated run time.
        needs_gpu: whether it needs a runner with a GPU.
    """

    name: str
    cells: tuple[str, ...]
    minutes: float
    needs_gpu: bool

    @property
    def folder(self) -> str:
        """Folder of the job's results, relative to the checkout: ``shard-1-of-7``.

        `samcheck.storage.merge` recognizes missing shards by these names.
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
        options: the plan's other options, which every job needs to compute the same plan.
        gpu_labels: labels of the runners that have a GPU.
    """

    matrix: str
    tier: str
    jobs: tuple[Job, ...]
    options: tuple[str, ...] = ()
    gpu_labels: tuple[str, ...] = ("gpu",)


def jobs(minutes: Mapping[str, float], count: int, on_gpu: Collection[str] = ()) -> tuple[Job, ...]:
    """Divide the cells into at most `count` jobs; `minutes` maps each id to its estimated minutes.

    `on_gpu` has the ids that need a GPU; a shard with one of them needs it too.
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
    """Return the arguments after the command's ``--``, quoted for a shell."""
    # Even after nox's `--`, samcheck would take a path that begins with a dash for an option.
    path = f"./{pipeline.matrix}" if pipeline.matrix.startswith("-") else pipeline.matrix
    shard = ["--shard", job.name, "--results", job.folder]
    return shlex.join([path, "--tier", pipeline.tier, *pipeline.options, *shard])


def command(pipeline: Pipeline, job: Job) -> str:
    """Return the shell command of one job."""
    return f"{BOOTSTRAP} -s matrix -- {arguments(pipeline, job)}"


class _Readable(yaml.SafeDumper):
    """YAML as people write it: without aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def to_yaml(document: Mapping[str, Any]) -> str:
    """Dump `document` as block-style YAML in its own order, each command on one line.

    ASCII only: otherwise PyYAML writes U+0085 and U+2028 unescaped, which some parsers take for line breaks.
    """
    text = yaml.dump(document, Dumper=_Readable, sort_keys=False, width=math.inf, allow_unicode=False)
    return str(text)
