"""What two environments differ in, as lines and as JSON (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from samcheck.analysis import package_changes
from samcheck.analysis.advise.contents_change import ContentsChange
from samcheck.analysis.advise.outline import OutlineLine
from samcheck.cells import Cell
from samcheck.environments.own.contents import OwnContents

#: Of a package that requirements leave to the installer.
NOT_NAMED = "not named"


def subject_lines(change: ContentsChange, cells: tuple[Cell, Cell]) -> Iterator[tuple[str, str, str]]:
    """Yield what an upgrade of SAM is about, with what both sides have of it, if one has any."""
    old, new = change.before, change.after
    yield "Python", old.python, new.python
    if any(cell.cuda for cell in cells):
        yield "CUDA build", cells[0].cuda or "unknown", cells[1].cuda or "unknown"
    before, after = (package_changes.subjects(side.packages) for side in (old, new))
    for subject in package_changes.SUBJECTS:
        had, has = before[subject], after[subject]
        plain = not (had and has) or had.keys() == has.keys() or subject == "cuDNN"
        texts = _described(had, plain, subject, old), _described(has, plain, subject, new)
        if had or has or any(text.startswith("not pinned") for text in texts):
            yield subject, *texts


def _described(packages: Mapping[str, str], plain: bool, subject: str, contents: OwnContents) -> str:
    """Return the versions of a subject's packages, or why there are none.

    Args:
        plain: leave out the name of a single package.
    """
    if packages:
        texts = (
            version if plain and len(packages) == 1 else f"{name} {version}"
            for name, version in packages.items()
        )
        return " and ".join(texts)
    loose = [name for name in contents.loose if package_changes.subject_of(name) == subject]
    if loose:
        return f"not pinned ({', '.join(name + contents.loose[name] for name in loose)})"
    return "none" if contents.complete else NOT_NAMED


def lines(change: ContentsChange, cells: tuple[Cell, Cell], most: int) -> Iterator[OutlineLine]:
    """Yield what changes, as much as the two sides say."""
    yield OutlineLine(f"WHAT CHANGES (read from {change.before.title} and {change.after.title})")
    rows = list(subject_lines(change, cells))
    same = [f"{subject} {old}" for subject, old, new in rows if old == new]
    known = [row for row in rows if row[1] != row[2] and NOT_NAMED not in row]
    yield from (OutlineLine(f"{subject} {old} -> {new}", 1) for subject, old, new in known)
    for side, contents in ((1, change.before), (2, change.after)):
        names = [row[0] for row in rows if row[side] == NOT_NAMED and row[1] != row[2]]
        if names:
            text = f"not named in {contents.title}, so it is as the installer chooses: {', '.join(names)}"
            yield OutlineLine(text, 1)
    for cell, contents in zip(cells, (change.before, change.after), strict=True):
        if cell.numpy and "numpy" not in contents.packages:
            text = (
                f"NumPy is not pinned in {contents.title}: judged by {cell.numpy}, the newest known that it"
            )
            yield OutlineLine(f"{text} allows", 1)
    others = [row for row in change.packages if not package_changes.subject_of(row.name)]
    for way, found in package_changes.by_way(others):
        yield OutlineLine(f"{way}: {package_changes.listed(found, most)}", 1)
    if same:
        yield OutlineLine(f"as before: {', '.join(same)}", 1)


def as_json(change: ContentsChange, cells: tuple[Cell, Cell]) -> dict[str, object]:
    """Return what changes as JSON."""
    return {
        "before": change.before.title,
        "after": change.after.title,
        "subjects": [
            {"subject": subject, "from": old, "to": new} for subject, old, new in subject_lines(change, cells)
        ],
        "changes": [
            {"name": row.name, "from": row.old, "to": row.new, "how": row.way} for row in change.packages
        ],
        "not_pinned": {"before": dict(change.before.loose), "after": dict(change.after.loose)},
    }
