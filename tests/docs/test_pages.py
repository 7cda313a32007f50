"""The documentation says what is so: pages from code, outputs, commands, examples and links."""

from __future__ import annotations

import runpy
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from samcheck.__main__ import cli
from samcheck.errors import SamcheckError
from samcheck.guest.models import variants
from tests.docs import commands, links, outputs, pages
from tests.docs.blocks import CHECKOUT, DOCS, README, Block, blocks
from tests.unit.test_layers import LAYERS

HAND_WRITTEN = [path for path in pages.every() if path not in pages.GENERATED]
BLOCKS = [block for path in HAND_WRITTEN for block in blocks(path)]
SHELL = ("console", "sh")
UPDATE = "python -m tests.docs --update"


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMCHECK_HOME", str(tmp_path_factory.mktemp("home")))
        yield


def of(*languages: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "block", [block for block in BLOCKS if block.language in languages], ids=str
    )


@pytest.mark.parametrize("path", pages.GENERATED, ids=lambda path: path.name)
def test_page_is_what_the_code_says(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages.GENERATED[path](), f"stale: {UPDATE}"


def test_readme_has_the_overview_of_the_table() -> None:
    assert pages.overview() in README.read_text(encoding="utf-8"), f"stale: {UPDATE}"


@pytest.mark.parametrize("block", [block for block in BLOCKS if outputs.is_run(block)], ids=str)
def test_output_is_what_the_command_prints(block: Block) -> None:
    assert list(block.lines) == outputs.current(block), f"stale: {UPDATE}"


@of(*SHELL)
def test_commands_exist_with_their_options(block: Block) -> None:
    texts = [block.text]
    if block.language == "console":
        texts = [command for command, _ in commands.session(block.lines)]
        assert texts, "no line begins with `$ `"
    for words in (words for text in texts for words in commands.simple(text)):
        if not (block.not_run and commands.is_foreign(words)):
            assert not commands.problem(words)


@of("toml")
def test_toml_is_read(block: Block, tmp_path: Path) -> None:
    content = tomllib.loads(block.text)
    if not {"axes", "cell", "include"} & set(content):
        return
    path = tmp_path / "example.toml"
    path.write_text(block.text, encoding="utf-8")
    done = CliRunner().invoke(cli, ["plan", str(path), "--gpu", "H100", "--driver", "580.95"])
    assert done.exit_code == 0, done.output


@of("python")
def test_python_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "VARIANTS", dict(variants.VARIANTS))
    path = tmp_path / "example.py"
    path.write_text(block.text, encoding="utf-8")
    runpy.run_path(str(path))


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_block_is_checked_or_says_why_not(block: Block) -> None:
    assert block.language in (*SHELL, "toml", "python") or block.not_run


@pytest.mark.parametrize("path", pages.every(), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_links_lead_somewhere(path: Path) -> None:
    assert list(links.broken(path)) == []


@pytest.mark.parametrize("path", pages.every(), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_page_begins_with_what_it_is_for(path: Path) -> None:
    title, blank, first = path.read_text(encoding="utf-8").splitlines()[:3]
    assert title.startswith("# ")
    assert not blank
    assert first.startswith(("This page ", "samcheck "))


def test_readme_is_one_screen() -> None:
    content = README.read_bytes()
    assert len(content.splitlines()) <= 120
    assert len(content) <= 8000


def test_every_page_is_linked_from_the_first() -> None:
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    others = [path for path in pages.every() if path not in (README, DOCS / "README.md")]
    assert [path for path in others if f"({path.relative_to(DOCS)})" not in text] == []


def test_change_notes_have_a_kind() -> None:
    """towncrier leaves out every file with another name, without an error."""
    kinds = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
    named = tuple(f".{kind['directory']}.md" for kind in kinds)
    assert [path.name for path in pages.change_notes() if not path.name.endswith(named)] == []


def test_architecture_has_the_layers_in_their_order() -> None:
    text = (DOCS / "explanations" / "architecture.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "`samcheck." in line]
    named = [{word for word in row.split("`") if word.startswith("samcheck.")} for row in rows]
    assert len(named) == len(LAYERS)
    for row, layer in zip(named, LAYERS, strict=True):
        assert row <= set(layer)


def test_exit_codes_are_those_of_the_errors() -> None:
    text = (DOCS / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    errors: list[type[SamcheckError]] = [SamcheckError, *_subclasses(SamcheckError)]
    for error in errors:
        assert f"| {error.exit_code} |" in text


def _subclasses(error: type[SamcheckError]) -> Iterator[type[SamcheckError]]:
    for each in error.__subclasses__():
        yield each
        yield from _subclasses(each)
