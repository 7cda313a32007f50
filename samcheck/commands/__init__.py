"""The commands of the command line, a module each."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A command: the module of this package that has it, and the first sentence of its help.

    The help of all commands shows that sentence without importing them, which takes seconds.
    """

    module: str
    summary: str


#: In the order of the help.
COMMANDS = {
    "init": Entry(
        "init",
        "Write a matrix, a noxfile and a CI workflow into a repository; nothing is overwritten.",
    ),
    "matrix": Entry("run", "Run a matrix file: build each cell, check SAM inside, write the table."),
    "cell": Entry("run", "Run one cell of the shipped matrices by its id."),
    "here": Entry(
        "run",
        "Run the suite in an interpreter as it is, and file the result as the cell that it is.",
    ),
    "fast": Entry("run", "Run `pytest -m fast` in an environment made for it; arguments go to pytest."),
    "carry": Entry(
        "carry",
        "Collect in FOLDER, in the checkout, what another machine's Python lacks for `here`.",
    ),
    "plan": Entry("plan", "Show what a matrix file means: cells, what is left out and why, what is covered."),
    "why": Entry(
        "plan",
        "Explain one cell: can it exist, what would be installed, does it run on a GPU and driver?",
    ),
    "list": Entry("table", "List the cells of the shipped matrices."),
    "facts": Entry(
        "facts",
        "Show the facts that plans are made with: all tables, one TABLE, or `sources` with an ID.",
    ),
    "table": Entry("table", "Write the table from the results that are there."),
    "html": Entry(
        "html",
        "Write one HTML file with all results, which opens from disk and needs no network.",
    ),
    "show": Entry(
        "show",
        "Show a result: outcome, environment, groups of checks, reasons with their evidence.",
    ),
    "repro": Entry(
        "show",
        "Print the shell line that runs one check of a result again, in the same environment.",
    ),
    "export": Entry("export", "Write the results that are there in a form for other programs."),
    "schema": Entry("export", "Print the JSON Schema of an export, or of one result file."),
    "query": Entry("query", "Answer a question about all results, however many there are."),
    "advise": Entry(
        "advise",
        "Say whether a driver, PyTorch, Python or NumPy may be changed, by stored results and by facts.",
    ),
    "compare": Entry(
        "compare",
        "What changed between BASE and NEW: folders, files, or git revisions of results/.",
    ),
    "interleave": Entry("interleave", "Measure two cells in turns, and say which benchmarks differ."),
    "noise": Entry(
        "compare",
        "Keep results as A/A runs: the same cells again, with nothing changed, a folder for each run.",
    ),
    "attribute": Entry(
        "attribute",
        "Say which smallest combination of versions, device, variant, precision and backend goes "
        "with failures.",
    ),
    "bisect": Entry("bisect", "Find the first value of an axis with which a check goes another way."),
    "history": Entry(
        "history",
        "Levels of each number over the results that git keeps of the cells that fit PATTERN.",
    ),
    "memory": Entry("memory", "Say what SAM needs in GPU memory, what of it fits a card, and what to set."),
    "merge": Entry(
        "merge",
        "Join the result folders of several runs, such as the shards of one, and write their table.",
    ),
    "disk": Entry(
        "disk",
        "Show what samcheck keeps on this machine: images, build cache, venvs, runs, and what "
        "killed runs left.",
    ),
    "clean": Entry("disk", "Remove containers that a killed run left behind, and more on request."),
}
