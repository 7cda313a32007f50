"""Can files that one release of PyTorch wrote be read with this one, and is the same in them?"""

from __future__ import annotations

import contextlib
from typing import Any, Dict

import pytest
import torch

from samcheck.guest.exchange import kinds, written
from samcheck.guest.exchange.smallest_sam import smallest
from samcheck.guest.models.backends import or_skip

GROUP = "checkpoints"


@pytest.fixture(scope="module")
def model() -> Any:
    """The model that every release wrote, with its seeded weights."""
    return smallest()


#: What takes seconds to read.
SLOW = ("exported-program",)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.full] * (kind in SLOW)) for kind in sorted(kinds.KINDS)]
)
@pytest.mark.parametrize("writer", written.WRITERS)
def test_reads_what_another_release_wrote(
    writer: str, kind: str, model: Any, device: str, defect: Any, settings: Dict[str, str]
) -> None:
    """Checkpoints, whole models, embeddings, int8 states and exports of an older or a newer release hold what
    was written, and compute the same.

    https://github.com/pytorch/pytorch/issues/94670
    """
    path = written.path(writer, kind)
    if path is None:
        pytest.skip("PyTorch {} could not write this kind of file".format(writer))
    settings["reader"] = str(torch.__version__)
    # What a release wrote itself, it must read; PyTorch promises nothing of these files between releases.
    other = kind == "exported-program" and not str(torch.__version__).startswith(writer)
    with or_skip(), defect("exported-program-release") if other else contextlib.nullcontext():
        kinds.KINDS[kind].read(model, path)
