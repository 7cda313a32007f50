"""Packages made for tests, as pip and uv install them: files, ``.dist-info`` and RECORD."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from samcheck.guest.installed import judgement, reading
from samcheck.guest.installed.finding import Finding
from samcheck.guest.installed.inventory import Inventory, Loading


def install(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str] | None = None,
    requires: Sequence[str] = (),
    metadata: bytes = b"",
) -> Path:
    """Write a package's files over whatever is there, and its metadata; return the folder of that."""
    rows = []
    for path, text in (files or {f"{name.replace('-', '_')}/module.py": "#"}).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        rows.append(f"{path},sha256={digest},{len(text)}")
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    (info / "METADATA").write_bytes("\n".join(lines).encode() + b"\n" + metadata)
    (info / "INSTALLER").write_text("pip\n")
    rows += [f"{info.name}/METADATA,,", f"{info.name}/RECORD,,", "../../../bin/tool,sha256=x,1"]
    (info / "RECORD").write_text("\n".join(rows) + "\n")
    return info


def read(*folders: Path, loading: Loading | None = None) -> Inventory:
    return reading.read(list(map(str, folders)), loading or Loading())


def found(*folders: Path, loading: Loading | None = None) -> list[Finding]:
    return judgement.findings(read(*folders, loading=loading))


def kinds(findings: Sequence[Finding]) -> list[str]:
    return [str(finding.kind) for finding in findings]
