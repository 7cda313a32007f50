"""The records that the reading hands to the judgement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Optional

from ..outcomes import Word


class Where(Word):
    """Why a folder is on the path of imports."""

    OWN = "own"  # the environment's site-packages
    USER = "user"  # ``~/.local``
    PYTHONPATH = "PYTHONPATH"
    SYSTEM = "system"  # a distribution's dist-packages, or what a virtual environment sees of its base


@dataclass(frozen=True)
class InstalledPackage:
    """A distribution, by its ``.dist-info`` or ``.egg-info``.

    Attributes:
        name: normalised, ``nvidia-cudnn-cu12``.
        folder: that it is installed in; `metadata` is the name of its own folder there.
        requires: its Requires-Dist.
        installer: as recorded: ``pip``, ``uv``, ``conda``.
        code: how many files of code its RECORD names; 0 without a RECORD.
        missing: those of them that are not there; `gone` counts them, `missing` has the first few.
        altered: compiled files that have another size than RECORD says, and that no other package claims.
        nvidia: paths of the libraries of NVIDIA that its RECORD names.
        says: the version that its own ``version.py`` says; empty if it has none, or is not asked.
    """

    name: str
    version: str
    folder: str
    metadata: str
    where: Where = Where.OWN
    installer: str = ""
    requires: List[str] = field(default_factory=list)
    code: int = 0
    gone: int = 0
    missing: List[str] = field(default_factory=list)
    altered: List[str] = field(default_factory=list)
    nvidia: List[str] = field(default_factory=list)
    says: str = ""


@dataclass(frozen=True)
class SharedFiles:
    """Files that the RECORDs of the same packages name.

    Attributes:
        owners: ``name==version``, in the order of the names.
        files: how many; `code` how many of them are code with any content.
        different: how many of the code differ between these packages; ``__init__.py`` do not count.
        examples: the first few of those.
        present: of the different ones, how many have an owner's content now; those of nobody are not counted.
    """

    owners: List[str]
    files: int
    code: int
    different: int
    examples: List[str] = field(default_factory=list)
    present: Dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class MappedLibrary:
    """A library of NVIDIA as a fresh process has loaded it.

    Attributes:
        version: as it reports itself.
        path: the file, without links.
    """

    name: str
    path: str
    version: Optional[str] = None


@dataclass(frozen=True)
class Loading:
    """What a fresh process loaded that imported PyTorch and computed.

    Attributes:
        libraries: NVIDIA's.
        import_errors: by module.
        cudnn: what the version checks of cuDNN 9 answered, by part, where that was not success.
        fallbacks: parts of cuDNN that its own folder lacks, by name, with the file that would be loaded.
        lacking: all parts that cuDNN asks for by name and that its own folder lacks.
        early: parts that LD_LIBRARY_PATH has before cuDNN's own folder, by name, with the file.
        failure: why there is no report; empty if there is one.
    """

    libraries: List[MappedLibrary] = field(default_factory=list)
    import_errors: Dict[str, str] = field(default_factory=dict)
    cudnn: Dict[str, str] = field(default_factory=dict)
    fallbacks: Dict[str, str] = field(default_factory=dict)
    lacking: List[str] = field(default_factory=list)
    early: Dict[str, str] = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True)
class Inventory:
    """Everything that was read.

    Attributes:
        python: the interpreter.
        markers: the variables of PEP 508 there.
        packages: in the order of the path of imports.
        leftovers: folders that an interrupted pip has renamed.
        strays: compiled files inside NumPy's folder, and NVIDIA's libraries, that no RECORD names.
        search: LD_LIBRARY_PATH and LD_PRELOAD as given.
        unreadable: metadata that cannot be read, with the reason.
    """

    python: str
    prefix: str
    markers: Dict[str, str]
    packages: List[InstalledPackage] = field(default_factory=list)
    shared: List[SharedFiles] = field(default_factory=list)
    leftovers: List[str] = field(default_factory=list)
    strays: List[str] = field(default_factory=list)
    search: Dict[str, str] = field(default_factory=dict)
    unreadable: Dict[str, str] = field(default_factory=dict)
    loading: Loading = field(default_factory=Loading)
