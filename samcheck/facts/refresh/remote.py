"""HTTP for package indexes: credentials for one host, custom certificates, range requests."""

from __future__ import annotations

import io
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import requests

from samcheck import certificates

SECONDS = 30


class NoMetadata(Exception):
    """The index does not provide the metadata of one wheel; it may for others."""


class OwnHost(requests.auth.AuthBase):
    """Credentials for one host; files may be on another, which must not see them."""

    def __init__(self, host: str, user: str, password: str) -> None:
        self._host = host
        self._basic = requests.auth.HTTPBasicAuth(user, password)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if urlsplit(str(request.url)).hostname == self._host:
            self._basic(request)
        return request


class CaBundleSession(requests.Session):
    """A session that prefers samcheck's CA bundle to what requests finds by itself."""

    def merge_environment_settings(self, *arguments: Any, **options: Any) -> Any:
        settings = super().merge_environment_settings(*arguments, **options)
        bundle = certificates.ca_bundle()
        if bundle:
            settings["verify"] = bundle
        return settings


class RemoteFile(io.RawIOBase):
    """A file on a web server, read in ranges: only the end of a 500 MB wheel is needed."""

    def __init__(self, session: requests.Session, url: str) -> None:
        self._session = session
        self._url = url
        self._at = 0

    @cached_property
    def _size(self) -> int:
        answer = self._get("bytes=0-0")
        return int(answer.headers.get("Content-Range", "").rpartition("/")[2])

    def _get(self, pieces: str) -> requests.Response:
        headers = {"Range": pieces, "Accept-Encoding": "identity"}
        answer = self._session.get(self._url, headers=headers, timeout=SECONDS, stream=True)
        answer.raise_for_status()
        if answer.status_code != 206:
            answer.close()
            raise NoMetadata("the index has no metadata file, and its server does not support range requests")
        return answer

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if self._at >= end:
            return 0
        content = self._get(f"bytes={self._at}-{end - 1}").content
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)
