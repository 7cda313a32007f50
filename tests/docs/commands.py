"""The commands in a block for a shell, and what is wrong with them: names, options and values.

A command that is not known here needs a `not run` comment that says why.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import takewhile

import click

from samcheck.__main__ import cli
from tests.docs.blocks import CHECKOUT

#: Programs whose options are their own.
FOREIGN = {"git", "pip", "pipx", "uv", "uvx"}
UNKNOWN = "nothing is known of"
_ENDS = {"&&", "||", "|", ";"}
_ASSIGNMENT = re.compile(r"\w+=")


def session(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The commands of a session, each with the output below it; `$ ` is the prompt."""
    command, output = "", list[str]()
    for line in lines:
        if line.startswith("$ "):
            if command:
                yield command, output
            command, output = line.removeprefix("$ "), []
        elif command.endswith("\\") and not output:
            command += f"\n{line}"
        else:
            output.append(line)
    if command:
        yield command, output


def simple(text: str) -> Iterator[list[str]]:
    """The words of each command in a line for a shell, without assignments and redirections."""
    for line in text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = "#"
        redirected = False
        for word in lexer:
            if word in _ENDS:
                yield words
                words = []
            elif set(word) <= {">", "<"}:
                redirected = True
            elif redirected:
                redirected = False
            elif words or not _ASSIGNMENT.match(word):
                words.append(word)
        if words:
            yield words


def problem(words: Sequence[str]) -> str:
    """What is wrong with a command; empty if nothing is."""
    program, *arguments = words
    if program in ("python", "python3"):
        return _python(arguments)
    if program in FOREIGN:
        return ""
    known = {"samcheck": _samcheck, "nox": _nox, "pytest": _pytest}
    if program not in known:
        return f"{UNKNOWN} {program}: say why in a `not run` comment"
    return known[program](arguments)


def is_foreign(words: Sequence[str]) -> bool:
    """Whether it is neither samcheck nor a program that runs samcheck."""
    return problem(words).startswith(UNKNOWN)


def _python(arguments: list[str]) -> str:
    match arguments:
        case ["-m", "samcheck" | "nox" | "pytest" as module, *rest]:
            return problem([module, *rest])
        case ["-m", module, *_] if module in FOREIGN or _is_module(module):
            return ""
        case ["carried", *rest]:  # the folder that `samcheck carry` makes
            return _samcheck(["here", *rest])
    return f"{UNKNOWN} {shlex.join(arguments)}"


def _is_module(name: str) -> bool:
    path = CHECKOUT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__main__.py").exists()


def _samcheck(words: list[str]) -> str:
    name, *arguments = words
    command = cli.get_command(click.Context(cli), name)
    if command is None:
        return f"samcheck has no command {name}"
    try:
        command.make_context(name, arguments).close()
    except click.ClickException as error:
        parameter = error.param if isinstance(error, click.BadParameter) else None
        # A file that a reader has, and this checkout does not.
        if not (parameter and isinstance(parameter.type, click.Path)):
            return f"samcheck {name}: {error.format_message()}"
    return ""


@cache
def sessions() -> dict[str, tuple[str, ...] | None]:
    """Session of the noxfile → the words of the samcheck command it calls; None for others."""
    tree = ast.parse((CHECKOUT / "noxfile.py").read_text(encoding="utf-8"))
    every: dict[str, tuple[str, ...] | None] = {}
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        decorators = " ".join(map(ast.unparse, function.decorator_list))
        if "nox.session" in decorators:
            named = re.search(r"nox\.session\(name='(\w+)'", decorators)
            every[named[1] if named else function.name] = _called(function)
    return every


def _called(function: ast.FunctionDef) -> tuple[str, ...] | None:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "samcheck":
            words = [str(word.value) for word in node.args if isinstance(word, ast.Constant)]
            return tuple(word for word in words if word != "--")
    return None


def _nox(arguments: list[str]) -> str:
    behind = arguments.index("--") if "--" in arguments else len(arguments)
    words, posargs = arguments[:behind], arguments[behind + 1 :]
    if "-s" not in words:
        return "" if words in ([], ["--list"]) else f"nox without -s: {shlex.join(arguments)}"
    names = takewhile(lambda word: not word.startswith("-"), words[words.index("-s") + 1 :])
    return "; ".join(filter(None, (_session(name, posargs) for name in names)))


def _session(name: str, posargs: list[str]) -> str:
    base, _, id = name.removesuffix(")").partition("(")
    if base not in sessions():
        return f"the noxfile has no session {base}"
    called = sessions()[base]
    by_tag = base == "cell" and not id
    for_pytest = base == "fast"
    if not called or by_tag or for_pytest:
        return ""
    return _samcheck([*called, *filter(None, [id]), *posargs])


def _pytest(arguments: list[str]) -> str:
    plugin = (CHECKOUT / "samcheck/guest/pytest_options.py").read_text(encoding="utf-8")
    for option in (word.partition("=")[0] for word in arguments if word.startswith("--samcheck")):
        if f'"{option}"' not in plugin:
            return f"the suite's plugin has no option {option}"
    return ""
