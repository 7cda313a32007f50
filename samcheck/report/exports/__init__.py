"""Results → what programs read. Results come one at a time, so that thousands of them fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import IO

from samcheck.report.exports import badge, csv_rows, github_workflow, json_document, junit
from samcheck.storage.index import parquet
from samcheck.storage.results import Stored, UnreadableFile

#: Writes all of the results; looks at the unreadable files when it has seen the last result.
Export = Callable[[Iterable[Stored], Sequence[UnreadableFile], IO[bytes]], None]

FORMATS: dict[str, Export] = {
    "json": json_document.write,
    "csv": csv_rows.write,
    "parquet": parquet.write,
    "junit": junit.write,
    "badge": badge.write,
    "annotations": github_workflow.write_annotations,
    "summary": github_workflow.write_summary,
}
