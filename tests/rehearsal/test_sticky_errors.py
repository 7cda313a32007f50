"""An error of a kernel costs the check that started it, and the process; no later check."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes.trial import Trial, outcomes

#: A PyTorch whose kernels fail behind the program, as CUDA's do: each call after that says so.
SUITE = """
import sys
from types import ModuleType

class Cuda:
    broken = False

    def is_initialized(self):
        return True

    def synchronize(self):
        if self.broken:
            raise RuntimeError("CUDA error: an illegal memory access was encountered\\nand more")

torch = ModuleType("torch")
torch.cuda = Cuda()
sys.modules["torch"] = torch

def use():
    torch.cuda.synchronize()

def test_before(): use()

def test_it():
    {body}

def test_after(): use()
"""


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path)


@pytest.mark.parametrize("body", ["torch.cuda.broken = True", "torch.cuda.broken = True; assert False"])
def test_a_kernel_that_fails_costs_its_check_only(trial: Trial, body: str) -> None:
    trial.write(SUITE.format(body=body))
    result = trial.run()
    assert outcomes(result) == {"before": "passed", "it": "failed", "after": "passed"}
    assert trial.starts == 2


def test_the_check_says_which_error_it_left(trial: Trial) -> None:
    trial.write(SUITE.format(body="torch.cuda.broken = True"))
    reason = trial.run().checks[1].reason
    assert reason.endswith("unfit for other checks: CUDA error: an illegal memory access was encountered")
