"""Which card people mean: no guess where its memory could be another."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from samcheck import facts
from samcheck.__main__ import cli
from samcheck.errors import BadInput
from samcheck.facts import gpu_memory

FACTS = facts.load()
MIB, GIB = 2**20, 2**30


@pytest.mark.parametrize("row", FACTS.memory, ids=lambda row: f"{row.gpu} {row.labels[0]}")
def test_what_is_reported_is_near_the_label(row: facts.Memory) -> None:
    """So that a figure of another GPU is not taken for this one's, and a tenth is held back at most."""
    assert FACTS.gpu(row.gpu) is not None
    assert bool(row.mib) == bool(row.by) == (row.status != "unverified")
    if row.mib:
        assert 1 - gpu_memory.HELD_BACK <= row.mib / (row.labels[0] * 1024) <= 1
    assert gpu_memory.card(f"{row.gpu} {row.labels[0]}GB", FACTS).size == (
        row.mib * MIB or int(row.labels[0] * GIB * 0.9)
    )


@pytest.mark.parametrize(
    ("text", "name", "mib"),
    [
        ("H100", "H100 80GB", 81079),
        ("NVIDIA H100 80GB HBM3", "H100 80GB", 81079),
        ("h100 nvl", "H100 94GB", 95320),
        ("A100 80GB", "A100 80GB", 81038),
        ("a100-40gb", "A100 40GB", 40339),
        ("NVIDIA A100-SXM4-40GB", "A100 40GB", 40339),
        ("Tesla V100-PCIE-32GB", "V100 32GB", 32494),
        ("rtx3080 12 GB", "RTX 3080 12GB", 12117),
        ("4090", "RTX 4090 24GB", 24080),
        ("1080 ti", "GTX 1080 Ti 11GB", 11172),
        ("B200 192GB", "B200 192GB", 183359),
        ("NVIDIA GH200 480GB", "GH200 480GB", 97871),
    ],
)
def test_names_that_people_and_drivers_write(text: str, name: str, mib: int) -> None:
    card = gpu_memory.card(text, FACTS)
    assert (card.name, card.size) == (name, mib * MIB)
    assert f"{mib} MiB, the smallest size that " in card.size_source


def test_what_nobody_has_looked_at_is_taken_for_less() -> None:
    card = gpu_memory.card("GTX 1080", FACTS)
    assert card.size == int(7.2 * GIB)
    assert card.size_source == "8 GB minus 10%, because its reported size is not known"


def test_a_size_is_a_card_without_a_name() -> None:
    assert gpu_memory.card("8GiB", FACTS) == gpu_memory.Card(8 * GIB)
    assert gpu_memory.card("80GB", FACTS) == gpu_memory.Card(80 * 10**9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A100", 'A100 is sold with several memory sizes: give "A100 40GB" or "A100 80GB"'),
        ("RTX 3080", 'give "RTX 3080 10GB" or "RTX 3080 12GB"'),
        ("A100 60GB", "there is no known A100 with 60 GB"),
        ("GB10", "shares its memory with the CPU: give how much of it"),
        ("RTX 4090 Laptop GPU", "has less memory than the card of that name"),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", "has less memory than the card of that name"),
        ("RTX 3080 Tx", "neither a size nor a known GPU: did you mean RTX 3080"),
        ("24", "neither a size nor a known GPU: give its memory, e.g. 8GiB"),
        ("", "neither a size nor a known GPU"),
        ("12 furlongs", "is not a size"),
    ],
)
def test_what_could_be_another_card_is_asked_back(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        gpu_memory.card(text, FACTS)


def test_the_command_says_which_card_it_took_and_why() -> None:
    said = CliRunner().invoke(cli, ["memory", "vit_h", "--gpu", "H100"], catch_exceptions=False)
    assert said.exit_code == 0
    assert "vit_h in fp32 on H100 80GB with 79.2 GiB" in said.stdout
    assert "H100 80GB: 81079 MiB, the smallest size that CUDA was seen to report for it" in said.stdout


def test_several_gpus_have_a_line_each() -> None:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["memory", "vit_h", *arguments], standalone_mode=False)

    several = run("--gpu", "T4, 2GiB", "--gpu", "H100")
    assert [
        line.partition(": ")[0] for line in several.output.splitlines() if " (" in line and "fit" in line
    ] == [
        "T4 16GB (14.6 GiB)",
        "2.0 GiB (2.0 GiB)",
        "H100 80GB (79.2 GiB)",
    ]
    assert "encode does not fit, predict does not fit" in several.output
    assert several.output.count("attention of block 7") == 1  # the need, once
    assert [found["gpu"] for found in json.loads(run("--gpu", "T4,H100", "--json").output)] == [
        "T4 16GB",
        "H100 80GB",
    ]
    assert isinstance(run("--gpu", "T4,").exception, BadInput)
