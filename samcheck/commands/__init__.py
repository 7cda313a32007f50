"""The commands of the command line, one module each."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A command: the module of this package that defines it, and the first sentence of its help.

    `samcheck --help` shows that sentence without importing the commands, which takes seconds.
    """

    module: str
    summary: str


#: In the order in which the help lists them.
COMMANDS = {
    "init": Entry(
        "init",
        "Write a matrix, a noxfile and a CI workflow into a repository; nothing is overwritten.",
    ),
    "matrix": Entry("run", "Run a matrix file: build each cell, check SAM inside, write the table."),
    "cell": Entry("run", "Run one cell of the shipped matrices, or of a matrix file, by its id."),
    "here": Entry(
        "run",
        "Run the suite in an existing interpreter and store the result under the cell that it matches.",
    ),
    "fast": Entry("run", "Run `pytest -m fast` in an environment made for it; arguments go to pytest."),
    "doctor": Entry(
        "doctor",
        "Find what is wrong with a Python's packages and the libraries that it really loads, and the cure.",
    ),
    "carry": Entry(
        "carry",
        "Collect in FOLDER, inside the checkout, what another machine's Python lacks to run `here`.",
    ),
    "plan": Entry(
        "plan",
        "Show the plan for a matrix file: its cells, what is left out and why, and what is covered.",
    ),
    "why": Entry(
        "plan",
        "Explain one cell: can it exist, what would be installed, does it run on a GPU and driver?",
    ),
    "list": Entry("table", "List the cells of the shipped matrices."),
    "facts": Entry(
        "facts",
        "Show the facts that plans are based on: all tables, one TABLE, or `sources` with an ID.",
    ),
    "table": Entry("table", "Write the table from the stored results."),
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
        "Print the shell command that re-runs one check of a result in the same environment.",
    ),
    "export": Entry("export", "Export the stored results for other programs."),
    "schema": Entry("export", "Print the JSON Schema of an export, or of one result file."),
    "query": Entry("query", "Query any number of results, in SQL or with a saved question."),
    "advise": Entry(
        "advise",
        "Assess a change of driver, PyTorch, Python, NumPy or SAM's package from results and facts.",
    ),
    "compare": Entry(
        "compare",
        "Show what changed between BASE and NEW: folders, files, ids of cells, or git revisions of results/.",
    ),
    "interleave": Entry("interleave", "Measure two cells in alternation and report which benchmarks differ."),
    "noise": Entry(
        "compare",
        "Record results as A/A runs: the same cells run again with nothing changed, one folder per run.",
    ),
    "attribute": Entry(
        "attribute",
        "Find the smallest set of versions, device, variant, precision and backend that goes with failures.",
    ),
    "bisect": Entry("bisect", "Find the first value of an axis at which a check's outcome changes."),
    "history": Entry(
        "history",
        "Show the levels of each number in the git history of the cells that match PATTERN.",
    ),
    "memory": Entry(
        "memory", "Estimate the GPU memory SAM needs, whether it fits a GPU, and which settings make it fit."
    ),
    "claims": Entry(
        "claims",
        "List public figures of SAM's speed, how to try each here, and the ratio where a result matches.",
    ),
    "merge": Entry(
        "merge",
        "Merge the result folders of several runs, such as the shards of one, and write their table.",
    ),
    "disk": Entry(
        "disk",
        "Show what samcheck stores on this machine: images, build cache, venvs, runs, leftovers of killed "
        "runs.",
    ),
    "clean": Entry("disk", "Remove containers left behind by killed runs, and more on request."),
}
