"""Is a bad checkpoint file refused, with a reason, before it reaches a model?

Every bad file is made from the small model's. What plain `torch.load` does with it is recorded.
"""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

import pytest
import torch

from samcheck.guest.models import checkpoints, pickles, variants, weights
from samcheck.guest.models.bad_checkpoints import (
    BAD,
    HQ_HEAD,
    IMPORTING,
    LEGACY,
    MakesFolder,
    State,
    flipped,
    on_gpu,
    other_variant,
)
from samcheck.guest.models.variant import Checkpoint, Variant

TINY = variants.VARIANTS["tiny"]


@pytest.fixture(scope="module")
def state() -> State:
    """The parameters of the small model, on the CPU."""
    parameters: State = weights.load(TINY)[0].state_dict()
    return parameters


@pytest.fixture(scope="module")
def shapes(state: State) -> Dict[str, Tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items()}


@pytest.fixture(scope="module")
def good(state: State, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A valid checkpoint file."""
    path = tmp_path_factory.mktemp("good") / "good.pth"
    torch.save(state, path)
    return path


def described(path: Path, size: Optional[int] = None) -> Checkpoint:
    """Describe the file the way official checkpoints are described."""
    content = path.read_bytes()
    return Checkpoint(path.name, size or len(content), hashlib.sha256(content).hexdigest())


def same(left: State, right: State) -> bool:
    return set(left) == set(right) and all(torch.equal(left[name], right[name]) for name in left)


def plainly(path: Path) -> str:
    """Describe what plain `torch.load` does with a file."""
    try:
        loaded = torch.load(str(path))
    except Exception as error:
        first = (str(error).splitlines() or [""])[0][:150]
        return "{}: {}".format(type(error).__name__, first.replace(str(path), path.name))
    return "loads a {}".format(type(loaded).__name__)


@pytest.mark.parametrize("name", sorted(BAD))
def test_bad_file_is_refused(
    name: str, state: State, shapes: Any, good: Path, tmp_path: Path, settings: Dict[str, str]
) -> None:
    """A bad file is refused with a code for what is wrong and with what to do next.

    https://github.com/CVHub520/X-AnyLabeling-Server/issues/31
    """
    code, make = BAD[name]
    path = tmp_path / "checkpoint.pth"
    make(path, good, state)
    with pytest.raises(checkpoints.CheckpointRefused) as refused:
        checkpoints.read(str(path), shapes)
    settings["refusal"] = str(refused.value).replace(str(path), path.name)
    settings["torch_load"] = plainly(path)
    assert refused.value.code == code
    assert checkpoints.CODES[code] in str(refused.value)


def test_wrong_variant_is_named(state: State, shapes: Any, tmp_path: Path) -> None:
    """When another variant's file is refused, the message names that variant.

    https://github.com/facebookresearch/segment-anything/issues/751
    """
    path = tmp_path / "checkpoint.pth"
    torch.save(other_variant(state), path)
    with pytest.raises(checkpoints.CheckpointRefused, match=r"768 wide and 12 blocks deep \(vit_b\)"):
        checkpoints.read(str(path), shapes)


GOOD: Dict[str, Tuple[str, Callable[[State], Any], Dict[str, Any]]] = {
    "state-dict": ("", lambda state: state, {}),
    "legacy-format": ("", lambda state: state, LEGACY),
    "model-and-optimizer": ("model", lambda state: {"model": state, "optimizer": {0: torch.ones(2)}}, {}),
    "lightning": ("state_dict", lambda state: {"state_dict": state, "epoch": 3}, {}),
    "parameters": ("", lambda state: {k: torch.nn.Parameter(v) for k, v in state.items()}, {}),
}


@pytest.mark.parametrize("name", sorted(GOOD))
def test_good_file_is_read(
    name: str, state: State, shapes: Any, tmp_path: Path, settings: Dict[str, str]
) -> None:
    """Control: a good file gives identical parameters, even if a training script wrapped them.

    https://github.com/computational-cell-analytics/micro-sam/issues/1132
    """
    wrapper, make, options = GOOD[name]
    path = tmp_path / "checkpoint.pth"
    torch.save(make(state), path, **options)
    contents = checkpoints.read(str(path), shapes)
    settings["left_alone"] = ", ".join(contents.others) or "nothing"
    assert contents.wrapper == wrapper
    assert same(contents.parameters, state)


def test_checksums_may_be_missing(state: State, shapes: Any, tmp_path: Path) -> None:
    """A file saved without checksums, which PyTorch 2.6 and newer can do, is accepted.

    https://github.com/tracel-ai/burn/issues/5712
    """
    if not hasattr(torch.serialization, "set_crc32_options"):
        pytest.skip("torch.save of PyTorch {} always writes checksums".format(torch.__version__))
    path = tmp_path / "checkpoint.pth"
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(state, path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert same(checkpoints.read(str(path), shapes).parameters, state)


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_digest_catches_a_flipped_bit(
    form: str, state: State, shapes: Any, tmp_path: Path, settings: Dict[str, str]
) -> None:
    """The digest catches a single flipped bit in an official file, in either file format.

    https://github.com/pytorch/pytorch/issues/126952
    """
    path = tmp_path / "checkpoint.pth"
    torch.save(state, path, **(LEGACY if form == "legacy" else {}))
    expected = described(path)
    assert same(checkpoints.read(str(path), shapes, expected).parameters, state)
    path.write_bytes(flipped(path.read_bytes()))
    settings["torch_load"] = plainly(path)
    settings["without_digest"] = "accepted"
    try:
        checkpoints.read(str(path), shapes)
    except checkpoints.CheckpointRefused as error:
        settings["without_digest"] = error.code
    with pytest.raises(checkpoints.CheckpointRefused) as refused:
        checkpoints.read(str(path), shapes, expected)
    assert refused.value.code == "wrong-digest"
    assert settings["without_digest"] == ("damaged" if form == "zip" else "accepted")


@pytest.mark.parametrize(("more", "code"), [(1, "truncated"), (-1, "wrong-size")])
def test_size_is_checked_first(more: int, code: str, good: Path, shapes: Any) -> None:
    """An official file of the wrong size is refused unread: it is a partial download or another file.

    https://github.com/facebookresearch/segment-anything/issues/751
    """
    expected = described(good, good.stat().st_size + more)
    with pytest.raises(checkpoints.CheckpointRefused) as refused:
        checkpoints.read(str(good), shapes, expected)
    assert refused.value.code == code


class SilentlyDamaged(Exception):
    """A damaged file was loaded, and its parameters differ from the saved ones."""


def test_torch_load_notices_damage(state: State, good: Path, tmp_path: Path, defect: Any) -> None:
    """`torch.load` verifies the checksums that `torch.save` wrote.

    https://github.com/pytorch/pytorch/issues/126952
    """
    path = tmp_path / "checkpoint.pth"
    path.write_bytes(flipped(good.read_bytes()))
    with defect("torch-load-ignores-damage"):
        try:
            loaded = torch.load(str(path), map_location="cpu")
        except (RuntimeError, pickle.UnpicklingError):
            return
        changed = [name for name in state if not torch.equal(state[name], loaded[name])]
        raise SilentlyDamaged("{} changed, and nothing was said".format(", ".join(changed) or "nothing"))


class CodeRan(Exception):
    """Loading a checkpoint ran code from it."""


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_pickled_code_never_runs(form: str, protocol: int, state: State, shapes: Any, tmp_path: Path) -> None:
    """Code in a checkpoint is found by parsing its pickle, without running it.

    https://github.com/pytorch/pytorch/security/advisories/GHSA-53q9-r3pm-6pq6
    """
    path, folder = tmp_path / "checkpoint.pth", tmp_path / "made-by-the-checkpoint"
    options = LEGACY if form == "legacy" else {}
    torch.save(dict(state, extra=MakesFolder(folder)), path, pickle_protocol=protocol, **options)
    with pytest.raises(checkpoints.CheckpointRefused, match="mkdir") as refused:
        checkpoints.read(str(path), shapes)
    assert refused.value.code == "pickled-code"
    assert not folder.exists()


def test_default_load_runs_no_code(tmp_path: Path, defect: Any, settings: Dict[str, str]) -> None:
    """`torch.load(file)`, as `build_sam` calls it, does not run code from the file.

    https://github.com/pytorch/pytorch/security/advisories/GHSA-53q9-r3pm-6pq6
    """
    path, folder = tmp_path / "checkpoint.pth", tmp_path / "made-by-the-checkpoint"
    torch.save({"extra": MakesFolder(folder)}, path)
    settings["torch_load"] = plainly(path)
    with defect("torch-load-runs-code"):
        if folder.exists():
            raise CodeRan("the checkpoint made a folder")


@pytest.mark.parametrize("name", sorted(IMPORTING))
def test_every_import_of_a_pickle_is_seen(name: str, tmp_path: Path, settings: Dict[str, str]) -> None:
    """However a pickle names its imports, each name is found or counted as foreign.

    https://github.com/pytorch/pytorch/security/advisories/GHSA-53q9-r3pm-6pq6
    """
    path = tmp_path / "checkpoint.pth"
    path.write_bytes(IMPORTING[name])
    with path.open("rb") as stream:
        names = pickles.foreign(pickles.imported(stream))
    settings["found"] = ", ".join(names)
    assert names
    assert not pickles.only_data(names)


def test_file_saved_on_a_gpu(
    state: State, shapes: Any, good: Path, tmp_path: Path, settings: Dict[str, str]
) -> None:
    """A file saved on a GPU can be read on a machine without one.

    https://github.com/facebookresearch/segment-anything/issues/106
    """
    path = tmp_path / "checkpoint.pth"
    on_gpu(path, good)
    settings["torch_load"] = plainly(path)
    assert "cuda" in settings["torch_load"].lower() or torch.cuda.is_available()
    assert same(checkpoints.read(str(path), shapes).parameters, state)


def test_no_parameter_is_left_at_random(
    state: State, shapes: Any, good: Path, settings: Dict[str, str]
) -> None:
    """The base model's file is refused for SAM-HQ, whose head `strict=False` would leave random.

    https://github.com/SysCV/sam-hq/issues/6
    """
    model = TINY.build()
    model.mask_decoder.hf_token = torch.nn.Embedding(1, 128)
    before = model.mask_decoder.hf_token.weight.clone()
    told = model.load_state_dict(state, strict=False)
    assert torch.equal(before, model.mask_decoder.hf_token.weight)
    settings["strict_false"] = "leaves {} as it was, without an error".format(", ".join(told.missing_keys))
    with pytest.raises(checkpoints.CheckpointRefused, match="hf_token") as refused:
        checkpoints.read(str(good), dict(shapes, **{HQ_HEAD: (1, 128)}))
    assert refused.value.code == "wrong-names"


def test_loader_reads_checkpoints_so(
    state: State, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The suite's own loader accepts the official file and refuses a modified file of the same name.

    https://github.com/pytorch/pytorch/issues/126952
    """
    variant = Variant("tiny", TINY.image_size, TINY.build, described(good))
    monkeypatch.setenv(checkpoints.CHECKPOINTS_VARIABLE, str(good.parent))
    model, carried = weights.load(variant)
    assert carried.kind == "official"
    assert same(model.state_dict(), state)
    (tmp_path / good.name).write_bytes(flipped(good.read_bytes()))
    monkeypatch.setenv(checkpoints.CHECKPOINTS_VARIABLE, str(tmp_path))
    with pytest.raises(checkpoints.CheckpointRefused) as refused:
        weights.load(variant)
    assert refused.value.code == "wrong-digest"
