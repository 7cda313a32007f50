"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any

import click

from samcheck import paths
from samcheck.environments import KINDS
from samcheck.errors import BadInput
from samcheck.guest.record import CHECK_SECONDS
from samcheck.run.pytest_arguments import TIERS

#: Upper limit of any count: far beyond real use, and each item takes time and memory.
MOST = 1_000_000
#: Upper limit of seconds or minutes: about 30 years in seconds, and within range of every clock and timer.
LONGEST = 1_000_000_000
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Number(click.FloatRange):
    """A number in a range; not ``nan``, which is neither below nor above it, and at most `LONGEST`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number) or number > LONGEST:
            self.fail(f"{value} is not a number up to {LONGEST}.", param, ctx)
        return number


class Count(click.IntRange):
    """A count, at most `MOST`."""

    def __init__(self, least: int = 1) -> None:
        super().__init__(min=least, max=MOST)


environment_option = click.option(
    "--environment",
    type=click.Choice(["auto", *KINDS]),
    default="auto",
    show_default=True,
    help="Where cells run; auto: docker if an engine answers, else venv.",
)
tier_option = click.option(
    "--tier", type=click.Choice(list(TIERS)), help="Which checks to run; default: the matrix's tier."
)
resume_option = click.option("--resume", is_flag=True, help="Continue an interrupted run.")
python_option = click.option(
    "--python", default="", help="The interpreter for --environment here.", metavar="PATH"
)
timeout_option = click.option(
    "--check-timeout",
    type=Number(min=1),
    default=int(CHECK_SECONDS),  # 900, not 900.0
    show_default=True,
    help="Seconds after which a check is stopped.",
)
variants_option = click.option(
    "--variants", default="", help="Only these variants, comma-separated.", metavar="NAMES"
)
groups_option = click.option(
    "--groups", default="", help="Only these groups of checks, comma-separated.", metavar="NAMES"
)
processes_option = click.option(
    "--processes",
    type=Count(),
    help="Number of fresh processes that measure each benchmark; default: 1 in tier fast, 5 in tier full.",
)
results_option = click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=paths.RESULTS,
    help="Folder for results and table; default: ./results.",
)
bundle_option = click.option(
    "--ca-bundle",
    type=click.Path(exists=True, dir_okay=False),
    envvar="SAMCHECK_CA_BUNDLE",
    help="CA certificates to trust while building, e.g. your company's.",
)
matrix_argument = click.argument("path", type=click.Path(path_type=Path), default="default", required=False)
matrix_option = click.option(
    "--matrix",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A matrix file that declares variants or environments of your own.",
)
only_option = click.option("--only", multiple=True, metavar="PATTERN", help="Only cells whose id matches.")
tag_option = click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only cells with this tag.")
cells_option = click.option(
    "--cells", type=Count(), help="Run at most this many cells; default: the matrix's budget."
)
minutes_option = click.option(
    "--minutes", type=Count(), help="Stop selecting cells when their estimated time exceeds this."
)
shard_option = click.option("--shard", default="", metavar="I/N", help="Only the I-th of N equal parts.")
expect_option = click.option(
    "--expect-plan", default="", metavar="DIGEST", help="Stop if the plan's digest is not this."
)
# Separate from --results: the jobs of a fan-out store into different folders, but must all plan alike.
history_option = click.option(
    "--history",
    type=click.Path(file_okay=False, path_type=Path),
    default=paths.RESULTS,
    help="Results from which to estimate risk and run time of cells; default: ./results.",
)
jobs_option = click.option(
    "--jobs",
    type=Count(),
    default=1,
    show_default=True,
    help="Number of cells to run on the CPU at once.",
)
gpus_option = click.option(
    "--gpus",
    default="",
    metavar="NUMBERS",
    help="Run one cell at a time on each of these GPUs; default: all.",
)
overlap_option = click.option(
    "--overlap/--no-overlap",
    default=None,
    help="Build the next cell while others run; default: only if cells run on GPUs.",
)
exclusive_option = click.option(
    "--exclusive", is_flag=True, help="Refuse a GPU that other processes are using."
)
stop_option = click.option(
    "--stop-after",
    type=Number(min=0, min_open=True),
    metavar="MINUTES",
    help="After this many minutes, stop and store what is finished; --resume continues.",
)
gpu_option = click.option(
    "--gpu", default="", metavar="NAME", help="Plan for this GPU instead of this machine's, e.g. V100."
)
driver_option = click.option(
    "--driver",
    default="",
    metavar="VERSION",
    help="Plan for this driver instead of this machine's, e.g. 535.104.05.",
)


def listed(option: str, given: Sequence[str]) -> list[str]:
    """Return the values of a repeatable option that also takes several with commas, each once.

    Raises:
        BadInput: a value is empty.
    """
    values = [part.strip() for text in given for part in text.split(",")]
    if not all(values):
        raise BadInput(f"{option}: must not be empty: leave it out, or give a value")
    return list(dict.fromkeys(values))


def together(*options: Decorator) -> Decorator:
    """Combine several options into one decorator."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@dataclass(frozen=True)
class RunOptions:
    """Values of the options of a run; the default if a command lacks the option."""

    resume: bool
    check_timeout: float
    variants: str
    groups: str
    processes: int | None
    results: Path
    environment: str = "here"
    ca_bundle: str | None = None
    tier: str | None = None
    python: str = ""
    jobs: int = 1
    gpus: str = ""
    overlap: bool | None = None
    exclusive: bool = False
    stop_after: float | None = None


build_options = together(environment_option, bundle_option)
parallel_options = together(jobs_option, gpus_option, overlap_option, exclusive_option)
run_options = together(
    resume_option, timeout_option, variants_option, groups_option, processes_option, results_option
)
host_options = together(gpu_option, driver_option)
_choice_options = together(
    matrix_argument,
    only_option,
    tag_option,
    tier_option,
    cells_option,
    minutes_option,
    shard_option,
    expect_option,
    history_option,
)


def choice_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose cells; the command gets their values as one `choice`."""

    @wraps(command)
    def with_choice(**options: Any) -> Any:
        from samcheck.matrix.selection import Choice

        choice = Choice(**{field.name: options.pop(field.name) for field in fields(Choice)})
        return command(choice=choice, **options)

    return _choice_options(with_choice)
