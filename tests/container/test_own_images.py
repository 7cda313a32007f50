"""Odd images of the user's own: each becomes an environment, or a sentence says why not.

Built for real on the base of cells; what is tested is there by its metadata only, since nothing is computed.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from samcheck.cells import Cell
from samcheck.environments import base_images, docker
from samcheck.environments.docker import DockerPlace
from samcheck.environments.own import brought
from samcheck.environments.own.declaration import OwnEnvironment, SourceKind
from samcheck.environments.own.image import OwnImage
from samcheck.errors import BuildFailed, Refused
from samcheck.facts import requirements
from samcheck.guest.outcomes import FailureCause
from samcheck.guest.record import Fingerprint
from tests.unit import made_packages

SITE = "/usr/local/lib/python3.11/dist-packages"
HAS_ALL = f"COPY site {SITE}\n"


def nothing_brought(seen: Fingerprint) -> tuple[str, ...]:
    """What is tested has to be there; nothing else is needed by what runs here."""
    brought._require_testable(seen)
    return ()


@pytest.fixture
def context(tmp_path: Path, base: base_images.Present, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to build in, with the metadata of what is tested; nothing has to be brought."""
    for name, version in (("torch", "2.4.1"), ("torchvision", "0.19.1"), ("numpy", "1.26.4")):
        made_packages.install(tmp_path / "context" / "site", name, version)
    monkeypatch.setattr(brought, "packages_for", nothing_brought)
    return tmp_path / "context"


def declared(context: Path, recipe: str, base: base_images.Present, **more: Any) -> OwnEnvironment:
    (context / "Dockerfile").write_text(recipe.replace("BASE", base.image), encoding="utf-8")
    own = OwnEnvironment("odd", SourceKind.DOCKERFILE, str(context / "Dockerfile"), context=context)
    return replace(own, **more)


def prepared(own: OwnEnvironment, context: Path, engine: docker.Docker) -> DockerPlace:
    try:
        log = context.parent / "log"
        return OwnImage(own).prepare(Cell("", "", "", own=own.id), requirements.NOTHING, log)
    finally:
        for one in (own, replace(own, upgrade=())):
            subprocess.run(["docker", "rmi", "-f", OwnImage(one).tag], capture_output=True, check=False)


#: The recipe, the cause and words of the reason.
REFUSED = {
    "no Python": (
        "FROM scratch\nCOPY site /site\n",
        FailureCause.CONTENT,
        "the image has no Python that can be run",
    ),
    "no PyTorch": ("FROM BASE\n", FailureCause.CONTENT, "it has no PyTorch and no torchvision and no NumPy"),
    "no torchvision": (
        f"FROM BASE\nCOPY site {SITE}\nRUN rm -r {SITE}/torchvision*\n",
        FailureCause.CONTENT,
        "it has no torchvision, which SAM needs, in its Python 3.11",
    ),
    "a step that fails": (
        "FROM BASE\nRUN echo 'error: no such wheel' && false\n",
        FailureCause.INSTALLER,
        "no such wheel",
    ),
    "a base that is nowhere": ("FROM registry.example/acme:1\n", FailureCause.INSTALLER, "registry.example"),
    "no recipe": ("", FailureCause.INSTALLER, "Dockerfile"),
    "a Python that does not start": (
        f"FROM BASE\n{HAS_ALL}ENV PYTHONHOME=/nowhere\n",
        FailureCause.CONTENT,
        "the image has no Python that can be run",
    ),
    "a user that is nobody": (
        f"FROM BASE\n{HAS_ALL}USER acme-service\n",
        FailureCause.CONTENT,
        "acme-service",
    ),
    "a Python for root only": (
        f"FROM BASE\n{HAS_ALL}RUN chmod 700 /usr/bin /usr/lib\nUSER 4711\n",
        FailureCause.CONTENT,
        "the image has no Python that can be run",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_said(
    name: str, context: Path, base: base_images.Present, engine: docker.Docker
) -> None:
    recipe, cause, words = REFUSED[name]
    with pytest.raises(BuildFailed, match=words) as caught:
        prepared(declared(context, recipe, base), context, engine)
    assert caught.value.cause is cause


ACCEPTED = {
    "plain": f"FROM BASE\n{HAS_ALL}",
    "an entrypoint of its own": f'FROM BASE\n{HAS_ALL}ENTRYPOINT ["sleep", "1000"]\nCMD ["9"]\n',
    "a user of its own": f"FROM BASE\n{HAS_ALL}RUN useradd app\nUSER app\n",
    "a user without a name": f"FROM BASE\n{HAS_ALL}USER 4711:4712\n",
    "a site that is read-only": f"FROM BASE\n{HAS_ALL}RUN chmod -R a-w {SITE}\nUSER 4711\n",
    "no shell": f"FROM BASE\n{HAS_ALL}RUN rm /bin/sh /bin/bash /bin/dash\n",
    "packages on PYTHONPATH": "FROM BASE\nCOPY site /opt/acme\nENV PYTHONPATH=/opt/acme\n",
    "a working folder with modules": (
        f"FROM BASE\n{HAS_ALL}RUN mkdir /app && echo 1/0 > /app/json.py\nWORKDIR /app\n"
    ),
    "a health check and a volume": f"FROM BASE\n{HAS_ALL}HEALTHCHECK CMD false\nVOLUME /data\n",
    "an environment in /opt/venv": (
        "FROM BASE\nRUN python3 -m venv --without-pip /opt/venv\n"
        "COPY site /opt/venv/lib/python3.11/site-packages\n"
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_can_be_used_is_used_as_it_is(
    name: str, context: Path, base: base_images.Present, engine: docker.Docker
) -> None:
    own = declared(context, ACCEPTED[name], base)
    place = prepared(own, context, engine)
    assert place.details["declared"] == "dockerfile Dockerfile"
    assert place.details["image_id"].startswith("sha256:")
    assert place.python.endswith(("python", "python3"))


def test_values_of_variables_are_hidden_and_their_names_kept(
    context: Path, base: base_images.Present, engine: docker.Docker
) -> None:
    place = prepared(
        declared(context, f"FROM BASE\n{HAS_ALL}ENV ACME_TOKEN=s3cr3t-value\n", base), context, engine
    )
    assert "ACME_TOKEN" in place.details["variables"].split(", ")
    assert "s3cr3t-value" not in str(place.details)
    assert place.secrets == {"s3cr3t-value": "<value of ACME_TOKEN>"}


def test_an_interpreter_that_is_named_is_the_one_that_is_used(
    context: Path, base: base_images.Present, engine: docker.Docker
) -> None:
    own = declared(context, f"FROM BASE\n{HAS_ALL}", base, python="/usr/bin/python3.11")
    assert prepared(own, context, engine).python == "/usr/bin/python3.11"
    with pytest.raises(BuildFailed, match="/usr/bin/python2"):
        prepared(replace(own, python="/usr/bin/python2"), context, engine)


@pytest.mark.parametrize(
    ("recipe", "command", "words"),
    [
        (f"FROM BASE\n{HAS_ALL}", "echo 'ERROR: no such package' >&2; exit 1", "no such package"),
        (f"FROM BASE\n{HAS_ALL}RUN rm /bin/sh\n", "pip install x", "sh"),
        (f"FROM BASE\n{HAS_ALL}USER 4711\n", f"touch {SITE}/x", "Permission denied"),
    ],
    ids=["it fails", "no shell", "not allowed"],
)
def test_an_upgrade_that_fails_is_said(
    recipe: str, command: str, words: str, context: Path, base: base_images.Present, engine: docker.Docker
) -> None:
    with pytest.raises(BuildFailed, match=words):
        prepared(declared(context, recipe, base, upgrade=(command,)), context, engine)


def test_an_upgrade_changes_the_image(
    context: Path, base: base_images.Present, engine: docker.Docker
) -> None:
    command = f"rm -r {SITE}/torch-2.4.1.dist-info"
    own = declared(context, f"FROM BASE\n{HAS_ALL}", base, upgrade=(command,))
    with pytest.raises(BuildFailed, match="it has no PyTorch, which"):
        prepared(own, context, engine)


def archive(path: Path, processor: str, content: bytes = b"") -> OwnEnvironment:
    """Write an archive of an image, by the format that `docker save` has had since 1.10."""
    layer = io.BytesIO()
    tarfile.open(fileobj=layer, mode="w").close()

    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = {
        "architecture": processor,
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    named = {
        "config.json": json.dumps(config).encode(),
        "layer.tar": layer.getvalue(),
        "manifest.json": json.dumps(
            [{"Config": "config.json", "RepoTags": None, "Layers": ["layer.tar"]}]
        ).encode(),
    }
    with tarfile.open(path, "w") as whole:
        for name, data in named.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            whole.addfile(entry, io.BytesIO(data))
    if content:
        path.write_bytes(content)
    return OwnEnvironment("odd", SourceKind.ARCHIVE, str(path))


@pytest.mark.parametrize(
    ("processor", "content", "words"),
    [
        ("arm64", b"", "the image is for linux on arm64, and this engine runs linux on "),
        ("amd64", b"", "the image has no Python that can be run"),
        ("amd64", b"no tar at all", "could not be loaded as an image's archive"),
        ("amd64", b"\0" * 10240, "could not be loaded as an image's archive"),
    ],
    ids=["another processor", "empty", "no archive", "an empty archive"],
)
def test_archives(
    processor: str, content: bytes, words: str, context: Path, engine: docker.Docker, tmp_path: Path
) -> None:
    with pytest.raises(BuildFailed, match=words):
        prepared(archive(tmp_path / "image.tar", processor, content), context, engine)


@pytest.mark.parametrize("name", ["registry.example/acme/sam:1", "acme sam", "::", "-v"])
def test_a_name_of_no_image_is_said(name: str, context: Path, engine: docker.Docker) -> None:
    own = OwnEnvironment("odd", SourceKind.IMAGE, name)
    with pytest.raises((BuildFailed, Refused)) as caught:
        prepared(own, context, engine)
    assert name in str(caught.value)


def test_without_an_engine_an_image_is_refused(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    own = OwnEnvironment("odd", SourceKind.IMAGE, "acme")
    with pytest.raises(
        Refused, match="an image needs a container engine, and no Docker engine answers"
    ) as caught:
        OwnImage(own).prepare(Cell("", "", "", own=own.id), requirements.NOTHING, context / "log")
    assert caught.value.cause is FailureCause.ENGINE
