"""What a probe said of its environment."""

from __future__ import annotations

from samcheck import codec
from samcheck.errors import BadInput
from samcheck.guest.record import Fingerprint
from samcheck.sanitize import printable

_FINGERPRINT = codec.RecordDecoder(Fingerprint)


def as_fingerprint(content: bytes) -> Fingerprint:
    """What the probe said.

    Raises:
        BadInput: it is missing or torn.
    """
    try:
        return _FINGERPRINT.whole(_FINGERPRINT.read(content))
    except ValueError as error:
        raise BadInput(f"what the probe reported is not a fingerprint: {printable(str(error))}") from None
