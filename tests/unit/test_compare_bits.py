"""Exact bits and loaded libraries: what `compare` says where they differ, and how a guest reads them."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from samcheck.analysis.compare import compare, result_pairs
from samcheck.analysis.compare.comparison_text import markdown
from samcheck.analysis.compare.result_pairs import Trait
from samcheck.guest import bits, libraries
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, LoadedLibrary
from tests.unit.made import RESULT, SEEN


def with_bits(digest: str, **changes: object) -> CellResult:
    check = CheckResult("test_bits.py::test_operations[float32-fp32]", "correctness", CheckOutcome.PASSED)
    return replace(RESULT, checks=[replace(check, settings={"bits_gelu": digest})], **changes)  # type: ignore[arg-type]


def test_other_bits_are_told_and_suspicious_where_nothing_else_differs() -> None:
    before = with_bits("1" * 16)
    text = markdown(compare([before], [with_bits("2" * 16)], lambda _: {}))
    assert "other bits in 1 of 1 answer" in text
    assert "the bits differ although no difference between the two is known" in " ".join(text.split())
    upgraded = with_bits("2" * 16, observed=replace(SEEN, torch="2.5.0"))
    text = markdown(compare([before], [upgraded], lambda _: {}), everything=True)
    assert "other bits in 1 of 1 answer (operations" in text
    assert "although" not in text
    text = markdown(compare([before], [with_bits("1" * 16)], lambda _: {}))
    assert "the same bits in 1 answer" in text


def test_other_weights_have_no_bits_to_compare() -> None:
    other = with_bits("2" * 16, weights={"tiny": "trained (sha256 2)"})
    assert "bits" not in markdown(compare([with_bits("1" * 16)], [other], lambda _: {}))


def test_a_library_that_was_replaced_is_a_difference_of_the_same_build_only() -> None:
    def seen(version: str, **changes: object) -> CellResult:
        library = LoadedLibrary(version, "/usr/lib/libcublas.so.12")
        return replace(RESULT, observed=replace(SEEN, libraries={"cublas": library}, **changes))  # type: ignore[arg-type]

    differ = result_pairs.differences(seen("12.1.3"), seen("12.4.5"))
    assert [str(one) for one in differ] == [
        "loaded libraries cublas 12.1.3 (/usr/lib/libcublas.so.12) → cublas 12.4.5 (/usr/lib/libcublas.so.12)"
    ]
    differ = result_pairs.differences(seen("12.1.3"), seen("12.4.5", torch="2.5.0"))
    assert [one.trait for one in differ] == [Trait.TORCH]
    assert not result_pairs.differences(seen("12.1.3"), RESULT)  # an older result has not recorded them


def test_a_digest_is_of_bits_shape_and_dtype() -> None:
    ones = np.ones((2, 3), np.float32)
    alike = [ones.copy(), np.ones((3, 2), np.float32).T.copy()]
    assert len({bits.digest([array]) for array in alike}) == 1
    others = [-0.0 * ones, 0.0 * ones, ones.reshape(3, 2), ones.astype(np.float64), np.nextafter(ones, 2)]
    assert len({bits.digest([array]) for array in (ones, *others)}) == 1 + len(others)


class Library:
    """Answers as NVIDIA's libraries do: a status, and numbers behind pointers."""

    class _Cudnn:
        restype = None

        def __init__(self, number: int) -> None:
            self._number = number

        def __call__(self) -> int:
            return self._number

    def __init__(self, cudnn: int = 0, number: int = 0, status: int = 0) -> None:
        self.cudnnGetVersion, self._number, self._status = self._Cudnn(cudnn), number, status

    def cublasGetProperty(self, which: int, value: object) -> int:  # noqa: N802
        value._obj.value = (12, 1, 3)[which]  # type: ignore[attr-defined]
        return self._status

    def cudaRuntimeGetVersion(self, value: object) -> int:  # noqa: N802
        value._obj.value = self._number  # type: ignore[attr-defined]
        return self._status

    ncclGetVersion = cuDriverGetVersion = cudaRuntimeGetVersion  # noqa: N815


@pytest.mark.parametrize(
    ("file", "library", "name", "version"),
    [
        ("/x/libcudnn.so.8", Library(cudnn=8902), "cudnn", "8.9.2"),
        ("/x/libcudnn.so.9", Library(cudnn=91002), "cudnn", "9.10.2"),
        ("/x/libnccl.so.2", Library(number=22005), "nccl", "2.20.5"),
        ("/x/libnccl.so.2", Library(number=2708), "nccl", "2.7.8"),
        ("/x/libcudart-a7b20f20.so.11.0", Library(number=11080), "cudart", "11.8"),
        ("/x/libcuda.so.550.54.15", Library(number=12040), "cuda", "12.4"),
        ("/x/libcublas.so.12", Library(), "cublas", "12.1.3"),
        ("/x/libcublas.so.12", Library(status=1), "cublas", None),
        ("/x/libcufft.so.11", Library(), "cufft", None),  # this one has no such function
    ],
)
def test_a_library_says_its_version(file: str, library: Library, name: str, version: str | None) -> None:
    found = libraries.described([file, "/x/libcudnn_ops.so.9", "/x/libm.so.6"], lambda _: library)
    assert found == {name: LoadedLibrary(version, file)}


def test_libraries_are_those_that_the_kernel_lists(tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    maps.write_text(
        "7f00-7f01 r--p 00000000 fe:00 12                         /opt/my libs/libcudnn.so.9\n"
        "7f01-7f02 r-xp 00000000 fe:00 12                         /opt/my libs/libcudnn.so.9\n"
        "7f02-7f03 rw-p 00000000 00:00 0                          [heap]\n"
    )
    assert libraries.loaded(str(maps)) == {"cudnn": LoadedLibrary(None, "/opt/my libs/libcudnn.so.9")}
    assert libraries.loaded(str(tmp_path / "missing")) == {}


def test_a_real_library_that_is_not_nvidias_answers_nothing() -> None:
    own = ctypes.CDLL(None)
    assert libraries.described(["/x/libcublas.so.12"], lambda _: own)["cublas"].version is None
