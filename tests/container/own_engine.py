"""A second Docker engine, to be stopped and killed, that cannot touch the first.

It has network devices, mounts and folders of its own; what it mounts ends with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import docker
import psutil

START_SECONDS = 30.0


class OwnEngine:
    """An engine on a socket of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="samcheck-engine-"))  # a socket's path must be short
        self.address = f"unix://{self.folder}/socket"
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def obstacle() -> str:
        """Why there can be none here; empty if there can."""
        if os.getuid() != 0:
            return "only root can start an engine"
        missing = [name for name in ("dockerd", "unshare") if shutil.which(name) is None]
        return f"{missing[0]} is not installed here" if missing else ""

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=overlay2"]
        options += [
            f"--host={self.address}",
            f"--data-root={self.folder}/data",
            f"--pidfile={self.folder}/pid",
        ]
        options += [f"--exec-root={self.folder}/exec", "--shutdown-timeout=2"]
        with (self.folder / "log").open("ab") as log:
            # Its mounts and network devices are in namespaces that end with it and its containers.
            self._process = subprocess.Popen(
                ["unshare", "--mount", "--net", "dockerd", *options],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.1)

    def client(self) -> Any:
        return docker.DockerClient(base_url=self.address, timeout=60)

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except (docker.errors.DockerException, OSError):
            return False

    def tell(self, sign: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(sign)

    def end(self, sign: signal.Signals) -> None:
        self.tell(sign)
        assert self._process is not None
        self._process.wait(timeout=60)
        # Its containerd dies with it, and looks alive to the next one until somebody has reaped it.
        (self.folder / "exec/containerd/containerd.pid").unlink(missing_ok=True)

    def remove(self) -> None:
        """End it with everything that it had."""
        if self._process is not None and self._process.poll() is None:
            self.end(signal.SIGTERM)
        for shim in self.shims():
            for process in (shim, *shim.children(recursive=True)):
                process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def shims(self) -> list[psutil.Process]:
        """What keeps containers, and outlives an engine that was killed."""
        every = psutil.process_iter(["cmdline"])
        return [
            process for process in every if f"{self.folder}/exec" in " ".join(process.info["cmdline"] or ())
        ]
