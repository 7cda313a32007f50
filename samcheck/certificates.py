"""Certificates of the user's own, for whatever downloads."""

from __future__ import annotations

import os
from pathlib import Path


def trust(bundle: str) -> None:
    """Use the certificates in the file `bundle` from now on."""
    os.environ["SAMCHECK_CA_BUNDLE"] = str(Path(bundle).resolve())


def ca_bundle() -> str:
    """The certificates that this machine trusts beyond the usual ones; empty when none are set.

    ``SAMCHECK_CA_BUNDLE`` first, then what pip, requests and OpenSSL are told here.
    """
    names = ("SAMCHECK_CA_BUNDLE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    given = (os.environ.get(name, "") for name in names)
    return next((path for path in given if path and Path(path).is_file()), "")
