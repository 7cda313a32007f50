"""Reader for a probe's report on its environment."""

from __future__ import annotations

from samcheck import codec
from samcheck.errors import BadInput
from samcheck.guest.record import Fingerprint
from samcheck.sanitize import printable

_FINGERPRINT = codec.RecordDecoder(Fingerprint)


def as_fingerprint(content: bytes) -> Fingerprint:
    """Parse a probe's report.

    Raises:
        BadInput: it is missing or truncated.
    """
    try:
        return _FINGERPRINT.whole(_FINGERPRINT.read(content))
    except ValueError as error:
        raise BadInput(f"the probe's report is not a fingerprint: {printable(str(error))}") from None
