"""Imports point one way; the guest stands alone and runs on Python 3.8; a name means one thing."""

from __future__ import annotations

import ast
import configparser
import graphlib
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "samcheck"
GUEST = PACKAGE / "guest"

#: From the top down; a module may import from layers below its own, and from its own.
LAYERS = (
    ("samcheck.__main__",),
    ("samcheck.commands",),
    ("samcheck.analysis",),
    ("samcheck.run",),
    ("samcheck.report",),
    ("samcheck.matrix",),
    ("samcheck.storage",),
    ("samcheck.environments",),
    ("samcheck.facts",),
    (
        *("samcheck.cells", "samcheck.certificates", "samcheck.codec", "samcheck.errors", "samcheck.files"),
        *("samcheck.git", "samcheck.measurable", "samcheck.owned", "samcheck.paths"),
        *("samcheck.sanitize", "samcheck.signals", "samcheck.streams", "samcheck.suggestions"),
        *("samcheck.units", "samcheck.version"),
    ),
    (
        *(
            "samcheck.guest.node_ids",
            "samcheck.guest.record",
            "samcheck.guest.variant_names",
            "samcheck.guest.outcomes",
            "samcheck.guest.memory_model",
            "samcheck.guest.installed",
        ),
        *("samcheck.guest.device", "samcheck.guest.gpu", "samcheck.guest.nvml", "samcheck.guest.cuda_driver"),
    ),
)


def imports(path: Path) -> set[str]:
    """Absolute names of what a file imports of samcheck, inside functions too."""
    package = path.relative_to(CHECKOUT).parts[:-1]
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*start, *filter(None, [node.module])))
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith("samcheck.")}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")


def layer(name: str) -> int:
    for number, modules in enumerate(LAYERS):
        if any(name == module or name.startswith(module + ".") for module in modules):
            return number
    return -1


HOST = sorted(path for path in PACKAGE.rglob("*.py") if GUEST not in path.parents)


@pytest.mark.parametrize("path", HOST, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_host_imports_point_down(path: Path) -> None:
    name = module_name(path)
    if name == "samcheck":
        assert not imports(path)
        return
    assert layer(name) >= 0, f"{name} has no layer: give it one here"
    for imported in imports(path):
        if imported == "samcheck.__version__":
            continue
        below = layer(imported)
        assert below >= 0, f"{name} imports {imported}; of the guest only what is listed may be used"
        assert below >= layer(name), f"{name} imports {imported} from a layer above"


def test_modules_import_each_other_in_no_circle() -> None:
    names = {module_name(path): path for path in PACKAGE.rglob("*.py")}
    graph = {}
    for name, path in names.items():
        # What is no module itself is an attribute of one.
        modules = {other if other in names else other.rpartition(".")[0] for other in imports(path)}
        graph[name] = modules - {name}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])), pytrace=False)


@pytest.mark.parametrize("path", sorted(GUEST.rglob("*.py")), ids=lambda path: path.name)
def test_guest_stands_alone(path: Path) -> None:
    assert all(name.startswith("samcheck.guest") for name in imports(path))


def for_python_3_8() -> list[Path]:
    """What runs inside the environments: what mypy looks through for the library of Python 3.8."""
    config = configparser.ConfigParser()
    config.read(CHECKOUT / "tests/python38.ini")
    listed = [CHECKOUT / name.strip() for name in config["mypy"]["files"].split(",")]
    return [file for path in listed for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]


@pytest.mark.parametrize("path", for_python_3_8(), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_guest_is_python_3_8(path: Path) -> None:
    """Parsed by this Python with the grammar of 3.8; `nox -s lint` looks at what of the library is used."""
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))


def test_noxfile_loads_with_what_its_script_block_names() -> None:
    """The modules that the noxfile imports need nothing beyond its own dependencies."""
    allowed = {"covertable", "packaging", "pydantic", "pynvml", "nox", "samcheck"} | set(
        sys.stdlib_module_names
    )
    start = ("matrix/__init__.py", "environments/machine.py", "facts/__init__.py")
    seen, todo = set(), [PACKAGE / name for name in start]
    while todo:
        path = todo.pop()
        seen.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level:
                assert path.parent == GUEST, f"{path}: follow its relative imports here"
                within = [node.module] if node.module else [alias.name for alias in node.names]
                todo += [GUEST / f"{name}.py" for name in within]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            assert {name.partition(".")[0] for name in names} <= allowed, path
        for name in imports(path):
            parts = name.split(".")
            whole = (CHECKOUT / Path(*parts[:count]) for count in (2, 3))
            own = [file for path in whole for file in (path.with_suffix(".py"), path / "__init__.py")]
            todo += [file for file in own if file.exists() and file not in seen]


def shared(names: Iterable[tuple[str, Path]]) -> dict[str, list[str]]:
    """The names that stand in more than one place, with these."""
    places = defaultdict(list)
    for name, path in names:
        places[name].append(str(path.relative_to(CHECKOUT)))
    return {name: paths for name, paths in places.items() if len(paths) > 1}


def test_a_class_name_stands_for_one_class() -> None:
    classes = shared(
        (node.name, path)
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert classes == {}


def test_a_module_name_stands_for_one_module() -> None:
    """But for the modules of commands, each of which has the name of its command."""
    paths = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent.name != "commands"]
    stems = shared((path.stem, path) for path in paths if path.stem not in ("__init__", "__main__"))
    assert stems == {}
