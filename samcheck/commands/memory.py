"""``samcheck memory``: estimate what a variant needs and whether it fits a GPU, without having one."""

from __future__ import annotations

import json

import click

from samcheck import facts, paths, units
from samcheck.analysis import measured_context, memory_fit
from samcheck.commands.options import Number
from samcheck.commands.plan import json_option
from samcheck.facts import gpu_memory
from samcheck.guest.memory_model import CONTEXT_MIB, SHAPES, Work

AT_ONCE = click.IntRange(1, memory_fit.MOST_POINTS)


@click.command("memory")
@click.argument("variant", type=click.Choice(list(SHAPES)))
@click.option(
    "--gpu",
    metavar="NAME|SIZE",
    help='The GPU or its memory, e.g. H100, "A100 80GB" or 8GiB; default: show only the need.',
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
    help="Memory reserved for CUDA itself; default: what results of this GPU measured, else "
    f"{CONTEXT_MIB}MiB.",
)
@json_option
def memory_command(
    variant: str,
    gpu: str | None,
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
    card = gpu_memory.card(gpu, known) if gpu else None
    measured = None
    if context is None and card is not None and card.name:
        measured = measured_context.on(card.name, paths.stores(), known)
    question = memory_fit.MemoryQuestion(
        variant,
        precision,
        work,
        card.size if card else None,
        measured.size if measured else units.size(context or f"{CONTEXT_MIB}MiB"),
        card.name if card else "",
        card.size_source if card else "",
        card.capability if card else "",
        f"measured in {measured.cell}" if measured else "",
    )
    if as_json:
        click.echo(json.dumps(memory_fit.as_json(question), indent=1))
    else:
        for line in memory_fit.lines(question):
            click.echo(line)
