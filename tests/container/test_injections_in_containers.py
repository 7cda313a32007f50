"""What a check may do in a container: it can reach nothing of the host's but the end of its own channel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from samcheck.environments import confinement, docker, images
from tests.container.engine_scenarios import containers
from tests.container.light_image import CELL
from tests.processes.injections import INJECTIONS, Injection
from tests.processes.test_injections import injected
from tests.processes.trial import Trial

#: Those of which a container could make another thing: other users, limits, a file system that is read-only.
SAME = (
    *("floods the channel", "interrupts itself", "exits with success", "closes stdout", "closes all files"),
    *("leaks files", "forbids files", "leaves modules", "leaves a child that writes", "stores far too much"),
    *("becomes another program", "reports that the failed check passed"),
)
EVERYWHERE = "path in (channel(request), '/given/skip.txt', '/given/only.txt', '/given')"
REFUSED = {
    "removes what it is given": f"[os.remove(path) for {EVERYWHERE}]",
    "replaces what it is given": "os.symlink('/etc/passwd', 'new'); os.replace('new', '/given/skip.txt')",
    "changes its mode": f"[os.chmod(path, 0o777) for {EVERYWHERE}]",
    "reads the channel": "os.open(channel(request), os.O_RDONLY | os.O_NONBLOCK)",
    "reads and writes the channel": "os.open(channel(request), os.O_RDWR)",
    "makes a FIFO beside it": "os.mkfifo('/given/other')",
    "makes a device": "os.mknod('sda', 0o060666, os.makedev(8, 0))",
    "fills all memory that is a disk": "\n    with open('fill', 'wb', 0) as stream:\n"
    "        while stream.write(bytes(2**24)): pass",
}


@pytest.fixture
def trial(engine: docker.Docker, image: images.Image, tmp_path: Path) -> Iterator[Trial]:
    mounts = {**confinement.sources(), str(tmp_path / "suite"): {"bind": "/suite", "mode": "ro"}}
    place = docker.DockerPlace(engine.client, image.tag, CELL, mounts=mounts)
    yield Trial(tmp_path, place=place, suite="/suite")
    assert containers(engine.client, tmp_path) == []


@pytest.mark.parametrize("name", SAME)
def test_an_injection_costs_its_check_only(trial: Trial, name: str) -> None:
    injected(trial, INJECTIONS[name])


@pytest.mark.parametrize("what", REFUSED)
def test_the_system_refuses_what_is_out_of_reach(trial: Trial, what: str) -> None:
    result = injected(trial, Injection(REFUSED[what], "failed"))
    assert any(word in result.checks[1].reason for word in ("Error: [Errno", "PermissionError")), result


def test_nothing_of_a_guest_is_on_the_host(trial: Trial) -> None:
    """Not even a file of its own: the folder of the cell holds what samcheck wrote, owned by samcheck."""
    injected(trial, Injection("open('mine', 'w').write('x'); os.symlink('/etc/shadow', 'link')", "passed"))
    found = list((trial.folder / "cell").rglob("*"))
    files = [path for path in found if path.name != "again"]  # the folder of what was run again
    assert {path.name for path in files} == {"journal-1.jsonl", "output-1.log", "ended-1.json"}
    assert all(path.is_file() and not path.is_symlink() for path in files)
    assert {path.owner() for path in found} == {trial.folder.owner()}


def test_no_core_file_and_no_proxy(trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A core is hundreds of megabytes; a proxy's address may hold a password, and results are published."""
    config = tmp_path / "config"
    config.mkdir()
    proxies = '{"proxies": {"default": {"httpProxy": "http://user:secret@proxy:3128"}}}'
    (config / "config.json").write_text(proxies)
    monkeypatch.setenv("DOCKER_CONFIG", str(config))
    trial.place = docker.DockerPlace(docker.connect(), trial.place.image, CELL, mounts=trial.place.mounts)  # type: ignore[attr-defined]
    body = "print(os.environ); assert 'secret' not in str(os.environ); os.abort()"
    injected(
        trial, Injection(f"assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0); {body}", "crashed")
    )
    assert "secret" not in (trial.folder / "cell" / "output-1.log").read_text()


@pytest.mark.parametrize("folder", ["/scratch", "/tmp", "/dev/shm"])
def test_a_full_folder_is_not_left_to_other_checks(trial: Trial, folder: str) -> None:
    """The next ones have a new container, with room."""
    body = (
        f"\n    with open('{folder}/fill', 'wb', 0) as stream:\n"
        "        try:\n            while stream.write(bytes(2**24)): pass\n        except OSError: pass"
    )
    injected(trial, Injection(body, "failed", f"less than 32 MiB are free in {folder}"))


HELD = {
    "reads the channel through /proc": "kept = writer(request).journal._kept\n"
    "    try: os.open(f'/proc/self/fd/{kept}', os.O_RDWR)\n    except PermissionError: return",
    "writes where it must not": "\n"
    "    for path in ('/', '/etc', '/given', '/samcheck', '/suite', '/sys/fs/cgroup', '/dev'):\n"
    "        try: open(path + '/x', 'w')\n        except OSError: continue\n        break\n    else: return",
    "looks at other roots": "\n"
    "    for path in ('/proc/kcore', '/proc/sysrq-trigger', '/proc/sys/kernel/core_pattern'):\n"
    "        try: open(path, 'r+b')\n        except OSError: continue\n        break\n    else: return",
    "mounts and unshares": "libc = ctypes.CDLL(None)\n"
    "    tried = libc.mount(b'none', b'/tmp', b'tmpfs', 0, 0), libc.unshare(2**28), libc.chroot(b'/')\n"
    "    if tried == (-1, -1, -1): return",
    "finds the engine or a network": "import socket\n"
    "    try: socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')\n    except OSError:\n"
    "        try: socket.create_connection(('172.17.0.1', 22), 2)\n        except OSError: return",
}


@pytest.mark.parametrize("what", HELD)
def test_what_a_container_does_not_let_it_do(trial: Trial, what: str) -> None:
    injected(trial, Injection(f"{HELD[what]}\n    assert False", "passed"))
