"""Does PyTorch load a checkpoint as documented: every parameter or an error, and only data on request?"""

from __future__ import annotations

import pickle
from typing import Any, Dict

import pytest
import torch

from samcheck.guest.models import variants, weights
from samcheck.guest.models.bad_checkpoints import MakesFolder

GROUP = "checkpoints"
TINY = variants.VARIANTS["tiny"]


@pytest.fixture(scope="module")
def state() -> Dict[str, Any]:
    """The parameters of the small model, on the CPU."""
    parameters: Dict[str, Any] = weights.load(TINY)[0].state_dict()
    return parameters


def test_every_parameter_is_wanted(state: Dict[str, Any]) -> None:
    """A file that lacks one of SAM's parameters is refused, since the parameter would stay random.

    https://github.com/SysCV/sam-hq/issues/6
    """
    name = sorted(state)[0]
    without = {key: value for key, value in state.items() if key != name}
    with pytest.raises(RuntimeError, match=name):
        TINY.build().load_state_dict(without)


def test_no_foreign_parameter_is_taken(state: Dict[str, Any]) -> None:
    """A file with a parameter that SAM does not have is refused, since it belongs to another model.

    https://github.com/SysCV/sam-hq/issues/6
    """
    with pytest.raises(RuntimeError, match="hf_token"):
        TINY.build().load_state_dict(dict(state, hf_token=torch.zeros(1)))


def test_weights_only_runs_no_code(tmp_path: Any) -> None:
    """`torch.load(file, weights_only=True)` refuses a file that contains code, and does not run it.

    https://github.com/pytorch/pytorch/security/advisories/GHSA-53q9-r3pm-6pq6
    """
    path, folder = tmp_path / "checkpoint.pth", tmp_path / "made-by-the-checkpoint"
    torch.save({"extra": MakesFolder(folder)}, path)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(str(path), weights_only=True)
    assert not folder.exists()
