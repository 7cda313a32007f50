"""The user's own CA certificates, for all downloads."""

from __future__ import annotations

import os
from pathlib import Path

#: What uv, pip, requests and OpenSSL read a bundle from.
VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def trust(bundle: str) -> None:
    """Use the certificates in the file `bundle` from now on."""
    os.environ["SAMCHECK_CA_BUNDLE"] = str(Path(bundle).resolve())


def ca_bundle() -> str:
    """Return the file of additional CA certificates that this machine trusts; empty if none is set.

    ``SAMCHECK_CA_BUNDLE`` first, then the variables of pip, requests and OpenSSL.
    """
    names = ("SAMCHECK_CA_BUNDLE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    given = (os.environ.get(name, "") for name in names)
    return next((path for path in given if path and Path(path).is_file()), "")
