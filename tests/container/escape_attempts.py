"""Tries what a guest must not be able to do, and prints what came of each attempt, as JSON.

Runs inside a container, on nothing but Python. ``done`` means that it could be done; else the operating
system's error stands there.
"""

import ctypes
import errno
import json
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable

LIBC = ctypes.CDLL(None, use_errno=True)
HOST_PID = 0  # whoever runs this puts it in: a process outside of the container
PTRACE_ATTACH, PTRACE_DETACH = 16, 17
CLONE_NEWUSER, MS_BIND = 0x10000000, 4096
#: What a guest may write to; /proc and /sys are tried on their own.
SKIPPED = ("/proc", "/sys")
#: A setuid program of root that prints its effective user.
SETUID = "/usr/local/bin/whoami-setuid"


def check(result: int) -> None:
    """Raise what a C call left in errno."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def interfaces() -> None:
    others = [name for _, name in socket.if_nameindex() if name != "lo"]
    if not others:
        raise OSError(errno.ENETDOWN, "there is no network interface")


def send() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 9))


def any_socket() -> None:
    """Connect to any socket that lies anywhere in the file system."""
    reached = []
    for folder, _, names in os.walk("/"):
        if folder.startswith(SKIPPED):
            continue
        for name in names:
            path = os.path.join(folder, name)
            try:
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    socket.socket(socket.AF_UNIX).connect(path)
                    reached.append(path)
            except OSError:
                continue
    if not reached:
        raise OSError(errno.ENOENT, "no socket could be reached")


def trace(pid: int) -> None:
    # pid_t, request, address, data: words of the machine.
    call = LIBC.ptrace
    call.argtypes = [ctypes.c_long] * 4
    check(call(PTRACE_ATTACH, pid, 0, 0))
    os.waitpid(pid, 0x40000000)  # __WALL
    call(PTRACE_DETACH, pid, 0, 0)


def other_processes() -> None:
    """See a process that is not of this container."""
    open(f"/proc/{HOST_PID}/status").close()


def many_processes() -> None:
    children = []
    try:
        for _ in range(600):
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def setuid_binary() -> None:
    seen = subprocess.run([SETUID, "-u"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    if seen != "0":
        raise OSError(errno.EPERM, "it ran as user " + seen)


def kernel_settings() -> None:
    """Open any setting of the kernel for writing, without writing."""
    for folder, _, names in os.walk("/proc/sys"):
        for name in names:
            try:
                open(os.path.join(folder, name), "r+b").close()
                return
            except OSError:
                continue
    raise OSError(errno.EROFS, "no setting could be opened for writing")


def control_groups() -> None:
    """Raise a limit of this container."""
    for folder, _, names in os.walk("/sys/fs/cgroup"):
        for name in ("pids.max", "memory.max", "memory.limit_in_bytes"):
            if name in names:
                try:
                    open(os.path.join(folder, name), "r+b").close()
                    return
                except OSError:
                    continue
    raise OSError(errno.EROFS, "no limit could be opened for writing")


def devices() -> None:
    """Make a device of the machine's disk, and read it."""
    os.mknod("/tmp/disk", stat.S_IFBLK | 0o600, os.makedev(254, 0))
    os.remove("/tmp/disk")


ATTEMPTS: dict[str, Callable[[], object]] = {
    "seeing a network interface": interfaces,
    "sending a packet": send,
    "raw packets": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close(),
    "reaching any socket": any_socket,
    "writing to the root filesystem": lambda: open("/opt/venv/x", "w").close(),
    "writing to the checkout": lambda: open("/samcheck/samcheck/x", "w").close(),
    "becoming root": lambda: os.setuid(0),
    "joining root's group": lambda: os.setgid(0),
    "joining groups": lambda: os.setgroups([0]),
    "a setuid binary": setuid_binary,
    "root in a user namespace": lambda: check(LIBC.unshare(CLONE_NEWUSER)),
    "mounting a disk of memory": lambda: check(LIBC.mount(b"x", b"/tmp", b"tmpfs", 0, None)),
    "mounting a folder": lambda: check(LIBC.mount(b"/tmp", b"/scratch", None, MS_BIND, None)),
    "making a device": devices,
    "another root folder": lambda: os.chroot("/tmp"),
    "another host name": lambda: socket.sethostname("samcheck-test"),
    "seeing a process outside": other_processes,
    "tracing a process outside": lambda: trace(HOST_PID),
    "signalling a process outside": lambda: os.kill(HOST_PID, 0),
    "more processes than the limit": many_processes,
    "kernel settings": kernel_settings,
    "its own limits": control_groups,
}


def tried(attempt: Callable[[], object]) -> str:
    """What came of an attempt, in a process of its own: what it changed must not help the next one."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            attempt()
            said = "done"
        except (OSError, subprocess.SubprocessError) as error:
            said = f"{type(error).__name__}: {error}"
        except BaseException as error:
            said = f"broken attempt: {error!r}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        return pipe.read().decode()


def writable() -> list[str]:
    """Every folder in which a file can be made."""
    folders = []
    for folder, _, _ in os.walk("/"):
        if folder.startswith(SKIPPED):
            continue
        path = os.path.join(folder, ".samcheck-attempt")
        try:
            open(path, "w").close()
            os.remove(path)
            folders.append(folder)
        except OSError:
            continue
    return folders


if __name__ == "__main__":
    came = {name: tried(attempt) for name, attempt in ATTEMPTS.items()}
    print(json.dumps({"came": came, "writable": writable(), "user": os.getuid()}))
