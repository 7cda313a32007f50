"""A package index that is played: its answers come from a dictionary, nothing is connected to."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable

import requests
from packaging.version import Version

from samcheck.facts import Facts
from samcheck.facts.refresh.simple_index import PackageIndex

HOST = "https://index.example"
FILES = "https://files.example"
DAY = "2026-01-01T12:00:00Z"
JSON = "application/vnd.pypi.simple.v1+json"


class Played(requests.adapters.BaseAdapter):
    """Answers from a dictionary; nothing is connected to."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, list[dict[str, object]]] = {}
        self.bodies: dict[str, bytes] = {}
        self.ranges = True
        self.answer: Callable[[str], tuple[int, str, bytes] | None] = lambda url: None
        self.asked: list[requests.PreparedRequest] = []

    def add(
        self,
        project: str,
        version: str,
        tag: str,
        requires: list[str] | None,
        day: int = 1,
        pythons: str | None = None,
        **more: object,
    ) -> str:
        name = f"{project.replace('-', '_')}-{version}-{tag}.whl"
        url = f"{FILES}/{name}"
        uploaded = f"2026-01-{day:02}T12:00:00Z"
        row: dict[str, object] = {"filename": name, "url": url, "hashes": {}, "upload-time": uploaded}
        if pythons is not None:
            row["requires-python"] = pythons
        if requires is not None:
            lines = "".join(f"Requires-Dist: {line}\n" for line in requires)
            self.bodies[f"{url}.metadata"] = f"Metadata-Version: 2.1\nName: x\n{lines}".encode()
        self.pages.setdefault(project, []).append({**row, **more})
        return url

    def add_archive(self, project: str, version: str, pythons: str) -> None:
        """Add a source archive."""
        name = f"{project.replace('-', '_')}-{version}.tar.gz"
        row: dict[str, object] = {
            "filename": name,
            "url": f"{FILES}/{name}",
            "hashes": {},
            "requires-python": pythons,
            "upload-time": DAY,
        }
        self.pages.setdefault(project, []).append(row)

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        self.asked.append(request)
        url = str(request.url)
        status, kind, body = self.answer(url) or self._known(url)
        answer = requests.Response()
        piece = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        if piece and status == 200 and self.ranges:
            start, end = int(piece[1]), min(int(piece[2]), len(body) - 1)
            answer.headers["Content-Range"] = f"bytes {start}-{end}/{len(body)}"
            status, body = 206, body[start : end + 1]
        answer.status_code, answer.raw, answer.url, answer.request = status, io.BytesIO(body), url, request
        answer.headers["Content-Type"] = kind
        return answer

    def close(self) -> None:
        pass

    def _known(self, url: str) -> tuple[int, str, bytes]:
        project = url.removeprefix(f"{HOST}/simple/").rstrip("/")
        if project in self.pages:
            page = {"meta": {"api-version": "1.0"}, "name": project, "files": self.pages[project]}
            return 200, JSON, json.dumps(page).encode()
        return (200, "text/plain", self.bodies[url]) if url in self.bodies else (404, "text/plain", b"")


def index(played: Played, url: str = f"{HOST}/simple/") -> PackageIndex:
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", played)
    return PackageIndex(url, session)


def of(known: Facts) -> Played:
    """An index that has exactly what the facts say."""
    made = Played()
    for day, release in enumerate(known.releases, 1):
        platform = f"{release.platform}_x86_64"
        build = release.default_build
        major = Version(build.cuda).major
        requires = [f"nvidia-cuda-runtime-cu{major}=={build.cuda}.99; platform_system == 'Linux'"]
        if major >= 13:
            requires = [f"cuda-toolkit[cudart,nvrtc]=={build.cuda}.2; platform_system == 'Linux'"]
        requires += [f"nvidia-cudnn-cu{major}=={build.cudnn}", "filelock"]
        for python in (*release.pythons, *release.torch_only):
            cp = f"cp{python.replace('.', '')}"
            abi = "cp37m" if python == "3.7" else cp
            made.add("torch", release.version, f"{cp}-{abi}-{platform}", requires, day)
            made.add("torch", release.version, f"{cp}-{cp}t-{platform}", requires, day)
        loose = Version(release.torchvision) > Version("0.29.0")
        pin = "torch>=2.14.0" if loose else f"torch=={release.version}"
        for python in release.pythons:
            cp = f"cp{python.replace('.', '')}"
            abi = "cp37m" if python == "3.7" else cp
            made.add("torchvision", release.torchvision, f"{cp}-{abi}-{platform}", ["numpy", pin], day)
    made.add("torch", "9.0.0rc1", "cp312-cp312-manylinux_2_28_x86_64", [])
    made.add("torch", "8.0.0", "cp312-cp312-manylinux_2_28_x86_64", [], yanked=True)
    made.add("torch", "7.0.0", "cp312-cp312-win_amd64", [])
    for series in known.numpy:
        for python in series.pythons:
            cp = f"cp{python.replace('.', '')}"
            abi = "cp37m" if python == "3.7" else cp
            made.add("numpy", series.newest, f"{cp}-{abi}-manylinux_2_17_x86_64.manylinux2014_x86_64", [])
    for toolkit in known.toolkits:
        made.add("cuda-toolkit", toolkit.version, "py3-none-any", [])
    for package in known.packages:
        for python, version in package.versions.items() if package.name != "numpy" else ():
            made.add(package.name, version, "py3-none-any", [], pythons=f">={python}")
    add_sam(made, known)
    return made


def add_sam(made: Played, known: Facts) -> None:
    """Add the packages that provide SAM, and what is installed beside them."""
    for row in known.sam:
        if row.file == "sdist":
            made.add_archive(row.name, row.version, row.python)
        else:
            made.add(row.name, row.version, "py3-none-any", [], pythons=row.python)
    for dependency in known.dependencies:
        for python, version in dependency.versions.items():
            made.add(dependency.name, version, "py3-none-any", [], pythons=f">={python}")
