"""How long do the parts of SAM take?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from time import perf_counter
from typing import Any, Callable, Dict, List

import pytest
import torch

from samcheck.guest import launch
from samcheck.guest.benchmark import kernels, latency
from samcheck.guest.models import inference, precisions
from samcheck.guest.models.backends import compiled, or_skip
from samcheck.guest.models.variants import KNOWN_EVERYWHERE, VARIANTS
from samcheck.guest.record import Series

MANY = 64
#: Products in a step that is profiled, and the side of their matrices: large enough to hide what is around.
PRODUCTS, PROFILED_SIDE = 5, {"cuda": 8192, "cpu": 1024}
#: Share of a step's time that launching its kernels may take if a GPU never waits for the next one.
LAUNCHING = 0.5

only_float32 = pytest.mark.precisions("fp32")


@pytest.fixture(scope="session")
def timer(device: str) -> float:
    """The timer's overhead in each round, in ms."""
    return latency.timer_ms(device)


@pytest.fixture
def timed(
    benchmark: Any,
    model: Any,
    computed_in: str,
    precision: str,
    device: str,
    timer: float,
    pytestconfig: pytest.Config,
    turns: Any,
    measured: Dict[str, float],
    series: List[Series],
    settings: Dict[str, str],
) -> Callable[[Callable[[], Any]], Any]:
    """Time a step with pytest-benchmark, store the numbers and what really ran, and return its result.

    https://github.com/facebookresearch/segment-anything/issues/344
    """

    def run(step: Callable[[], Any]) -> Any:
        timing = latency.Timing(
            benchmark, step, device, pytestconfig.getoption("--samcheck-benchmark-seconds"), turns
        )
        if timing.series is None:
            pytest.skip("pytest-benchmark was disabled on the command line")
        series.append(timing.series)
        measured.update(timing.metrics)
        settings.update(timing.settings)
        measured["timer_share"] = timer / measured["median_ms"]
        settings["computed_in"] = computed_in
        settings["threads"] = str(torch.get_num_threads())
        where = next(model.parameters()).device  # not every family's model has an attribute for it
        settings["device"] = str(where)
        assert measured["timer_share"] < latency.TIMER_SHARE[device]
        assert where.type == device
        assert computed_in == precisions.PRECISIONS[precision].reads_back
        return timing.result

    return run


def per_second(measured: Dict[str, float]) -> None:
    measured["images_per_s"] = 1e3 / measured["median_ms"]


def test_encoder(timed: Callable[..., Any], model: Any, device: str, measured: Dict[str, float]) -> None:
    """The image encoder alone, for one image."""
    size = model.image_encoder.img_size
    pixels = torch.rand(1, 3, size, size, device=device)
    features = inference.features_of(timed(lambda: model.image_encoder(pixels)))
    per_second(measured)
    assert features.shape[2:] == model.prompt_encoder.image_embedding_size
    assert torch.isfinite(features).all()


@pytest.mark.capabilities("image")
@only_float32  # as the decoder is in every precision
def test_decoder(timed: Callable[..., Any], ready: Any, scene: Any, variant: str) -> None:
    """One prompt on an already encoded image, until the masks are in host memory."""
    prompt = inference.prompt(scene, "point")
    assert len(timed(lambda: inference.predict(ready, prompt)).masks) == VARIANTS[variant].masks


@pytest.mark.full
@pytest.mark.precisions("fp32", "tf32", "fp16", "bf16")
def test_encoder_share_of_peak(
    model: Any, precision: str, device: str, measured: Dict[str, float], settings: Dict[str, str]
) -> None:
    """The encoder's arithmetic rate, relative to that of plain matrix products in its precision here."""
    try:
        from samcheck.guest.benchmark import roofline

        size = model.image_encoder.img_size
        pixels = torch.rand(1, 3, size, size, device=device)
        work = roofline.operations(lambda: model.image_encoder(pixels))
    except ImportError:
        pytest.skip("PyTorch {} cannot count operations; 2.1 can".format(torch.__version__))
    seconds = latency.plain_ms(lambda: model.image_encoder(pixels), device) / 1e3
    with precisions.tf32(precision == "tf32"):
        peak = roofline.matrix_rate(device, precisions.PRECISIONS[precision].dtype)
    measured.update(gflop=work / 1e9, gflop_per_s=work / seconds / 1e9, matrix_gflop_per_s=peak / 1e9)
    measured["share_of_matrix_rate"] = work / seconds / peak
    settings["device"] = str(model.device)
    # Every token goes through every layer of the blocks, and windows are padded.
    tokens = (size // 16) ** 2
    assert work >= 2.0 * tokens * sum(
        weight.numel() for weight in model.image_encoder.parameters() if weight.dim() == 2
    )
    if device == "cuda":  # on a CPU, other processes may disturb either of the two measurements
        # A higher share than such products can reach means that the work, the time or the rate is wrong.
        assert measured["share_of_matrix_rate"] < 1.5


@pytest.mark.full
@only_float32
def test_agrees_with_triton(model: Any, variant: str, device: str, measured: Dict[str, float]) -> None:
    """samcheck's and `triton.testing.do_bench`'s times for the encoder agree within 2 %.

    `do_bench` launches ahead of the GPU and samcheck waits for it before each round, so the two only compare
    where the GPU computes for longer than its kernels take to launch, which a very fast GPU may not.
    """
    if device != "cuda":
        pytest.skip("triton.testing.do_bench measures GPUs only")
    if VARIANTS[variant].tier == "fast":
        pytest.skip("a small model's kernels take less time than launching them, and do_bench launches ahead")
    with or_skip():
        compiled.require_triton()
    from triton import testing

    size = model.image_encoder.img_size
    pixels = torch.rand(1, 3, size, size, device=device)
    step = lambda: model.image_encoder(pixels)  # noqa: E731
    measured["triton_ms"] = testing.do_bench(step, warmup=300, rep=1000, return_mode="median")
    measured["ours_ms"], measured["launching_ms"] = latency.plain_ms(step, device), latency.launching_ms(step)
    if measured["launching_ms"] > LAUNCHING * measured["triton_ms"]:
        pytest.skip("launching takes {launching_ms:.1f} of {triton_ms:.1f} ms".format(**measured))
    assert measured["ours_ms"] == pytest.approx(measured["triton_ms"], rel=0.02)


def test_profiler(device: str, measured: Dict[str, float], settings: Dict[str, str]) -> None:
    """PyTorch's profiler, which measures kernels on GPUs, agrees with the clock on matrix products.

    Its unit of time changed from microseconds to nanoseconds in 2.4
    (https://github.com/pytorch/pytorch/pull/123650).
    """
    left = torch.rand(PROFILED_SIDE[device], PROFILED_SIDE[device], device=device)
    seconds: List[float] = []

    def step() -> None:
        begin = perf_counter()
        for _ in range(PRODUCTS):
            torch.mm(left, left)
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(perf_counter() - begin)

    try:
        times = kernels.profiled(step, device)
    except kernels.NothingSeen as error:
        if device != "cuda":
            raise
        pytest.skip(str(error))
    measured["profiled_ms"] = times.kernel_ms if device == "cuda" else times.ms["aten::mm"]
    measured["profiled_time_ratio"] = measured["profiled_ms"] / seconds[-1] / 1e3
    settings["device"] = str(left.device)
    assert times.count >= PRODUCTS
    assert 0.5 < measured["profiled_time_ratio"] < 1.05


@only_float32
def test_decoder_many(timed: Callable[..., Any], ready: Any, scene: Any, variant: str, device: str) -> None:
    """64 prompts at once, as in the automatic generator, until the masks are on the device."""
    height, width = scene.image.shape[:2]
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(MANY, 1, 2, generator=generator) * torch.tensor([width - 1, height - 1])
    points = ready.transform.apply_coords_torch(points, (height, width)).to(device)
    labels = torch.ones(MANY, 1, dtype=torch.int, device=device)
    masks, _, _ = timed(lambda: ready.predict_torch(points, labels))
    assert masks.shape == (MANY, VARIANTS[variant].masks, height, width)


@pytest.mark.capabilities("image")
def test_end_to_end(
    timed: Callable[..., Any],
    model: Any,
    variant: str,
    new_predictor: Any,
    scene: Any,
    measured: Dict[str, float],
) -> None:
    """From an image in host memory to masks in host memory, with nothing cached."""
    prompt = inference.prompt(scene, "point")
    prediction = timed(lambda: inference.segment(new_predictor(model), scene, prompt))
    assert len(prediction.masks) == VARIANTS[variant].masks
    per_second(measured)


@only_float32
def test_cached(timed: Callable[..., Any], model: Any, ready: Any, new_predictor: Any, scene: Any) -> None:
    """The same as `end_to_end`, with the image's embedding cached in host memory."""
    prompt, features = inference.prompt(scene, "point"), ready.features.cpu()

    def step() -> Any:
        predictor = new_predictor(model)
        predictor.original_size, predictor.input_size = ready.original_size, ready.input_size
        predictor.features, predictor.is_image_set = features.to(model.device), True
        if hasattr(ready, "interm_features"):  # HQ-SAM's
            predictor.interm_features = [each.cpu().to(model.device) for each in ready.interm_features]
        return inference.predict(predictor, prompt)

    assert (timed(step).masks == inference.predict(ready, prompt).masks).all()


@pytest.mark.capabilities("automatic")
@only_float32
def test_automatic(
    timed: Callable[..., Any], model: Any, scene: Any, variant: str, measured: Dict[str, float]
) -> None:
    """The automatic mask generator with 8 x 8 points, for one image."""
    generator = VARIANTS[variant].generator(model, points_per_side=8)
    records = timed(lambda: generator.generate(scene.image))
    per_second(measured)
    assert isinstance(records, list)


@pytest.mark.full
@pytest.mark.capabilities("image")
@only_float32
@pytest.mark.parametrize("phase", ["load", "first_call"])
def test_fresh_process(
    fresh: Dict[str, float],
    variant: str,
    phase: str,
    precision: str,
    measured: Dict[str, float],
    series: List[Series],
) -> None:
    """Loading the model, and segmenting the first image, in a fresh process."""
    name = "{}_ms".format(phase)
    measured["median_ms"] = fresh[name]
    measured["of_the_second_call"] = fresh["first_call_ms"] / fresh["second_call_ms"]
    series.append(Series({"wall_ms": [fresh[name]]}, rounds=1, warmup=0, stopped="once per process"))
    assert fresh["masks"] == VARIANTS[variant].masks


@pytest.fixture(scope="session")
def fresh(variant: str, device: str) -> Dict[str, float]:
    """Start-up times that a fresh process reports (`samcheck.guest.benchmark.cold_start`)."""
    if variant not in KNOWN_EVERYWHERE:
        pytest.skip("{} is registered in this process only, and this check starts another".format(variant))
    command = launch.command("samcheck.guest.benchmark.cold_start", "--device", device, "--variant", variant)
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=environment)
    times: Dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return times
