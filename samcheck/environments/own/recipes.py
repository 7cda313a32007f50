"""Dockerfiles that install own requirements, and that upgrade an image in place (pure)."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence

#: Where a build mounts what it needs, none of which stays in a layer.
FILES, SCRATCH, UV = "/run/files", "/run/converted", "/run/uv"
PYTHON = "/opt/venv/bin/python"
_CERTIFICATES = "set -eu; if [ -s /run/ca.crt ]; then export SSL_CERT_FILE=/run/ca.crt; fi; "
_MOUNTS = (
    "RUN --mount=type=bind,source=uv,target=/run/uv "
    "--mount=type=cache,id=samcheck-uv,target=/var/cache/uv --mount=type=secret,id=ca,target=/run/ca.crt "
)
_FROM_FILES = (
    f"--mount=type=bind,source=files,target={FILES},rw "
    f"--mount=type=bind,source=converted,target={SCRATCH},rw "
)


def installing(base: str, python: str, commands: Iterable[Sequence[str]]) -> str:
    """Return a Dockerfile that runs uv's `commands` for a new virtual environment of `python` on `base`."""
    lines = [
        f"FROM {base}",
        "ENV UV_CACHE_DIR=/var/cache/uv UV_LINK_MODE=copy UV_NO_PROGRESS=1 UV_PYTHON_INSTALL_DIR=/opt/python",
        f"{_MOUNTS}{_CERTIFICATES}/run/uv venv --quiet --seed --python {shlex.quote(python)} /opt/venv",
    ]
    steps = " && ".join(shlex.join([UV, *command]) for command in commands)
    lines.append(f"{_MOUNTS}{_FROM_FILES}{_CERTIFICATES}cd {FILES}; {steps}")
    lines.append("ENV VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:${PATH}")
    return "\n".join(lines) + "\n"


def upgrading(base: str, commands: Sequence[str]) -> str:
    """Return a Dockerfile that runs a user's shell commands in the image `base`, as its own user.

    They reach the network as the user's do: with the certificates of this machine, and with uv at hand.
    """
    bundle = (
        "if [ -s /run/ca.crt ]; then for name in SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE CURL_CA_BUNDLE; "
    )
    bundle += "do export $name=/run/ca.crt; done; fi; export PATH=$PATH:/run/tools; "
    mounts = "--mount=type=bind,source=tools,target=/run/tools "
    mounts += "--mount=type=secret,id=ca,target=/run/ca.crt,mode=0444"
    runs = [f"RUN {mounts} {json.dumps(['/bin/sh', '-c', bundle + command])}" for command in commands]
    return "\n".join((f"FROM {base}", *runs)) + "\n"
