"""``samcheck memory``: estimate what a variant needs and whether it fits a GPU, without having one."""

from __future__ import annotations

import json
from dataclasses import replace

import click

from samcheck import facts, paths, units
from samcheck.analysis import measured_context, memory_fit
from samcheck.analysis.memory_fit import MemoryQuestion
from samcheck.cells import DEFAULT_SAM
from samcheck.commands.options import Number, listed
from samcheck.commands.plan import json_option
from samcheck.facts import Facts, gpu_memory
from samcheck.facts.gpu_memory import Card
from samcheck.facts.sam_packages import name_of
from samcheck.guest.memory_model import CONTEXT_MIB, SHAPES, Work
from samcheck.guest.variant_names import VARIANT_TIERS

ASSUMED = f"{CONTEXT_MIB}MiB"
AT_ONCE = click.IntRange(1, memory_fit.MOST_POINTS)


class Estimated(click.Choice[str]):
    """A variant whose memory can be estimated."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        packages = {row.name for row in facts.load().sam} - {name_of(DEFAULT_SAM)}
        if value not in SHAPES and (value in VARIANT_TIERS or name_of(value) in packages):
            self.fail(f"there is no estimate of {value} yet, only of {name_of(DEFAULT_SAM)}'s", param, ctx)
        return super().convert(value, param, ctx)


@click.command("memory")
@click.argument("variant", type=Estimated(list(SHAPES)))
@click.option(
    "--gpu",
    "gpus",
    multiple=True,
    metavar="NAME|SIZE",
    help='The GPU or its memory, e.g. H100, "A100 80GB" or 8GiB; repeatable, or with commas: a line for '
    "each; default: show only the need.",
)
@click.option(
    "--image", default="1024x1024", show_default=True, metavar="WxH", help="Size of the original image."
)
@click.option("--precision", type=click.Choice(memory_fit.ON_GPUS), default="fp32", show_default=True)
@click.option("--points-per-batch", type=AT_ONCE, default=64, show_default=True)
@click.option("--prompts", type=AT_ONCE, default=1, show_default=True, help="Prompts per predict_torch call.")
@click.option(
    "--images",
    type=click.IntRange(1, memory_fit.MOST_IMAGES),
    default=1,
    show_default=True,
    help="Images encoded at once.",
)
@click.option(
    "--kept",
    type=Number(0, 1),
    default=1.0,
    show_default=True,
    help="Fraction of the automatic generator's masks that pass its thresholds; 1 is the worst case.",
)
@click.option(
    "--context",
    metavar="SIZE",
    help=f"Memory reserved for CUDA itself; default: what results of this GPU measured, else {ASSUMED}.",
)
@json_option
def memory_command(
    variant: str,
    gpus: tuple[str, ...],
    image: str,
    precision: str,
    points_per_batch: int,
    prompts: int,
    images: int,
    kept: float,
    context: str | None,
    as_json: bool,
) -> None:
    """Estimate the GPU memory SAM needs, whether it fits a GPU, and which settings make it fit."""
    work = Work(memory_fit.image_size(image), prompts, points_per_batch, images, kept)
    known = facts.load()
    question = memory_fit.MemoryQuestion(variant, precision, work, context=units.size(context or ASSUMED))
    cards = [gpu_memory.card(name, known) for name in listed("--gpu", gpus)]
    questions = [_on(card, question, context is not None, known) for card in cards] or [question]
    if as_json:
        documents = [memory_fit.as_json(each) for each in questions]
        click.echo(json.dumps(documents[0] if len(documents) == 1 else documents, indent=1))
        return
    for line in memory_fit.per_gpu(questions) if len(questions) > 1 else memory_fit.lines(questions[0]):
        click.echo(line)


def _on(card: Card, question: MemoryQuestion, context_given: bool, known: Facts) -> MemoryQuestion:
    """Ask about a card; results of the GPU say how much CUDA itself takes, unless the user does."""
    named = replace(
        question, card=card.size, gpu=card.name, size_source=card.size_source, capability=card.capability
    )
    measured = None if context_given else measured_context.on(card.name, paths.stores(), known)
    if measured is None:
        return named
    return replace(named, context=measured.size, context_source=f"measured in {measured.cell}")
