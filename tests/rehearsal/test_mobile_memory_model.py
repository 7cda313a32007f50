"""What MobileSAM takes on a GPU, as PyTorch dispatches it, against `samcheck.guest.memory_model`."""

from __future__ import annotations

from pathlib import Path

import pytest

from samcheck.guest.memory_model.allocator import CachingAllocator
from samcheck.guest.memory_model.ledger import Event
from samcheck.guest.memory_model.mobile_encoder import TINY_VIT_SHAPES
from tests.cells.conftest import of_cell
from tests.rehearsal.test_memory_model import COUNT, RESERVED, STEPS, counted, peak
from tests.rehearsal.traces import PRECISIONS, traced


@pytest.fixture(scope="session")
def with_mobile_sam(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter with mobile_sam."""
    fields = 'torch = "2.4.1"\npython = "3.11"\nsam = "mobilesam-mirror==1.0.0"'
    return of_cell(tmp_path_factory.mktemp("with-mobile-sam"), fields)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("variant", TINY_VIT_SHAPES)
def test_the_count_for_mobile_sam_is_what_pytorch_takes(
    with_mobile_sam: str, cudart: Path, variant: str, precision: str, step: str
) -> None:
    traces = traced(with_mobile_sam, cudart, variant, "fake_mobile")
    assert not isinstance(traces, str), traces
    need, events = counted(variant, precision, step), traces[precision][step]
    assert need.growth == pytest.approx(peak(events), rel=COUNT)
    if variant == "mobile_sam_mini":  # of few segments, one more is a fifth
        return
    weights = [event for event in need.trace if event.key < 0]
    reserved = CachingAllocator().play([*weights, *(Event(*event) for event in events)]).peak
    assert need.reserved == pytest.approx(reserved, rel=RESERVED)
