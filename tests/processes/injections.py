"""Checks that do to their process, their files and samcheck's channel what a broken or hostile check might.

Each stands between one that fails and one that passes. Whatever it does, the first must stay failed and the
last must still run; the outcome of the check itself is the one that is noted here.
"""

from __future__ import annotations

from dataclasses import dataclass

SUITE = """
import ctypes, faulthandler, gc, json, os, pytest, resource, signal, subprocess, sys, threading, time

def channel(request):
    return request.config.getoption("--samcheck-journal")

def writer(request):
    return request.config.pluginmanager.get_plugin("samcheck-journal")

def test_a(variant):
    assert False, "as it is"

def test_b(variant, request, measured, settings, series, pictures):
    {body}

def test_c(variant):
    import csv
    assert csv.reader
"""


@dataclass(frozen=True)
class Injection:
    """What the check does, what becomes of it, and a part of the reason."""

    body: str
    outcome: str
    reason: str = ""


SERIES = "from samcheck.guest.record import Series; "
IMITATED = (
    "mine = writer(request).journal; "
    "names = [each.nodeid.rpartition('/')[2] for each in request.session.items]; "
    "passed = lambda n: mine._write('finished', result=dict(check=names[n], group='x', outcome='passed')); "
)
FORGED = (
    "import dataclasses; mine = writer(request).journal; other = request.session.items[0]; "
    "name = other.nodeid.rpartition('/')[2]; "
)
INJECTIONS = {
    # Files and the channel.
    "truncates a journal": Injection("os.truncate('journal-1.jsonl', 0)", "failed", "FileNotFoundError"),
    "truncates the channel": Injection("os.truncate(channel(request), 0)", "failed"),
    "opens the channel with truncation": Injection("open(channel(request), 'w').close()", "passed"),
    "appends nonsense": Injection("open(channel(request), 'a').write('nonsense\\n{}\\n[]\\n')", "passed"),
    "appends half a line": Injection("open(channel(request), 'a').write('half')", "crashed"),
    "appends bytes": Injection("open(channel(request), 'ab').write(bytes(range(256)) * 64)", "crashed"),
    "floods the channel": Injection(
        "stream = open(channel(request), 'wb'); [stream.write(bytes(2**20)) for _ in range(300)]",
        "crashed",
        "it reported more than there is room for",
    ),
    "floods the channel with lines": Injection(
        "stream = open(channel(request), 'wb')\n    for _ in range(300): stream.write(b'{}\\n' * 2**19)",
        "crashed",
        "it reported more than there is room for",
    ),
    "closes the channel": Injection("os.close(writer(request).journal._kept)", "passed"),
    "puts something else in its place": Injection(
        "os.dup2(os.open('/dev/null', os.O_WRONLY), writer(request).journal._kept)", "passed"
    ),
    # Events that are not pytest's.
    "reports that the failed check passed": Injection(
        FORGED + "mine._write('finished', result=dict(check=name, group='small', outcome='passed'))",
        "failed",
        "the end of another check",
    ),
    "starts the failed check again": Injection(FORGED + "mine.started(name)", "crashed", "without reporting"),
    "reports itself twice": Injection(
        "name = request.node.nodeid.rpartition('/')[2]; "
        "result = dict(check=name, group='small', outcome='passed'); "
        "writer(request).journal._write('finished', result=result)",
        "failed",
        "reported twice",
    ),
    "collects nothing": Injection("writer(request).journal.collected([])", "passed"),
    "reports the end of the suite": Injection(
        "writer(request).journal.ended(0)", "crashed", "it ended the whole suite: pytest status 0"
    ),
    "reports nothing any more": Injection("writer(request).journal.finished = lambda _: None", "crashed"),
    "breaks json": Injection("json.dumps = lambda *_, **__: 'x'", "crashed"),
    "breaks os.write": Injection("os.write = lambda handle, content: len(content)", "crashed"),
    "starts what nobody collected": Injection(IMITATED + "mine.started('test_small.py::test_z')", "passed"),
    "has a copy report the failed check": Injection(
        IMITATED
        + "\n    if os.fork() == 0: mine._process = os.getpid(); passed(0); os._exit(0)\n    os.wait()",
        "failed",
        "the end of another check",
    ),
    "carries weights that are half a character": Injection(
        r"""open(channel(request),'a').write('{"event":"weights","variant":"\\ud800","description":""}\n')""",
        "passed",
    ),
    "runs itself again": Injection(
        "request.node.ihook.pytest_runtest_protocol(item=request.node, nextitem=None) "
        "if 'again' not in vars(os) and not setattr(os, 'again', 1) else None",
        "crashed",
        "without reporting its end",
    ),
    "runs a pytest of its own": Injection("pytest.main(['-q', __file__, '-k', 'nothing'])", "passed"),
    "unregisters samcheck": Injection(
        "request.config.pluginmanager.unregister(writer(request))", "crashed", "ended after it"
    ),
    "makes the channel narrow": Injection(
        "import fcntl; kept = writer(request).journal._kept; fcntl.fcntl(kept, 1031, 4096); "
        "fcntl.flock(kept, fcntl.LOCK_EX)",
        "passed",
    ),
    "leaves a copy that writes to the channel": Injection(
        "\n    if os.fork() == 0:\n        os.setsid(); stream = open(channel(request), 'wb', 0)\n"
        "        while True: stream.write(b'{}\\n'); time.sleep(0.01)",
        "passed",
    ),
    "puts a folder in the place of the channel": Injection(
        "os.remove(channel(request)); os.mkdir(channel(request))", "passed"
    ),
    "removes what it is given": Injection(
        "__import__('shutil').rmtree(os.path.dirname(channel(request)))", "passed"
    ),
    # Ends that look orderly.
    "interrupts itself": Injection("os.kill(os.getpid(), signal.SIGINT)", "crashed", "pytest status 2"),
    "raises KeyboardInterrupt": Injection("raise KeyboardInterrupt", "crashed", "pytest status 2"),
    "leaves pytest as if all were well": Injection(
        "pytest.exit('enough', returncode=0)", "crashed", "pytest status 0"
    ),
    "leaves pytest": Injection("pytest.exit('enough')", "crashed", "pytest status 2"),
    "asks pytest to stop": Injection("request.session.shouldstop = 'enough'", "crashed", "ended after it"),
    "asks pytest to stop as -x does": Injection(
        "request.session.shouldfail = 'x'", "crashed", "ended after it"
    ),
    "removes the other checks": Injection("del request.session.items[2:]", "crashed", "ended after it"),
    "exits with success": Injection("os._exit(0)", "crashed", "exit status 0"),
    "raises SystemExit": Injection("sys.exit(0)", "failed", "SystemExit"),
    "becomes another program": Injection("os.execv('/bin/true', ['true'])", "crashed", "exit status 0"),
    "kills itself": Injection("os.kill(os.getpid(), signal.SIGKILL)", "crashed", "SIGKILL"),
    "ends its supervisor": Injection(
        "os.kill(os.getppid(), signal.SIGTERM); time.sleep(20)", "crashed", "SIGTERM"
    ),
    "forgets all modules": Injection("sys.modules.clear()", "crashed", "ended after it"),
    "ends when the interpreter does": Injection("__import__('atexit').register(os._exit, 1)", "passed"),
    "ends in a thread": Injection(
        "threading.Timer(0.2, os._exit, (0,)).start(); time.sleep(20)", "crashed", "exit status 0"
    ),
    # Damage to the process.
    "closes stdout": Injection("os.close(1)", "crashed"),
    "closes stderr": Injection("os.close(2)", "failed", "stderr is closed"),
    "closes all files": Injection(
        "faulthandler.cancel_dump_traceback_later(); os.closerange(0, 256)", "crashed"
    ),
    "replaces stdout": Injection("sys.stdout = None", "passed"),
    "redirects stdout": Injection("os.dup2(os.open('/dev/null', os.O_WRONLY), 1)", "failed", "stdout is"),
    "leaks files": Injection(
        "\n    while True:\n        try: os.dup(2)\n        except OSError: break", "failed", "unfit"
    ),
    "forbids files": Injection(
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))", "failed", "RLIMIT_FSIZE is (0, 0)"
    ),
    "allows few files": Injection("resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))", "failed"),
    "allows no memory": Injection("resource.setrlimit(resource.RLIMIT_AS, (2**20, 2**20))", "failed"),
    "sets an alarm": Injection("signal.alarm(1)", "failed", "SIGALRM"),
    "removes the working directory": Injection(
        "__import__('shutil').rmtree(os.getcwd())", "failed", "working directory"
    ),
    "leaves modules": Injection(
        "[open(name + '.py', 'w').write('1/0') for name in ('json', 'csv', 'pickle', 'sitecustomize')]",
        "passed",
    ),
    "leaves modules elsewhere": Injection(
        "os.makedirs('x'); os.chdir('x'); open('csv.py', 'w').write('1/0')", "passed"
    ),
    "leaves a child that writes": Injection(
        "subprocess.Popen([sys.executable, '-c', 'import sys; [print(n) for n in range(10**9)]'])", "passed"
    ),
    "goes down very deep": Injection("\n    for _ in range(1500): os.mkdir('d'); os.chdir('d')", "passed"),
    "locks its folder": Injection(
        "os.makedirs('a/b'); [os.chmod(path, mode) for path, mode in (('a/b', 0), ('a', 0), ('.', 0o500))]",
        "passed",
    ),
    "leaves names that are no text": Injection(
        "[open(b'\\xff' + bytes([n]), 'w').close() for n in range(128, 255)]; os.mkfifo('f'); "
        "os.mkdir(b'\\xfe'); os.chmod(b'\\xfe', 0); os.truncate(os.open('s', 65), 2**40)",
        "passed",
    ),
    "prints what is no text": Injection(
        "[os.write(1, b'\\x1b[2J\\xff\\x00' * 10**5) for _ in range(50)]", "passed"
    ),
    # What it leaves changed.
    "sets the umask": Injection("os.umask(0o777)", "failed", "the umask changed"),
    "blocks signals": Injection(
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))", "failed", "the blocked signals"
    ),
    "ignores its children": Injection(
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)", "failed", "signal 17 is ignored"
    ),
    "sets a timer of its own time": Injection(
        "signal.setitimer(signal.ITIMER_VIRTUAL, 60)", "failed", "SIGVTALRM"
    ),
    "sets a timer of POSIX": Injection(
        "libc = ctypes.CDLL(None); timer = ctypes.c_void_p(); "
        "libc.timer_create(1, None, ctypes.byref(timer)); "
        "libc.timer_settime(timer, 0, (ctypes.c_long * 4)(0, 0, 60, 0), None)",
        "failed",
        "a timer is still running",
    ),
    "allows little recursion": Injection(
        "sys.setrecursionlimit(200)", "failed", "the recursion limit is 200"
    ),
    "allows a small stack": Injection(
        "resource.setrlimit(resource.RLIMIT_STACK, (2**16, 2**16))", "failed", "RLIMIT_STACK"
    ),
    "removes the environment": Injection("os.environ.clear()", "failed", "the environment variables"),
    "removes the path of imports": Injection("sys.path.clear()", "failed", "no longer in sys.path"),
    "replaces a builtin": Injection("__import__('builtins').open = None", "failed", "builtins changed"),
    # What it stores.
    "stores what JSON has not": Injection("measured['x_ms'] = object()", "failed", "cannot be written"),
    "stores a set": Injection("settings['x'] = {1, 2}", "failed", "cannot be written"),
    "stores a text as a number": Injection("measured['x_ms'] = 'much'", "failed", "not a result"),
    "stores a huge number": Injection("measured['x_ms'] = 10 ** 400", "failed"),
    "stores a longer number": Injection("measured['x_ms'] = 10 ** 5000", "failed"),
    "stores a name that is none": Injection("measured[(1, 2)] = 1.0", "failed"),
    "stores what refers to itself": Injection("settings['x'] = settings", "failed"),
    "stores far too much": Injection("settings['x'] = 'x' * 2**25", "crashed", "without reporting its end"),
    "stores what raises when it is copied": Injection(
        "measured['x'] = type('X', (), {'__deepcopy__': lambda *_: 1 / 0})()", "failed", "cannot be written"
    ),
    "stores series that are none": Injection("series.append(7)", "failed"),
    "stores a series of nothing": Injection(
        SERIES + "series.append(Series({}, 1, 1, 'once'))", "failed", "not a result"
    ),
    "stores a series that is empty": Injection(
        SERIES + "series.append(Series({'wall_ms': []}, 1, 1, 'once'))", "failed", "not a result"
    ),
    "stores samples whose sum is not finite": Injection(
        SERIES + "series.append(Series({'wall_ms': [1.7e308] * 2}, 1, 1, 'once'))", "failed", "not a result"
    ),
    "stores a defect that there is not": Injection(
        "from samcheck.guest.plugin.recording import WATCH; from types import SimpleNamespace; "
        "request.node.stash[WATCH] = "
        "SimpleNamespace(outcome='known', reason='x', evidence='', defect='|\\x1b[2J')",
        "known",
    ),
}
