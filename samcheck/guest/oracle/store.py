"""Encoded images on disk, by content: for a large variant, the oracle takes a minute or more per image."""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Callable, Optional
from zipfile import BadZipFile

import numpy as np

CACHE_VARIABLE = "SAMCHECK_CACHE"
#: Number of newest files to keep: 8 MiB each for the large variants.
KEPT = 32

# Part of each key, so that answers computed by other code are not found.
_CODE = hashlib.sha256(
    b"".join(
        (Path(__file__).parent / name).read_bytes()
        for name in ("layers.py", "sam.py", "tiny_vit.py", "hq_decoder.py")
    )
).digest()


@lru_cache(maxsize=1)
def folder() -> Path:
    """Return ``$SAMCHECK_CACHE``, else one in the user's cache, else, if that is not writable, a new one."""
    chosen = os.environ.get(CACHE_VARIABLE)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    path = Path(chosen or os.path.join(home, "samcheck", "oracle"))
    try:
        path.mkdir(parents=True, exist_ok=True)
        if os.access(path, os.W_OK):
            return path
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="samcheck-oracle-"))


def place(weights_digest: str, pixels: np.ndarray) -> Path:
    """Return the path of the file for these weights and resized pixels."""
    key = hashlib.sha256(_CODE + weights_digest.encode() + str(pixels.shape).encode() + pixels.tobytes())
    return folder() / (key.hexdigest() + ".npz")


def features(weights_digest: str, pixels: np.ndarray, compute: Callable[[], np.ndarray]) -> np.ndarray:
    """Return the result of `compute` for these weights and resized pixels, from disk if stored.

    A damaged file (the archive has a CRC) is computed again.
    """
    path = place(weights_digest, pixels)
    stored = _read(path)
    if stored is None:
        stored = compute()
        _write(path, stored)
    return stored


def _read(path: Path) -> Optional[np.ndarray]:
    try:
        # Open it here: if the file is not an archive, NumPy leaks its own handle.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            array: np.ndarray = archive["features"]
            os.utime(path)
            return array
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _write(path: Path, array: np.ndarray) -> None:
    """Write atomically, so that parallel cells never see a partial file; then remove the oldest files."""
    handle, draft = tempfile.mkstemp(dir=str(path.parent), suffix=".draft")
    with os.fdopen(handle, "wb") as stream:
        np.savez(stream, features=array)
    os.replace(draft, path)
    by_age = sorted(path.parent.glob("*.npz"), key=lambda stored: stored.stat().st_mtime, reverse=True)
    for old in by_age[KEPT:]:
        old.unlink()
