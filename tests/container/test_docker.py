from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from docker.types import DeviceRequest

from samcheck.environments import base_images, buildkit, confinement, docker, images, orphans
from samcheck.errors import BuildFailed, EnvironmentUnavailable, Refused
from tests.container.light_image import Guest, light


def test_a_guest_works_in_memory_and_reads_what_it_is_given(guest: Guest) -> None:
    (guest.given / "list").write_text("hello")
    ended, printed = guest.run("open('made', 'w').write('by the guest'); print(open('/given/list').read())")
    assert ended.exit_code == 0
    assert printed == "hello\n"
    assert [path.name for path in guest.given.iterdir()] == ["list"]


FORBIDDEN = {
    "network": "import socket; socket.create_connection(('192.0.2.1', 80), 3)",
    "name resolution": "import socket; socket.getaddrinfo('example.org', 80)",
    "root filesystem": "open('/opt/venv/x', 'w')",
    "checkout": "open('/samcheck/samcheck/x', 'w')",
    "suite": "open('/samcheck/tests/suite/x', 'w')",
    "what it is given": "open('/given/x', 'w')",
    "a device in memory": "import os; os.mknod('/scratch/x', 0o020666, os.makedev(1, 3))",
    "being root": "import os; os.setuid(0)",
    "changing owner": "import os; open('/tmp/x', 'w'); os.chown('/tmp/x', 0, 0)",
    "mounting": "import ctypes as c; call = c.CDLL(None, use_errno=True).mount\n"
    "if call(b'x', b'/tmp', b'tmpfs', 0, None): raise PermissionError(c.get_errno())",
    "engine socket": "import socket; socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')",
    "more processes than the limit": "import os, time\n"
    "for _ in range(600):\n    if not os.fork(): time.sleep(20); os._exit(0)",
}


@pytest.mark.parametrize("what", sorted(FORBIDDEN))
def test_what_is_forbidden_fails_inside(guest: Guest, what: str) -> None:
    """Each forbidden thing is tried inside, and fails with an error of the operating system."""
    ended, printed = guest.run(FORBIDDEN[what])
    assert ended.exit_code == 1
    assert any(name in printed for name in ("Error: [Errno", "gaierror", "PermissionError")), printed


def test_no_capabilities_no_new_privileges(guest: Guest) -> None:
    _, printed = guest.run("print(open('/proc/self/status').read())")
    status = dict(line.split(":\t", 1) for line in printed.splitlines() if ":\t" in line)
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Uid"].split()[0] != "0"


@pytest.mark.parametrize(
    ("code", "sign"),
    [
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("import os; os.abort()", "SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
    ],
)
def test_signals_are_named(guest: Guest, code: str, sign: str) -> None:
    ended, _ = guest.run(code)
    assert (ended.exit_code, ended.signal, ended.cause) == (None, sign, None)


def test_memory_limit_is_told_from_a_kill(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "memory_limit", lambda: 100 * 2**20)
    ended, _ = guest.run("x = bytearray(500 * 2**20)")
    assert (ended.signal, ended.cause) == ("SIGKILL", "memory limit")


def test_a_guest_that_gets_nowhere_is_stopped(guest: Guest) -> None:
    end = time.monotonic() + 1
    job = guest.job("import time; time.sleep(100)", lambda: time.monotonic() < end)
    assert guest.place.run(job).cause == "no progress"


def test_nothing_is_left_behind(guest: Guest) -> None:
    guest.run("pass")
    guest.run("raise SystemExit(3)")
    mine = guest.place.client.containers.list(all=True, filters={"label": f"samcheck.work={guest.given}"})
    assert mine == []


KILLED = """
import signal
import sys
from pathlib import Path
from samcheck.cells import Cell
from samcheck.environments import GuestJob, docker
# A shell that starts something in the background has it ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
place = docker.DockerPlace(docker.connect(), sys.argv[1], Cell("0.0.0", "cpu", "3.11"))
given = Path(sys.argv[2])
place.run(GuestJob(("-c", "import time; time.sleep(300)"), given, given, given.with_suffix(".out")))
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_containers_of_a_killed_samcheck_are_cleaned(guest: Guest, sign: signal.Signals) -> None:
    client = guest.place.client
    program = [sys.executable, "-c", KILLED, guest.place.image, str(guest.given)]
    orchestrator = subprocess.Popen(program, stderr=subprocess.DEVNULL, start_new_session=True)
    label = {"label": f"samcheck.owner={orphans.owner(orchestrator.pid)}"}
    end = time.monotonic() + 30
    while not client.containers.list(filters=label):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert orphans.remove_abandoned(client) == []  # it still runs: not touched
    orchestrator.send_signal(sign)
    orchestrator.wait(timeout=30)
    if sign is signal.SIGKILL:
        assert len(orphans.remove_abandoned(client)) == 1
    assert client.containers.list(all=True, filters=label) == []


def test_a_forgotten_container_does_not_live_beside_its_successor(guest: Guest) -> None:
    """After kill -9 the container lives on, and may hold the GPU; the next one of the cell ends it first."""
    client = guest.place.client
    with guest.place._container(guest.job("import time; time.sleep(600)")) as container:
        container.start()
        guest.run("pass")
        assert client.containers.list(all=True, filters={"id": container.id}) == []
        assert orphans.remove_abandoned(guest.place.client) == []


def test_refusal_has_the_engines_reason(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "nvidia" in guest.place.client.info()["Runtimes"]:
        pytest.skip("this engine has the NVIDIA runtime and would not refuse")
    request = [DeviceRequest(count=1, capabilities=[["gpu"]])]
    monkeypatch.setattr(docker, "_gpu_request", lambda _: request)
    with pytest.raises(Refused, match="could not select device driver"):
        guest.run("pass")
    assert guest.place.client.containers.list(all=True, filters={"status": "created"}) == []


def test_ca_bundle_leaves_no_trace(engine: docker.Docker, image: images.Image, guest: Guest) -> None:
    """Certificates come in as a build secret: not in the history, not in a file, not in a variable."""
    built = engine.client.images.get(image.tag)
    assert "CERT" not in str(built.attrs["Config"]["Env"])
    _, printed = guest.run("import os; print(os.path.exists('/run/ca.crt'), os.path.exists('/run/uv'))")
    assert printed == "False False\n"


def test_build_failure_is_one_sentence(
    engine: docker.Docker, base: base_images.Present, tmp_path: Path
) -> None:
    with pytest.raises(BuildFailed) as caught:
        buildkit.build(engine.builder, light(base, SAM="segment-anything==99.0"), tmp_path / "log")
    assert "the package index has no matching wheel" in str(caught.value)
    assert "segment-anything==99.0" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "+ " in (tmp_path / "log").read_text()


def test_missing_base_is_one_sentence(engine: docker.Docker, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=r"no base image with Python 3\.7"):
        base_images.obtain(engine.client, "3.7", tmp_path / "log")


def test_no_engine_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    with pytest.raises(EnvironmentUnavailable, match="no Docker engine answers at unix:///nonexistent"):
        docker.connect()
