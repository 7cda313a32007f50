"""ONNX Runtime, the exporters, and torch.compile."""

from __future__ import annotations

from typing import Any

from ..fault import fault
from ..patching import edit, find, replace

EXPORTED = "segment_anything.utils.onnx:SamOnnxModel."
SESSION = "onnxruntime:InferenceSession."


@fault("https://github.com/microsoft/onnxruntime/issues/21684", "exported", "onnxruntime")
def provider_lies() -> None:
    """ONNX Runtime says that it runs on the provider that was asked for, and runs on the CPU."""

    def make(init: Any) -> Any:
        def changed(self: Any, path: Any, options: Any = None, providers: Any = (), **named: Any) -> None:
            init(self, path, options, providers=["CPUExecutionProvider"], **named)
            names = [each if isinstance(each, str) else each[0] for each in providers]
            self.get_providers = lambda: names

        return changed

    replace(SESSION + "__init__", make)


@fault("https://github.com/microsoft/onnxruntime/issues/17801", "exported", "onnxruntime")
def session_runs_elsewhere() -> None:
    """A session runs on another provider than the one that was asked for, and says so."""
    replace(SESSION + "get_providers", lambda _: lambda self: ["AzureExecutionProvider"])


@fault(
    "onnxruntime and onnxruntime-gpu installed over each other, and one of them removed",
    "exported",
    "onnxruntime",
)
def runtime_half_removed() -> None:
    """The package of ONNX Runtime is there, without its sessions."""
    del find("onnxruntime:InferenceSession")[0].InferenceSession


@fault("inputs bound once: https://github.com/facebookresearch/sam2/issues/501", "exported", "onnxruntime")
def session_answers_again() -> None:
    """A session gives its first answer again to every input of the same shapes."""

    def make(run: Any) -> Any:
        def changed(self: Any, names: Any, feed: Any, *rest: Any) -> Any:
            known = self.__dict__.setdefault("_known", {})
            key = tuple((name, feed[name].shape) for name in sorted(feed))
            if key not in known:
                known[key] = run(self, names, feed, *rest)
            return known[key]

        return changed

    replace(SESSION + "run", make)


@fault("https://github.com/NVIDIA/TensorRT/issues/2564", "exported", "onnxruntime")
def session_computes_in_half() -> None:
    """A session computes in float16 although the file is in float32."""

    def make(run: Any) -> Any:
        def changed(self: Any, names: Any, feed: Any, *rest: Any) -> Any:
            narrow = {name: value.astype("f2").astype(value.dtype) for name, value in feed.items()}
            return [each.astype("f2").astype(each.dtype) for each in run(self, names, narrow, *rest)]

        return changed

    replace(SESSION + "run", make)


@fault("ports of the export script", "exported")
def export_drops_shift() -> None:
    """The exported decoder does not shift points to the centres of their pixels."""
    edit(EXPORTED + "_embed_points", "point_coords = point_coords + 0.5", "pass")


@fault("ports of the export script", "exported")
def export_adds_no_mask() -> None:
    """The exported decoder adds the embedding of "no mask" to that of a mask too."""
    edit(EXPORTED + "_embed_masks", "1 - has_mask_input", "1")


@fault("ports of the export script", "exported")
def export_ignores_padding() -> None:
    """The exported decoder embeds the point that is none like any other."""
    edit(EXPORTED + "_embed_points", "point_labels == -1", "point_labels == -7")
    edit(EXPORTED + "_embed_points", "point_labels != -1", "point_labels != -7")


@fault("opsets whose resize has one way to place pixels", "exported")
def export_aligns_corners() -> None:
    """The exported decoder resizes masks with aligned corners."""
    edit(EXPORTED + "mask_postprocessing", "align_corners=False", "align_corners=True", count=2)


@fault("https://github.com/dinglufe/segment-anything-cpp-wrapper/issues/11", "exported", "torch")
def export_fixes_shapes() -> None:
    """The exporter ignores which axes shall be free."""

    def make(export: Any) -> Any:
        def changed(*given: Any, **named: Any) -> Any:
            for name in ("dynamic_axes", "dynamic_shapes"):
                named.pop(name, None)
            return export(*given, **named)

        return changed

    replace("torch.onnx:export", make)


@fault("constants folded in the type of the weights", "exported", "torch")
def export_rounds_weights() -> None:
    """The exporter writes weights rounded to bfloat16."""

    def make(export: Any) -> Any:
        def changed(model: Any, *given: Any, **named: Any) -> Any:
            import copy

            rounded = copy.deepcopy(model)
            for parameter in rounded.parameters():
                parameter.data = parameter.data.bfloat16().float()
            return export(rounded, *given, **named)

        return changed

    replace("torch.onnx:export", make)


@fault("https://github.com/pytorch/pytorch/issues/173823", "compiled", "torch")
def compiled_is_imprecise() -> None:
    """What torch.compile gives rounds its answer to bfloat16."""

    def make(compile: Any) -> Any:
        def changed(step: Any, *given: Any, **named: Any) -> Any:
            made = compile(step, *given, **named)

            def narrowed(*inputs: Any, **more: Any) -> Any:
                found = made(*inputs, **more)
                return found.bfloat16().to(found.dtype) if hasattr(found, "bfloat16") else found

            return narrowed

        return changed

    replace("torch:compile", make)


@fault("guards that are too wide: https://github.com/pytorch/pytorch/issues/105279", "compiled", "torch")
def compiled_for_the_first_size() -> None:
    """What torch.compile gives compiles anew for every call."""

    def make(compile: Any) -> Any:
        def changed(step: Any, *given: Any, **named: Any) -> Any:
            def again(*inputs: Any, **more: Any) -> Any:
                import torch

                torch._dynamo.reset()
                return compile(step, *given, **named)(*inputs, **more)

            return again

        return changed

    replace("torch:compile", make)
