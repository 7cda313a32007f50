"""The configured index: which one it is, what its wheels fit, and whom its credentials reach."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from urllib.parse import quote, urlsplit

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from samcheck.errors import EnvironmentUnavailable, SamcheckError
from samcheck.facts.refresh import simple_index
from samcheck.facts.refresh.remote import NoMetadata
from samcheck.facts.refresh.simple_index import PackageIndex
from tests.unit.played_index import JSON, Played, index

Answer = Callable[[str], tuple[int, str, bytes]]


def wheel(requires: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("torch/big.so", bytes(2**20))
        archive.writestr("x-1.dist-info/METADATA", f"Metadata-Version: 2.1\nRequires-Dist: {requires}\n")
    return content.getvalue()


def test_metadata_is_read_from_the_wheel_where_the_index_has_no_file_of_it() -> None:
    played = Played()
    url = played.add("torch", "3.0.0", "cp312-cp312-manylinux_2_28_x86_64", None)
    played.bodies[url] = wheel("cuda-toolkit==14.1.2")
    made = index(played)
    (only,) = made.wheels("torch")
    assert [str(requirement) for requirement in made.requirements(only)] == ["cuda-toolkit==14.1.2"]
    played.ranges = False
    with pytest.raises(NoMetadata, match="does not support range requests"):
        made.requirements(only)
    played.ranges = True
    for broken in (b"", b"no zip file", played.bodies[url][:-30]):
        played.bodies[url] = broken
        with pytest.raises(NoMetadata):
            made.requirements(only)


def no_route(url: str) -> tuple[int, str, bytes]:
    raise requests.ConnectionError(f"HTTPSConnectionPool(host={url!r}): Max retries exceeded")


def no_trust(url: str) -> tuple[int, str, bytes]:
    raise requests.exceptions.SSLError(url)


OTHER_API = b'{"meta": {"api-version": "9.0"}, "name": "torch", "files": []}'
#: What an index may do instead of answering, and the words for it.
TROUBLES: list[tuple[str, Answer]] = [
    ("could not be reached for torch", no_route),
    ("certificate is not trusted", no_trust),
    ("answered 401", lambda url: (401, "text/html", b"log in")),
    ("answered 500", lambda url: (500, "text/html", b"")),
    ("has no project torch", lambda url: (404, "text/html", b"")),
    ("is not a list of wheels", lambda url: (200, "text/html", b"<html><a href='/login'>log in</a></html>")),
    ("is not a list of wheels", lambda url: (200, "text/html", b"\xff\x00")),
    ("is not a list of wheels", lambda url: (200, JSON, b"{")),
    ("is not a list of wheels", lambda url: (200, JSON, b'{"files": 1}')),
    ("is not a list of wheels", lambda url: (200, "image/png", b"\x89PNG")),
    ("is not a list of wheels", lambda url: (200, JSON, OTHER_API)),
]


@pytest.mark.parametrize(("said", "answer"), TROUBLES)
def test_an_index_that_does_not_answer_is_one_sentence(said: str, answer: Answer) -> None:
    played = Played()
    played.answer = answer
    with pytest.raises(EnvironmentUnavailable) as caught:
        index(played, "https://me:s3cret@index.example/simple/").wheels("torch")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "index.example" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "ftp://x", "file:///srv/simple", "https://", "http://[bad", "nonsense"])
def test_an_address_that_is_none_is_one_sentence(url: str) -> None:
    with pytest.raises(EnvironmentUnavailable, match="no http or https URL"):
        PackageIndex(url)


SECRET = st.text(st.sampled_from("abXY019%/@:#?"), min_size=6, max_size=20).map(lambda text: f"S{text}E")


@settings(max_examples=50)
@given(SECRET, st.sampled_from([answer for _, answer in TROUBLES]))
def test_credentials_go_to_their_host_and_into_no_message(secret: str, answer: Answer) -> None:
    quoted = quote(secret, safe="")
    played = Played()
    url = played.add("torch", "3.0.0", "cp312-cp312-manylinux_2_28_x86_64", ["numpy"])
    made = index(played, f"https://user:{quoted}@index.example/simple/?token={quoted}")
    (only,) = made.wheels("torch")
    made.requirements(only)
    for request in played.asked:
        own = urlsplit(str(request.url)).hostname == "index.example"
        assert ("Authorization" in request.headers) == own
        assert quoted not in str(request.url)
    assert any(url in str(request.url) for request in played.asked)
    played.answer = answer
    with pytest.raises(SamcheckError) as caught:
        made.wheels("torch")
    assert secret not in str(caught.value)
    assert quoted not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "listed", "expected"),
    [
        (
            {"UV_DEFAULT_INDEX": "https://a/simple", "PIP_INDEX_URL": "https://b/simple"},
            "",
            "https://a/simple",
        ),
        ({"UV_DEFAULT_INDEX": "own=https://a/simple"}, "", "https://a/simple"),
        ({"UV_INDEX_URL": "https://a/simple"}, "", "https://a/simple"),
        ({"PIP_INDEX_URL": "https://b/simple"}, "global.index-url='https://c/simple'\n", "https://b/simple"),
        ({}, "global.cert='/x'\nglobal.index-url='https://c/simple'\n", "https://c/simple"),
        ({}, "global.index-url='https://c'\ninstall.index-url='https://d'\n", "https://d"),
        ({}, "global.extra-index-url='https://c'\n", PYPI_SIMPLE_ENDPOINT),
    ],
)
def test_index_is_the_one_that_is_configured(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], listed: str, expected: str
) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(simple_index, "_pip_config", lambda: listed)
    assert simple_index.configured() == expected


@pytest.mark.parametrize(
    ("tag", "requires", "fitting"),
    [
        ("cp312-cp312-manylinux_2_28_x86_64", None, {"3.12"}),
        ("cp312-cp312t-manylinux_2_28_x86_64", None, set()),
        ("cp37-cp37m-manylinux1_x86_64", None, {"3.7"}),
        ("cp37-abi3-manylinux2014_x86_64", ">=3.10", {"3.10", "3.11", "3.12", "3.13"}),
        ("py3-none-any", ">=3.9,<3.12", {"3.9", "3.10", "3.11"}),
        ("py3-none-manylinux_2_28_x86_64", ">=3.13", {"3.13"}),
        ("py3-none-any", "!=3.12.1", {"3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"}),
        ("py2.py3-none-any", ">=3.13", {"3.13"}),
        ("py3-none-any", "nonsense", set()),
    ],
)
def test_which_pythons_a_wheel_fits(tag: str, requires: str | None, fitting: set[str]) -> None:
    played = Played()
    played.add("x", "1.0", tag, [], pythons=requires)
    (only,) = index(played).wheels("x")
    assert {f"3.{minor}" for minor in range(7, 14) if only.fits(f"3.{minor}")} == fitting
