"""Values of an own image's variables, kept out of its result: a traceback may show a password."""

from __future__ import annotations

from collections.abc import Mapping

from samcheck import codec, files
from samcheck.guest.record import CellResult
from samcheck.sanitize import redacted
from samcheck.storage import results


def without_secrets(result: CellResult, secrets: Mapping[str, str]) -> CellResult:
    """Return a result in which each secret text is replaced by what stands for it."""
    if not secrets:
        return result
    plain = redacted(files.parsed_json(results.to_json(result)), secrets)
    return results.parsed(codec.to_json(plain), result.cell.id)
