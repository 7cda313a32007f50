"""Results as Parquet, one row for each check, with types.

pyarrow rather than DuckDB: rows with maps go in as a stream, and DuckDB would take them by way of Arrow too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import IO

from samcheck.errors import BadInput
from samcheck.report.exports.rows import COLUMNS, Value, rows
from samcheck.results import Stored

#: Rows that are held in memory at once.
BATCH = 20_000


def write(found: Iterable[Stored], problems: list[str], stream: IO[bytes]) -> None:
    """Parquet; `metrics` and `settings` are maps.

    Raises:
        BadInput: pyarrow is not installed.
    """
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        raise BadInput(
            "Parquet needs pyarrow: install samcheck's extra, `pip install -e '.[parquet]'`, or export csv"
        ) from None
    text, number = arrow.string(), arrow.float64()
    kinds = {"seconds": number, "metrics": arrow.map_(text, number), "settings": arrow.map_(text, text)}
    schema = arrow.schema([(name, kinds.get(name, text)) for name in COLUMNS])
    with parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        for some in _batches(chain.from_iterable(map(rows, found))):
            writer.write_table(arrow.Table.from_pylist(some, schema))


def _batches(every: Iterator[dict[str, Value]]) -> Iterator[list[dict[str, Value]]]:
    while some := list(islice(every, BATCH)):
        yield some
