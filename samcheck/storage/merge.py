"""Folders of results → one, e.g. the shards of a fan-out.

Each folder is laid out like ``results/``: ``<device>/<driver>/<cell>.json``. The outcome does not depend on
the order of the folders, and merging again changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from samcheck import files
from samcheck.cells import LeftOut
from samcheck.errors import BadInput
from samcheck.guest.outcomes import CellOutcome
from samcheck.guest.record import CellResult
from samcheck.storage import left_out_cells, results

#: Tiers, fewest checks first; an unknown tier ranks above the last.
TIERS = ("fast", "full")

_SHARD = re.compile(r"shard-([0-9]{1,6})-of-([0-9]{1,6})")


@dataclass(frozen=True)
class Merged:
    """The outcome of a merge.

    Attributes:
        taken: new results, by their paths under the merged folder.
        replaced: results that replaced an older one.
        kept: results that were there and stayed, being the same, newer, or of a larger tier.
        notes: a sentence for each cell of which a run was passed over for one of a larger tier.
        problems: a sentence, with a path, for each file that was skipped because it is unusable.
        failed: results in the folders that did not pass, the newest of each cell and tier.
        left_out: cells that the runs of the folders left out and none of them ran, each once; None if no
            folder has such a list.
    """

    taken: tuple[PurePosixPath, ...] = ()
    replaced: tuple[PurePosixPath, ...] = ()
    kept: tuple[PurePosixPath, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    failed: tuple[PurePosixPath, ...] = ()
    left_out: tuple[LeftOut, ...] | None = None


@dataclass(frozen=True)
class _Candidate:
    """One file that is a result, and its `place` under the folder it was found in."""

    place: PurePosixPath
    result: CellResult
    finished: datetime
    content: bytes

    @property
    def size(self) -> int:
        """The rank of its tier."""
        return TIERS.index(self.result.tier) if self.result.tier in TIERS else len(TIERS)

    @property
    def rank(self) -> tuple[int, datetime, bytes]:
        """Sort key: the greatest wins; the content breaks ties, so that the order never matters."""
        return self.size, self.finished, self.content


def merge(folders: Sequence[Path], into: Path) -> Merged:
    """Merge the results in `folders` into those in `into`.

    Of several results for one place, the larger tier wins, then the one that finished last. Files are copied
    byte for byte, atomically. Unreadable files are reported and skipped; those in `into` are not overwritten.

    A shard that died early leaves an empty folder or none: the others are merged anyway, and it is reported
    as a problem.

    Raises:
        BadInput: a folder is missing, or none has results; results cannot be stored in `into`.
    """
    problems = _without_results(folders)
    if len(problems) == len(folders) or not all(folder.is_dir() for folder in folders):
        raise BadInput("\n".join(problems))
    results.require_writable(into)
    arriving, unreadable = _read_all(folders)
    left_out, torn = _left_out(folders, {candidate.result.cell.id for candidate in arriving})
    problems += [*unreadable, *_missing(folders), *torn]
    standing, unusable = _read_all([into])
    best = _best([*standing, *arriving])
    there = _best(standing)
    lying = {path.relative_to(into) for path in results.result_files(into)}
    in_the_way = lying - {Path(place) for place in there}
    done: dict[str, list[PurePosixPath]] = {"taken": [], "replaced": [], "kept": []}
    for place in sorted({candidate.place for candidate in arriving}):
        if Path(place) in in_the_way:
            problems.append(f"{into / place}: stands in the way of a result: move it away and merge again")
        elif place in there and there[place].content == best[place].content:
            done["kept"].append(place)
        else:
            files.write_atomically(into / place, best[place].content)
            done["replaced" if place in there else "taken"].append(place)
    return Merged(
        **{word: tuple(places) for word, places in done.items()},
        notes=tuple(_passed_over([*standing, *arriving], best)),
        problems=tuple(sorted({*problems, *unusable})),
        failed=tuple(_failed(arriving)),
        left_out=left_out,
    )


def _left_out(folders: Sequence[Path], ran: Collection[str]) -> tuple[tuple[LeftOut, ...] | None, list[str]]:
    """Return the cells that runs of the folders left out and none `ran`, and problems with these lists.

    Parts of one plan all leave out the same cells; different machines may give several reasons.
    """
    notes = [
        left_out_cells.noted(path)
        for folder in folders
        if (path := folder / left_out_cells.LEFT_OUT).exists()
    ]
    reasons: dict[str, set[str]] = {}
    for left_out, _ in notes:
        for cell in left_out:
            if cell.id not in ran:
                reasons.setdefault(cell.id, set()).add(cell.reason)
    joined = tuple(LeftOut(id, "; ".join(sorted(reasons[id]))) for id in sorted(reasons))
    torn = [problem for _, problems in notes for problem in problems]
    return (joined if len(notes) > len(torn) else None), torn


def _missing(folders: Sequence[Path]) -> Iterator[str]:
    """Yield the shards that are missing, judging by the names ``shard-<i>-of-<n>`` of the others."""
    named = [match for folder in folders if (match := _SHARD.fullmatch(folder.resolve().name))]
    for count in sorted({int(match[2]) for match in named}):
        there = {int(match[1]) for match in named if int(match[2]) == count}
        for index in sorted(set(range(1, count + 1)) - there):
            yield f"shard-{index}-of-{count}: is missing: its cells are not in the table"


def _without_results(folders: Sequence[Path]) -> list[str]:
    problems = []
    for folder in folders:
        if not folder.is_dir():
            problems.append(f"{folder}: is not a folder: give the --results folder of each shard")
        elif not results.result_files(folder):
            problems.append(
                f"{folder}: has no results (<device>/<driver>/<cell>.json): did its shard get that far, "
                "and was this its --results folder?"
            )
    return problems


def _read_all(folders: Iterable[Path]) -> tuple[list[_Candidate], list[str]]:
    """Return every result in `folders`, and a sentence for each file that is not a result."""
    candidates, problems = [], []
    for folder in folders:
        for path in results.result_files(folder):
            try:
                candidates.append(_read(folder, path))
            except BadInput as problem:
                problems.append(files.named(str(problem)))
    return candidates, problems


def _read(folder: Path, path: Path) -> _Candidate:
    content = files.read(path, results.LARGEST)
    result = results.parsed(content, str(path))
    # A file with another cell's name would replace that cell's result.
    expected = results.place(folder, result, path.parent.parent.name)
    if expected != path:
        raise BadInput(f"{path}: is the result of {expected.relative_to(folder)}: rename it to that")
    try:
        finished = datetime.fromisoformat(result.finished)
    except ValueError:
        raise BadInput(f"{path}: finished: {result.finished!r} is not a time in ISO 8601") from None
    if finished.tzinfo is None:
        finished = finished.replace(tzinfo=UTC)
    return _Candidate(PurePosixPath(path.relative_to(folder)), result, finished, content)


def _best(candidates: Iterable[_Candidate]) -> dict[PurePosixPath, _Candidate]:
    best: dict[PurePosixPath, _Candidate] = {}
    for candidate in candidates:
        if candidate.place not in best or candidate.rank > best[candidate.place].rank:
            best[candidate.place] = candidate
    return best


def _passed_over(candidates: Iterable[_Candidate], best: dict[PurePosixPath, _Candidate]) -> Iterator[str]:
    """Yield the results that lost to a larger tier, older or newer: the table will not show them."""
    smaller = (candidate for candidate in candidates if candidate.size < best[candidate.place].size)
    newest = _best(smaller)
    for place, loser in sorted(newest.items()):
        winner = best[place].result
        yield (
            f"{place}: the {winner.tier} result of {winner.finished} is kept, not the {loser.result.tier} "
            f"one of {loser.result.finished} ({loser.result.outcome})"
        )


def _failed(arriving: Iterable[_Candidate]) -> Iterator[PurePosixPath]:
    """Yield the failures; a pass in one tier does not hide a failure in another."""
    tiers: dict[int, list[_Candidate]] = {}
    for candidate in arriving:
        tiers.setdefault(candidate.size, []).append(candidate)
    newest = [candidate for same in tiers.values() for candidate in _best(same).values()]
    yield from sorted(
        {candidate.place for candidate in newest if candidate.result.outcome is not CellOutcome.PASSED}
    )
