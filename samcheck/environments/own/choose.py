"""Where an own environment runs: as it is, installed in a folder, or in a container."""

from __future__ import annotations

from samcheck.environments import Environment
from samcheck.environments.own.declaration import OwnEnvironment, SourceKind
from samcheck.environments.own.existing import Existing


def environment_of(own: OwnEnvironment, kind: str) -> Environment:
    """Return where an own environment runs if the other cells of the run are in environments of `kind`."""
    if own.source is SourceKind.PYTHON:
        return Existing(own)
    # Imported only here: `samcheck carry` takes neither docker nor uv to a machine that installs nothing.
    if own.source.is_image or kind == "docker":
        from samcheck.environments.own.image import OwnImage

        return OwnImage(own)
    from samcheck.environments.own.installed import Installed

    return Installed(own)
