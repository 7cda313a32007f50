"""The package index that the user configured: its wheels and their requirements.

Credentials of the index are sent to its own host only, and never appear in messages.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote, urlsplit, urlunsplit

import pypi_simple
import requests
from packaging.metadata import parse_email
from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from samcheck.errors import EnvironmentUnavailable
from samcheck.facts.refresh.remote import SECONDS, CaBundleSession, NoMetadata, OwnHost, RemoteFile

#: All Pythons that a wheel may be for.
PYTHONS = tuple(f"3.{minor}" for minor in range(7, 31))
#: Maximum size of a wheel's metadata, far more than any has.
_METADATA_BYTES = 4 * 2**20
_X86_64 = re.compile(r"(manylinux\w+)_x86_64")


@dataclass(frozen=True)
class Wheel:
    """A wheel for Linux x86_64 that is neither yanked nor a pre-release.

    Attributes:
        platform: ``manylinux_2_28``, ``any``, ...
        uploaded: None if the index does not say.
    """

    project: str
    version: Version
    tags: tuple[tuple[str, str], ...]
    platform: str
    requires_python: str
    uploaded: datetime | None
    package: pypi_simple.DistributionPackage

    def fits(self, python: str) -> bool:
        """Return whether it installs on a Python (``3.12``) that is not free-threaded."""
        if not _admits(self.requires_python, python):
            return False
        return any(_tag_fits(interpreter, abi, python) for interpreter, abi in self.tags)


def _admits(specifiers: str, python: str) -> bool:
    """Return whether `specifiers` allow `python`, judging by its newest possible patch release."""
    try:
        return SpecifierSet(specifiers).contains(f"{python}.99")
    except InvalidSpecifier:
        return False


def _tag_fits(interpreter: str, abi: str, python: str) -> bool:
    wanted = f"cp{python.replace('.', '')}"
    if abi in (wanted, f"{wanted}m"):
        return interpreter == wanted
    if abi == "abi3":
        return interpreter.startswith("cp3") and int(interpreter[3:]) <= int(python.partition(".")[2])
    return abi == "none" and interpreter in ("py3", wanted, f"py{python.replace('.', '')}")


class PackageIndex:
    """A package index with the simple API, as JSON or HTML.

    Args:
        url: may contain a user and a password.
        session: for tests.
    """

    def __init__(self, url: str, session: requests.Session | None = None) -> None:
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise EnvironmentUnavailable(
                "the configured package index has no http or https URL",
                "set PIP_INDEX_URL to one that has",
            )
        self.host = parts.hostname
        self._session = session or CaBundleSession()
        if parts.username:
            self._session.auth = OwnHost(self.host, unquote(parts.username), unquote(parts.password or ""))
        bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        self._client = pypi_simple.PyPISimple(bare, session=self._session)

    def wheels(self, project: str) -> tuple[Wheel, ...]:
        """Return all wheels of a project for Linux x86_64.

        Raises:
            EnvironmentUnavailable: the index cannot be reached, or its answer is not a list of wheels.
        """
        wheels = tuple(_wheels(project, self._files(project)))
        if not wheels:
            raise self._nonsense(project, "no wheel for Linux x86_64")
        return wheels

    def installable(self, project: str) -> dict[Version, tuple[str, ...]]:
        """Return the Pythons that each release can be installed on, from a wheel or a source archive.

        Raises:
            EnvironmentUnavailable: as in `wheels`.
        """
        files = self._files(project)
        found: dict[Version, set[str]] = {}
        for wheel in _wheels(project, files):
            found.setdefault(wheel.version, set()).update(filter(wheel.fits, PYTHONS))
        for version, requires_python in _archives(files):
            pythons = (python for python in PYTHONS if _admits(requires_python, python))
            found.setdefault(version, set()).update(pythons)
        return {version: tuple(python for python in PYTHONS if python in found[version]) for version in found}

    def _files(self, project: str) -> list[pypi_simple.DistributionPackage]:
        try:
            return self._client.get_project_page(project, timeout=SECONDS).packages
        except pypi_simple.NoSuchProjectError:
            raise self._trouble(f"it has no project {project}", "use an index that has it") from None
        except requests.JSONDecodeError as error:  # also a RequestException
            raise self._nonsense(project, type(error).__name__) from None
        except (requests.RequestException, OSError) as error:
            raise self._unreachable(project, error) from None
        except (ValueError, TypeError, KeyError, pypi_simple.UnsupportedRepoVersionError) as error:
            raise self._nonsense(project, type(error).__name__) from None

    def releases(self, project: str) -> dict[Version, tuple[Wheel, ...]]:
        """Return the same wheels by version.

        Raises:
            EnvironmentUnavailable: as in `wheels`.
        """
        releases: dict[Version, list[Wheel]] = {}
        for wheel in self.wheels(project):
            releases.setdefault(wheel.version, []).append(wheel)
        return {version: tuple(wheels) for version, wheels in releases.items()}

    def requirements(self, wheel: Wheel) -> list[Requirement]:
        """Return a wheel's requirements, from its metadata file or from the end of the wheel itself.

        Raises:
            NoMetadata: neither is available.
            EnvironmentUnavailable: the index cannot be reached.
        """
        try:
            raw, _ = parse_email(self._metadata(wheel.package))
            return [Requirement(line) for line in raw.get("requires_dist", [])]
        except requests.HTTPError as error:
            raise NoMetadata(f"the answer was {error.response.status_code}") from None
        except (requests.RequestException, OSError) as error:
            raise self._unreachable(wheel.project, error) from None
        except (ValueError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
            raise NoMetadata(f"it cannot be read ({type(error).__name__})") from None

    def _metadata(self, package: pypi_simple.DistributionPackage) -> bytes:
        if package.has_metadata is not False:  # None: the index does not say, but may have it
            try:
                return self._client.get_package_metadata_bytes(
                    package, verify=bool(package.metadata_digests), timeout=SECONDS
                )
            except pypi_simple.NoMetadataError:
                pass
        with zipfile.ZipFile(io.BufferedReader(RemoteFile(self._session, package.url), 2**18)) as archive:
            name = next(
                (name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)), ""
            )
            if not name or archive.getinfo(name).file_size > _METADATA_BYTES:
                raise NoMetadata("the wheel has none")
            return archive.read(name)

    def _trouble(self, what: str, remedy: str) -> EnvironmentUnavailable:
        return EnvironmentUnavailable(f"the configured package index ({self.host}): {what}", remedy)

    def _unreachable(self, project: str, error: Exception) -> EnvironmentUnavailable:
        response = getattr(error, "response", None)
        if response is not None:
            return self._trouble(
                f"it answered {response.status_code} for {project}",
                "check its address and credentials",
            )
        if isinstance(error, requests.exceptions.SSLError):
            return self._trouble(
                "its certificate is not trusted here", "give a CA bundle in SAMCHECK_CA_BUNDLE"
            )
        return self._trouble(
            f"it could not be reached for {project} ({type(error).__name__})",
            "check the network or the proxy",
        )

    def _nonsense(self, project: str, why: str) -> EnvironmentUnavailable:
        return self._trouble(
            f"its answer for {project} is not a list of wheels ({why})",
            "check that PIP_INDEX_URL points to its simple API, which often ends in /simple",
        )


def _wheels(project: str, packages: list[pypi_simple.DistributionPackage]) -> Iterator[Wheel]:
    for package in packages:
        if package.package_type != "wheel" or package.is_yanked:
            continue
        try:
            _, version, _, tags = parse_wheel_filename(package.filename)
        except (InvalidWheelFilename, InvalidVersion):
            continue
        fitting = [tag for tag in tags if tag.platform == "any" or _X86_64.fullmatch(tag.platform)]
        if not fitting or version.is_prerelease or version.local:
            continue
        platforms = sorted(_X86_64.sub(r"\1", tag.platform) for tag in fitting)
        yield Wheel(
            project,
            version,
            tuple(sorted({(tag.interpreter, tag.abi) for tag in fitting})),
            next(
                (platform for platform in platforms if re.fullmatch(r"manylinux_\d+_\d+", platform)),
                platforms[0],
            ),
            package.requires_python or "",
            package.upload_time,
            package,
        )


def _archives(packages: list[pypi_simple.DistributionPackage]) -> Iterator[tuple[Version, str]]:
    """Yield version and ``Requires-Python`` of source archives that are neither yanked nor pre-releases."""
    for package in packages:
        if package.package_type != "sdist" or package.is_yanked:
            continue
        try:
            _, version = parse_sdist_filename(package.filename)
        except (InvalidSdistFilename, InvalidVersion):
            continue
        if not version.is_prerelease and not version.local:
            yield version, package.requires_python or ""


def configured() -> str:
    """Return the index that uv or pip would use; may contain credentials, so only for `PackageIndex`."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        if os.environ.get(name):
            # uv's indexes may have a name in front: name=https://...
            return re.sub(r"^[\w-]+=(?=https?://)", "", os.environ[name])
    return from_pip_config(_pip_config()) or pypi_simple.PYPI_SIMPLE_ENDPOINT


def _pip_config() -> str:
    for pip in ([sys.executable, "-m", "pip"], ["pip"]):  # uv's environments have no pip
        try:
            done = subprocess.run(
                [*pip, "config", "list"], capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return done.stdout
    return ""


def from_pip_config(listed: str) -> str:
    """Return the index URL in the output of ``pip config list``; empty if there is none."""
    rows = re.findall(r"^(\S+)\.index-url='([^']*)'", listed, re.MULTILINE)
    urls = dict(rows)
    return urls.get(":env:") or urls.get("install") or urls.get("global") or ""
