"""``samcheck query``: query any number of results in SQL."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.text import Text

from samcheck import units
from samcheck.analysis.query import database, memory_limit, output, saved_queries
from samcheck.analysis.query.database import QueryResult
from samcheck.commands.options import Count, results_option
from samcheck.errors import BadInput, EmptySelection
from samcheck.report.terminal import show
from samcheck.run import progress as display
from samcheck.storage.index import index, tables

#: Width in columns of a table that does not go to a terminal.
WIDE = 100_000
#: Maximum bytes of a question.
LONGEST = 1_000_000
RELEASE = "release(torch) sorts and compares versions: release('2.9.1') < release('2.10.0')"


@click.command("query")
@click.argument("question", required=False)
@click.option("--list", "list_them", is_flag=True, help="List the saved questions and the tables.")
@click.option(
    "--sql", "show_sql", is_flag=True, help="Print the SQL of a saved question, as a starting point."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of objects.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option(
    "--rows",
    type=Count(),
    default=200,
    show_default=True,
    help="Maximum number of rows to print.",
)
@click.option(
    "--memory", default="2GiB", show_default=True, metavar="SIZE", help="Memory limit for the query."
)
@results_option
def query_command(
    question: str | None,
    list_them: bool,
    show_sql: bool,
    as_json: bool,
    as_csv: bool,
    rows: int,
    memory: str,
    results: Path,
) -> None:
    """Query any number of results, in SQL or with a saved question.

    QUESTION is the name of a saved question (see --list), a SELECT in DuckDB's SQL over the tables cells,
    checks and metrics, or - for SQL from standard input. Results are read once into an index in the cache
    folder, later only those that are new or changed. The SQL can access these tables and nothing else.
    """
    if list_them:
        _list()
        return
    if question is None:
        raise BadInput("no question: give a SELECT, or the name of a saved question; --list shows them")
    sql = saved_queries.sql_of(_typed() if question == "-" else question)
    if show_sql:
        click.echo(sql.rstrip())
        return
    with _answered(results, sql, memory) as (answer, problems):
        if as_json:
            output.write_json(answer, sys.stdout.buffer)
        elif as_csv:
            output.write_csv(answer, sys.stdout.buffer)
        else:
            _table(answer, rows)
    for problem in problems:
        click.echo(f"samcheck: {problem}", err=True)
    if problems:
        sys.exit(BadInput.exit_code)


def _typed() -> str:
    """Read a question from standard input.

    Raises:
        BadInput: standard input is closed, not text, or too long.
    """
    if sys.stdin is None:
        raise BadInput("-: standard input is closed: give the SQL as an argument, or redirect a file with <")
    try:
        text = sys.stdin.buffer.read(LONGEST + 1).decode("utf-8")
    except OSError as error:
        raise BadInput(f"-: standard input cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadInput(
            f"-: standard input cannot be read: the question is not UTF-8: {error.reason}"
        ) from None
    if len(text) > LONGEST:
        raise BadInput(f"the question has more than {LONGEST} characters")
    return text


@contextmanager
def _answered(results: Path, sql: str, memory: str) -> Iterator[tuple[QueryResult, Sequence[str]]]:
    """Yield the answer, and a sentence for each file that is not a result.

    Rebuilds a damaged index.
    """
    try:
        with _asked(results, sql, memory) as answer:
            yield answer
    except database.Damaged as problem:
        click.echo(f"samcheck: the index is damaged; rebuilding it: {problem}", err=True)
        index.forget(results)
        with _asked(results, sql, memory) as answer:
            yield answer


@contextmanager
def _asked(results: Path, sql: str, memory: str) -> Iterator[tuple[QueryResult, Sequence[str]]]:
    limit = units.size(memory)
    with index.current(results, lambda text: click.echo(f"samcheck: {text}", err=True)) as kept:
        if not kept.results:
            none = f"{results} holds no result: run `nox -s matrix`, or name another --results"
            raise BadInput("\n".join(kept.problems)) if kept.problems else EmptySelection(none)
        with database.opened(kept, limit) as duck, memory_limit.limited(limit, memory):
            yield database.ask(duck, sql, memory), kept.problems


def _table(answer: QueryResult, rows: int) -> None:
    console = display.terminal()
    if not console.is_terminal:
        console = display.terminal(width=WIDE)
    console.print(output.table(answer, rows), highlight=False)


def _list() -> None:
    console = display.terminal()
    show(console, Text("saved questions: samcheck query NAME; --sql prints its SQL\n"))
    for name, question in saved_queries.load().items():
        show(console, Text.assemble((f"{name:14}", "bold"), question.title))
    show(console, Text("\ntables"))
    for name, about in tables.ABOUT.items():
        show(console, Text(f"\n{name}: {about}", style="bold"))
        show(console, Text(", ".join(tables.columns(name))))
    show(console, Text(f"\n{RELEASE}"))
