"""``samcheck memory``: estimate what a variant needs and whether it fits a GPU, without having one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click

from samcheck import facts, paths, units
from samcheck.analysis import measured_context, memory_answer, memory_fit
from samcheck.analysis.memory_fit import MemoryQuestion
from samcheck.cells import DEFAULT_SAM
from samcheck.commands.options import Number, listed
from samcheck.commands.plan import json_option
from samcheck.commands.variants import declared_in
from samcheck.errors import BadInput
from samcheck.facts import Facts, gpu_memory
from samcheck.facts.gpu_memory import Card
from samcheck.facts.sam_packages import name_of
from samcheck.guest.memory_model import CONTEXT_MIB, ESTIMATED, Work
from samcheck.guest.variant_names import FAMILY_VARIANTS, VARIANT_TIERS

ASSUMED = f"{CONTEXT_MIB}MiB"
#: Of a video, if the user does not say.
FRAMES = 100
AT_ONCE = click.IntRange(1, memory_fit.MOST_POINTS)


class Estimated(click.Choice[str]):
    """A variant whose memory can be estimated: one of the user's own has the shape of its base."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        file = ctx.params.get("file") if ctx else None
        declared = declared_in(file) if isinstance(file, Path) else ()
        own = next((variant for variant in declared if variant.name == value), None)
        if own is not None and not own.base:
            self.fail(f"{value} is a package's, whose shape samcheck does not know", param, ctx)
        value = own.base if own is not None else value
        if value not in ESTIMATED and (value in VARIANT_TIERS or name_of(value) in _packages()):
            self.fail(_refusal(value), param, ctx)
        return super().convert(value, param, ctx)


def _packages() -> dict[str, list[str]]:
    """Return the variants with an estimate of each package that the facts know."""
    names = [*(row.name for row in facts.load().sam), name_of(DEFAULT_SAM)]
    return {
        name: [variant for variant in FAMILY_VARIANTS.get(name, {}) if variant in ESTIMATED]
        for name in dict.fromkeys(names)
    }


def _refusal(value: str) -> str:
    """Say why this variant or package is none whose memory can be estimated."""
    packages = _packages()
    variants = packages.get(name_of(value))
    if variants:
        return f"{value} is a package: write --sam {value}, or one of its variants: {', '.join(variants)}"
    known = ", ".join(name for name, variants in packages.items() if variants)
    return f"there is no estimate of {value} yet, only of variants of {known}"


def _asked_for(variant: str | None, sam: str | None) -> list[str]:
    """Return the variants that are asked for: one, or all of a package.

    Raises:
        BadInput: there are none, or the variant is not of the package.
    """
    if sam is None:
        if variant is None:
            raise BadInput("samcheck memory: name a variant, such as vit_h, or a package with --sam")
        return [variant]
    packages = _packages()
    variants = packages.get(name_of(sam))
    if variants is None:
        raise BadInput(f"--sam: {sam} is not known: choose one of {', '.join(packages)}")
    if not variants:
        raise BadInput(f"--sam: {_refusal(sam)}")
    if variant is None:
        return variants
    if variant not in variants:
        raise BadInput(f"--sam: {variant} is not a variant of {sam}, whose are {', '.join(variants)}")
    return [variant]


@click.command("memory")
@click.argument("variant", type=Estimated(list(ESTIMATED)), required=False, metavar="[VARIANT]")
@click.option(
    "--sam", metavar="PACKAGE", help="All variants of a package, e.g. sam2==1.1.0, instead of one variant."
)
@click.option(
    "--matrix",
    "file",
    is_eager=True,  # the variant is looked up in it
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A matrix file that declares variants of your own.",
)
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
    "--frames",
    type=click.IntRange(1, memory_fit.MOST_FRAMES),
    help=f"Frames of the video, for variants that follow objects; default: {FRAMES}.",
)
@click.option(
    "--objects",
    type=click.IntRange(1, memory_fit.MOST_OBJECTS),
    help="Objects that are followed; default: 1.",
)
@click.option("--offload-video", is_flag=True, help="The host keeps the video's pixels.")
@click.option("--offload-state", is_flag=True, help="The host keeps memories and masks of the objects.")
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
    variant: str | None,
    sam: str | None,
    file: Path | None,
    gpus: tuple[str, ...],
    image: str,
    precision: str,
    points_per_batch: int,
    prompts: int,
    images: int,
    frames: int | None,
    objects: int | None,
    offload_video: bool,
    offload_state: bool,
    kept: float,
    context: str | None,
    as_json: bool,
) -> None:
    """Estimate the GPU memory SAM needs, whether it fits a GPU, and which settings make it fit."""
    variants = _asked_for(variant, sam)
    about_videos = frames or objects or offload_video or offload_state
    work = Work(memory_fit.image_size(image), prompts, points_per_batch, images, kept)
    work = replace(
        work,
        frames=frames or FRAMES,
        objects=objects or 1,
        video_on_host=offload_video,
        state_on_host=offload_state,
    )
    known = facts.load()
    cards = [gpu_memory.card(name, known) for name in listed("--gpu", gpus)]
    answers = []
    for name in variants:
        question = MemoryQuestion(name, precision, work, context=units.size(context or ASSUMED))
        if about_videos and not question.follows_videos:
            raise BadInput(
                f"{name} follows no objects through a video: leave out --frames, --objects, --offload-…"
            )
        answers.append([_on(card, question, context is not None, known) for card in cards] or [question])
    _show(answers, as_json)


def _show(answers: list[list[MemoryQuestion]], as_json: bool) -> None:
    """Print the answer to each variant's questions, one per GPU."""
    if as_json:
        documents = [memory_fit.as_json(question) for questions in answers for question in questions]
        click.echo(json.dumps(documents[0] if len(documents) == 1 else documents, indent=1))
        return
    for number, questions in enumerate(answers):
        if number:
            click.echo()
        for line in (
            memory_answer.per_gpu(questions) if len(questions) > 1 else memory_answer.lines(questions[0])
        ):
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
