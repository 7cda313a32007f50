"""A variant of SAM that a matrix declares: the user's own package or checkpoint, which guests only read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from samcheck import files
from samcheck.errors import BadInput
from samcheck.guest.variant_names import DECLARED_VARIABLE, VARIANT_TIERS

#: Characters of the digest that a result and a message show.
DIGEST_LENGTH = 12
#: Folders in a package that are no part of its code.
LEFT_OUT = frozenset(("__pycache__", ".git", ".samcheck"))
#: The most files that a package may have: a folder of pictures is not one.
MOST_FILES = 5_000


@dataclass(frozen=True)
class OwnVariant:
    """A variant of the user's own.

    Attributes:
        path: the package's folder, the module's file, or the checkpoint.
        base: the variant whose classes the checkpoint is for; empty for a package.
        target: what registers a package's variant: a module, or ``module:attribute``.
        given_tier: the tier that the matrix gives it; empty for that of the base or of the package.
    """

    name: str
    path: Path
    base: str = ""
    target: str = ""
    given_tier: str = ""

    @property
    def tier(self) -> str:
        """The smallest tier that runs it; empty if only the package knows."""
        return self.given_tier or VARIANT_TIERS.get(self.base, "")

    @property
    def title(self) -> str:
        """What it is made from, without this machine's folders."""
        kind = f"{self.path.name} for {self.base}" if self.base else f"package {self.path.name}"
        tier = f", tier {self.given_tier}" if self.given_tier else ""
        return f"{kind}{tier}, sha256 {self.digest[:DIGEST_LENGTH]}"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the contents.

        Raises:
            BadInput: they cannot be read.
        """
        try:
            if self.path.is_dir():
                return _of_folder(self.path)
            with self.path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise BadInput(f"{self.path}: {error.strerror}") from None


def _of_folder(folder: Path) -> str:
    summary = hashlib.sha256()
    for path in _files(folder):
        summary.update(f"{path.relative_to(folder)}\0".encode() + hashlib.sha256(files.read(path)).digest())
    return summary.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    count = 0
    for path in sorted(folder.rglob("*")):
        if LEFT_OUT & set(path.relative_to(folder).parts) or not path.is_file():
            continue
        count += 1
        if count > MOST_FILES:
            raise BadInput(f"{folder}: has more than {MOST_FILES} files: name the folder of the package")
        yield path


def details(variants: Sequence[OwnVariant]) -> dict[str, str]:
    """Return what a result stores of variants: another content is then seen to be another model."""
    return {f"variant {variant.name}": variant.title for variant in variants}


def contents(variants: Sequence[OwnVariant]) -> tuple[str, ...]:
    """Return what decides whether two runs had the same variants."""
    return tuple(f"{variant.name} {variant.digest}" for variant in variants)


def environment(variants: Sequence[OwnVariant], seen: Callable[[OwnVariant], str]) -> dict[str, str]:
    """Return the variable that declares variants to a guest, for which `seen` says where each one is."""
    entries = [
        {
            "name": variant.name,
            "path": seen(variant),
            "base": variant.base,
            "target": variant.target,
            "tier": variant.given_tier,
        }
        for variant in variants
    ]
    return {DECLARED_VARIABLE: json.dumps(entries)} if entries else {}
