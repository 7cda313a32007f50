"""Does SAM's exported decoder give the same masks in ONNX Runtime and TensorRT as in plain PyTorch?

What a backend does not support in an environment is skipped with the reason. A backend that ignores a
request, such as to run on the GPU, fails.
"""

from __future__ import annotations

import contextlib
from typing import Any, Callable, ContextManager, Dict

import numpy as np
import pytest

from samcheck.guest.models import exported_decoder, onnx_export, onnx_graph, scenes
from samcheck.guest.models.backends import onnx_runtime, or_skip, providers, require_sam, tensor_rt
from samcheck.guest.models.backends.harness import BackendHarness
from samcheck.guest.models.exported_decoder import problems
from samcheck.guest.oracle.tolerances import Tolerance, deviation, relative_error
from samcheck.guest.plugin.recording import WATCH

#: Dynamic int8 for the decoder's matrix products; measured: 7.3e-3 (relative L2) and 1.6e-3 for the trained
#: tiny, 1.8e-2 and 1.5e-2 for a vit_b with random weights.
INT8 = Tolerance(logits=6e-2, full=6e-2, score=5e-2)
#: Error that rounding explains in logits (relative L2) and scores; not measured.
TENSORRT = {"fp32": (1e-4, 1e-4), "fp16": (3e-2, 1e-2)}
#: (H, W), in the aspect ratio that SAM's export script traces, and in another.
TRACED_SIZES, OTHER_SIZE = ((160, 240), (240, 360)), (240, 160)
SIZE = TRACED_SIZES[0]

with_onnxruntime = pytest.mark.parametrize("backend", ["onnxruntime"])
with_tensorrt = pytest.mark.parametrize("backend", ["tensorrt"])
each_exporter = pytest.mark.parametrize("exporter", onnx_export.EXPORTERS)


class SilentlyWrong(Exception):
    """A backend gave a wrong answer, or not what was requested, without an error."""


class NotForTensorRT(Exception):
    """A graph has operators that TensorRT does not support."""


@pytest.fixture(scope="session")
def harness(
    loaded: Any,
    variant: str,
    device: str,
    exact_float32: None,
    new_predictor: Callable[[Any], Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> BackendHarness:
    with or_skip():
        require_sam(loaded)
    return BackendHarness(loaded, device, str(tmp_path_factory.mktemp("exported-" + variant)), new_predictor)


@pytest.fixture
def answering(
    device: str, settings: Dict[str, str], request: pytest.FixtureRequest
) -> Callable[[Any], ContextManager[None]]:
    """Return `providers.answering` for a session of ONNX Runtime."""
    stash = request.node.stash  # read late: the check's own watch may come after this
    return lambda session: providers.answering(session.provider, device, settings, stash.get(WATCH, None))


def watching(defect: Any, id: str, when: bool) -> Any:
    """Watch for a catalogued defect if `when` is true."""
    return defect(id) if when else contextlib.nullcontext()


@with_onnxruntime
def test_official_recipe(
    backend: str,
    harness: BackendHarness,
    tmp_path: Any,
    defect: Any,
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """SAM's export script writes a valid file with a dynamic number of points.

    https://github.com/pytorch/pytorch/issues/165748
    """
    path, settings["exporter"] = tmp_path / "decoder.onnx", onnx_export.official_exporter()
    with or_skip(), watching(defect, "onnx-official-recipe", settings["exporter"] == "dynamo"):
        try:
            onnx_export.official(harness.model, str(path))
        finally:  # the script opens the file before exporting
            if path.exists():  # not where the packages for exporting are missing
                measured["file_bytes"] = path.stat().st_size
        assert onnx_graph.read(str(path)).inputs["point_coords"] == (1, "num_points", 2)


@with_onnxruntime
@each_exporter
def test_export(
    backend: str,
    exporter: str,
    harness: BackendHarness,
    defect: Any,
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """Each exporter writes a file with a dynamic number of points that ONNX's checker accepts.

    https://github.com/pytorch/pytorch/issues/136083
    """
    with or_skip(), watching(defect, "onnx-value-dependent-crop", exporter == "dynamo"):
        graph = onnx_graph.read(harness.exports.get(exporter))
        measured.update(opset=graph.opset, file_bytes=graph.size, nodes=sum(graph.operators.values()))
        settings["external_files"] = " ".join(graph.external) or "none"
        points = graph.inputs["point_coords"][1]
        assert isinstance(points, str)  # a name: the size is dynamic
        assert graph.inputs == harness.input_sizes(points)
        assert graph.size > 4 * sum(tensor.numel() for tensor in harness.model.mask_decoder.parameters())


@with_onnxruntime
@each_exporter
def test_requested_opset(backend: str, exporter: str, harness: BackendHarness, defect: Any) -> None:
    """The file has the requested opset version.

    https://github.com/pytorch/pytorch/pull/161056
    """
    with or_skip():
        harness.session(exporter)
    opset = onnx_graph.read(harness.exports.get(exporter)).opset
    with watching(defect, "onnx-opset-raised", exporter == "dynamo"):
        if opset != onnx_export.OPSET:
            raise SilentlyWrong("asked for opset {}, got {}".format(onnx_export.OPSET, opset))


@with_onnxruntime
@each_exporter
@pytest.mark.parametrize("kind", ["1", "2", "5", "7", "box", "point+box", "mask"])
def test_decoder_matches(
    backend: str, exporter: str, kind: str, harness: BackendHarness, answering: Any
) -> None:
    """For any number of points, a box and a mask, at two image sizes, the answer matches the predictor's.

    https://github.com/facebookresearch/segment-anything/issues/130
    """
    with or_skip():
        session = harness.session(exporter)
    with answering(session):
        for size in TRACED_SIZES:
            assert not problems(session.predict(harness.feed(kind, size)), harness.eager(kind, size))


@with_onnxruntime
@each_exporter
def test_other_proportions(
    backend: str, exporter: str, harness: BackendHarness, answering: Any, defect: Any
) -> None:
    """An image with a different aspect ratio from the traced one also gets right masks.

    https://github.com/facebookresearch/segment-anything/issues/56
    """
    with or_skip():
        session = harness.session(exporter)
    with answering(session):
        actual, expected = session.predict(harness.feed("1", OTHER_SIZE)), harness.eager("1", OTHER_SIZE)
        assert not problems(actual, expected, full=False)
        with watching(defect, "onnx-proportions", exporter == "legacy"):
            wrong = problems(actual, expected)
            if wrong:
                raise SilentlyWrong("in other proportions {}".format(wrong))


@with_onnxruntime
def test_padding_point(backend: str, harness: BackendHarness, answering: Any) -> None:
    """Without a box, scores and masks are right only if the caller appends a padding point.

    https://github.com/facebookresearch/segment-anything/issues/294
    """
    with or_skip():
        session = harness.session("legacy")
    with answering(session):
        expected = harness.eager("2", SIZE)
        assert not problems(session.predict(harness.feed("2", SIZE)), expected)
        unpadded = problems(session.predict(harness.feed("2", SIZE, padded=False)), expected)
        assert "logits are off" in unpadded and "scores are off" in unpadded  # noqa: PT018


@with_onnxruntime
@pytest.mark.parametrize("told", [SIZE[::-1], (0, 0)], ids=["width-height", "zero"])
def test_wrong_image_size(
    backend: str, told: Any, harness: BackendHarness, defect: Any, settings: Dict[str, str], answering: Any
) -> None:
    """An image size that is zero, or in the order (W, H), is refused.

    https://github.com/facebookresearch/segment-anything/issues/294
    """
    with or_skip():
        session = harness.session("legacy")
    feed = dict(harness.feed("1", SIZE), orig_im_size=np.array(told, dtype=np.float32))
    with answering(session):
        if told == (0, 0):
            with pytest.raises(Exception, match="Scale value should be greater than 0") as refused:
                session.predict(feed)
            settings["refusal"] = type(refused.value).__name__
            return
        with defect("onnx-image-size"):
            shape = session.predict(feed).logits.shape
            raise SilentlyWrong("told a size of {}, it gave masks {}".format(told, shape))


@with_onnxruntime
@pytest.mark.parametrize("case", ["two-boxes", "half-a-box", "label-5", "padding-only"])
def test_prompt_without_a_meaning(
    backend: str, case: str, harness: BackendHarness, defect: Any, settings: Dict[str, str], answering: Any
) -> None:
    """Inputs that stand for no prompt of one object are refused, as two boxes in one call.

    https://github.com/facebookresearch/segment-anything/issues/223
    """
    with or_skip():
        session = harness.session("legacy")
    boxes = np.array([shape.box for shape in scenes.draw(7, *SIZE).shapes[-2:]], dtype=float)
    feed = exported_decoder.without_meaning(harness.ready(SIZE), boxes)[case]
    with answering(session), defect("onnx-prompts"):
        try:
            answer = session.predict(feed)
        except Exception as error:  # whatever refuses it
            settings["refusal"] = type(error).__name__
            return
        best = float(answer.scores.max())
        raise SilentlyWrong("{}: answered with a score of {:.2f}".format(case, best))


@with_onnxruntime
def test_missing_provider(backend: str, harness: BackendHarness, defect: Any) -> None:
    """samcheck's session and ONNX Runtime both refuse a provider that this build does not have.

    https://github.com/microsoft/onnxruntime/issues/17801
    """
    with or_skip():
        wanted, path = providers.unobtainable(), harness.exports.get("legacy")
    with pytest.raises(onnx_runtime.ProviderMissing, match=wanted):
        onnx_runtime.DecoderSession(path, wanted)
    with defect("onnxruntime-silent-fallback"):
        got = onnx_runtime.plain_session(path, wanted).get_providers()
        if wanted not in got:
            raise SilentlyWrong("{} was asked for, {} runs".format(wanted, got[0]))


@with_onnxruntime
def test_official_quantisation(backend: str, harness: BackendHarness, tmp_path: Any, defect: Any) -> None:
    """SAM's export script can quantise the decoder.

    https://github.com/facebookresearch/segment-anything/issues/611
    """
    with or_skip():
        path = harness.exports.get("legacy")
        with defect("onnx-optimize-model"):
            onnx_runtime.quantise_officially(path, str(tmp_path / "int8.onnx"))


@with_onnxruntime
def test_quantised_decoder(
    backend: str, harness: BackendHarness, tmp_path: Any, measured: Dict[str, float], answering: Any
) -> None:
    """The decoder with int8 matrix products gives nearly the same masks, and its file is clearly smaller.

    https://github.com/pytorch/executorch/issues/22431
    """
    path = str(tmp_path / "int8.onnx")
    with or_skip():
        onnx_runtime.quantise(harness.exports.get("legacy"), path)
    graph, feed = onnx_graph.read(path), harness.feed("1", SIZE)
    expected = harness.session("legacy").predict(feed)
    session = onnx_runtime.DecoderSession(path, providers.CPU)
    difference = deviation(session.predict(feed), expected, INT8)
    measured.update(
        logits_relative_l2=difference.logits,
        score_error=difference.score,
        mask_iou=difference.mask_iou,
        undecided_pixels=difference.band,
        file_bytes=graph.size,
    )
    with answering(session):
        assert graph.operators.get("MatMulInteger", 0) >= 20
        # Less than half at SAM's own widths; in a narrow decoder, more of the file is not matrices.
        assert graph.size < 0.8 * onnx_graph.read(harness.exports.get("legacy")).size
        assert not difference.problems(INT8)


@with_tensorrt
def test_graph_for_tensorrt(
    backend: str, harness: BackendHarness, defect: Any, settings: Dict[str, str]
) -> None:
    """The exported decoder has no operators that TensorRT cannot infer shapes for.

    https://github.com/NVIDIA-AI-IOT/nanosam/issues/16
    """
    with or_skip():
        operators = set(onnx_graph.read(harness.exports.get("legacy")).operators)
        without = set(onnx_graph.read(harness.exports.get("for-tensorrt")).operators)
    assert not {"OneHot", "Tile"} & without
    unsupported = sorted({"OneHot", "Tile"} & operators)
    settings["operators"] = " and ".join(unsupported) or "none"
    if unsupported:  # PyTorch before 2.1 wrote other operators
        with defect("tensorrt-onehot"):
            raise NotForTensorRT("the graph has {}".format(settings["operators"]))


@with_onnxruntime
@pytest.mark.parametrize("kind", ["1", "5", "box", "mask"])
def test_decoder_for_tensorrt_matches(
    backend: str, kind: str, harness: BackendHarness, answering: Any
) -> None:
    """The decoder exported in a form for TensorRT matches the predictor.

    https://github.com/mit-han-lab/efficientvit/issues/78
    """
    with or_skip():
        session = harness.session("for-tensorrt")
    with answering(session):
        assert not problems(session.predict(harness.feed(kind, SIZE)), harness.eager(kind, SIZE), full=False)


@with_tensorrt
@pytest.mark.precisions("fp32", "fp16")
def test_engine_matches(
    backend: str,
    precision: str,
    device: str,
    harness: BackendHarness,
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """An engine that TensorRT builds from the exported decoder matches the predictor.

    https://github.com/NVIDIA/TensorRT/issues/2564
    """
    with or_skip():
        settings["tensorrt"] = tensor_rt.load(device).__version__
        engine = tensor_rt.Engine(harness.exports.get("for-tensorrt"), precision)
    measured["half_layers"] = engine.half_layers
    assert (engine.half_layers > 0) == (precision == "fp16")
    for kind in ("1", "5", "box"):
        actual, expected = engine.predict(harness.feed(kind, SIZE)), harness.eager(kind, SIZE)
        logits = relative_error(actual.low_resolution, expected.low_resolution)
        measured["logits_relative_l2"] = max(logits, measured.get("logits_relative_l2", 0.0))
        assert logits <= TENSORRT[precision][0]
        assert float(np.abs(actual.scores - expected.scores).max()) <= TENSORRT[precision][1]
