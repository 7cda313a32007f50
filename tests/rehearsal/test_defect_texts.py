"""The symptoms by which the catalogue recognises a defect, against what the libraries of a release can say.

A pattern that no library can say recognises nothing, and nobody would notice: the defect would count as gone.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from samcheck.environments import venv
from samcheck.guest.defects.catalogue import DEFECTS
from tests.rehearsal.defect_origins import CPU, CUDA, ORIGINS, Origin
from tests.rehearsal.library_texts import constants, texts_with

CHECKOUT = Path(__file__).parents[2]
SYMPTOMS = sorted({symptom for defect in DEFECTS.values() for symptom in defect.symptoms})
#: Symptoms that neither these libraries nor samcheck's checks spell out, and who does.
ELSEWHERE = {
    r"FileNotFoundError: ": "Python",
    r"^KeyError: \"There is no item named 'version' in the archive\"": "Python's zipfile",
    r"ValueError: height and width must be > 0": "Pillow's extension, whose file is named after the Python",
    r"EngineFailed: .*(OneHot|Tile)": "TensorRT, which is not in these environments",
    r"MissingConfigException: Cannot find primary config": "hydra, which is only beside sam2",
    r"ValueError: numpy\.(dtype|ndarray|ufunc) size changed, may indicate binary incompatibility": (
        "Cython, in pycocotools, which is not in these environments"
    ),
    r"^IndexError: list index out of range": "Python, of a list in transformers",
    r"AttributeError: .*_clear_obj_non_cond_mem_around_input": "Python, of a name in sam2",
    r"^FileNotFoundError: .* is not a supported SAM model": "ultralytics, which is only in its own cells",
    r"^AttributeError: 'Tensor' object has no attribute 'pooler_output'": "Python, of a name in transformers",
    r"^FileNotFoundError: .*bpe_simple_vocab_16e6\.txt\.gz": "Python, of a file of sam3",
}
_DYNAMO_EXPORT = {
    r"ExportFailed: TorchExportError .*ValueError: Received user-specified dim hint",
}
_CUDNN_ATTENTION = {
    r"^RuntimeError: .*(No execution plans support the graph|No valid execution plans built)",
}
#: Symptoms that no library of a release can say: its code came later, or is gone.
UNSAID = {
    "2.0.1": {
        *_CUDNN_ATTENTION,
        *_DYNAMO_EXPORT,
        r"^RuntimeError: Serialized version .* does not match our current schema version",
        r"^RuntimeError: expected m1 and m2 to have the same dtype",
        r"^RuntimeError: expected mat1 and mat2 to have the same dtype",
        r"RuntimeError: .*accessing tensor output of CUDAGraphs that has been overwritten",
        r"ExportFailed: TorchExportError .*GuardOnDataDependentSymNode: Could not (extract|guard)",
        r"ExportFailed: UserError.*: Could not guard on data-dependent expression",
    },
    "2.4.1": {*_CUDNN_ATTENTION, *_DYNAMO_EXPORT},
    "2.15.0": {
        r"^RuntimeError: nonzero is not supported for tensors with more than INT_MAX elements",
        r"^RuntimeError: cumsum_cuda_kernel does not have a deterministic implementation",
    },
}
#: What the libraries say of a product of two dtypes and no symptom matches, and why not.
OTHER_PRODUCTS = {
    "sampled_addmm: Expected mat1 and mat2 to have the same dtype, but got ": "of sparse matrices",
    "batch1 and batch2 must have the same dtype": "of batches: SAM's prompt encoder multiplies by a matrix",
}


@pytest.fixture(scope="session", params=UNSAID)
def release(request: pytest.FixtureRequest, interpreter: str) -> tuple[str, Path]:
    """A release, and the folder of its packages; one is made for these tests, others must be there."""
    version = str(request.param)
    made = [Path(interpreter).parents[1], *venv.folders().glob("torch*")]
    folders = [folder for folder in made if folder.name.startswith(f"torch{version}-")]
    found = [packages for folder in folders for packages in folder.glob("lib/python3*/site-packages")]
    found = [packages for packages in found if (packages / CUDA).exists()]
    if not found:
        pytest.skip(f"no environment of PyTorch {version} with CUDA has been made on this machine")
    return version, found[0]


@cache
def content(file: Path) -> bytes:
    if not file.exists():
        return b""
    return constants(file) if file.suffix == ".so" else file.read_bytes()


def says(packages: Path, origin: Origin) -> bool:
    return all(piece.encode() in content(packages / origin.file) for piece in origin.pieces)


@cache
def own_source() -> str:
    """samcheck's guest, without the catalogue, and its checks."""
    folders = (CHECKOUT / "samcheck" / "guest", CHECKOUT / "tests" / "suite")
    files = (path for folder in folders for path in folder.rglob("*.py") if path.parent.name != "defects")
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_somebody_says_what_a_symptom_matches(symptom: str) -> None:
    """A library does, by the table above, or a check of samcheck raises an error of that name."""
    if symptom in ELSEWHERE or symptom in ORIGINS:
        return
    name, _, text = symptom.lstrip("^").partition(": ")
    if f"class {name}(" in own_source():
        return
    beginning = re.match(r"[\w ]*", text)
    assert beginning is not None
    assert len(beginning[0]) > 8, f"who raises {symptom}?"
    assert beginning[0] in own_source(), f"no library and no check says {beginning[0]!r}: remove the symptom"


@pytest.mark.parametrize("symptom", ORIGINS)
def test_a_symptom_matches_each_form_of_its_message(symptom: str) -> None:
    assert symptom in SYMPTOMS, "the catalogue no longer has it"
    for origin in ORIGINS[symptom]:
        assert re.search(symptom, origin.message), origin.message


def test_what_a_release_cannot_say(release: tuple[str, Path]) -> None:
    version, packages = release
    silent = {
        symptom for symptom, origins in ORIGINS.items() if not any(says(packages, each) for each in origins)
    }
    assert silent == UNSAID[version]


def test_some_release_says_each_symptom() -> None:
    assert set.intersection(*map(set, UNSAID.values())) == set()


def test_every_text_of_a_product_of_two_dtypes_is_recognised(release: tuple[str, Path]) -> None:
    said = {
        text
        for library in (CPU, CUDA)
        for pair in ("mat1 and mat2", "m1 and m2", "batch1 and batch2")
        for text in texts_with(release[1] / library, pair)
        if "same dtype" in text
    }
    assert said
    unknown = {
        text for text in said if not DEFECTS["default-dtype-float64"].matches(RuntimeError(text + "float"))
    }
    assert unknown <= set(OTHER_PRODUCTS)


def test_quantisation_no_longer_takes_what_sams_script_passes(release: tuple[str, Path]) -> None:
    source = content(release[1] / "onnxruntime/quantization/quantize.py").decode()
    (arguments,) = re.findall(r"def quantize_dynamic\((.*?)\):", source, re.DOTALL)
    assert "optimize_model" not in arguments
