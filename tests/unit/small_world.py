"""A few made-up facts, so small that what follows from them can be seen."""

from __future__ import annotations

from typing import Any

from samcheck.facts import Facts
from samcheck.facts.hardware_schema import (
    Architecture,
    Branch,
    DriverFloor,
    Forward,
    GpuModel,
    KernelModule,
    Toolkit,
)
from samcheck.facts.sam_schema import SamPackage
from samcheck.facts.schema import Build, NumpySeries, Package, Release


def sure(*source: str) -> dict[str, Any]:
    return {"status": "verified", "source": source}


def build(tag: str, *archs: str, **more: Any) -> Build:
    """``cu126`` is of CUDA 12.6, and its tag is the source of what is said about it."""
    cuda = f"{tag[2:-1]}.{tag[-1]}"
    row = {"cuda": cuda, "tag": tag, "index": "pytorch", "archs": archs, **sure(tag), **more}
    return Build.model_validate(row)


def gpu(name: str, capability: str, kind: str = "datacenter", host: str = "x86_64") -> GpuModel:
    row = {"name": name, "capability": capability, "kind": kind, "family": "any", "host": host}
    return GpuModel.model_validate({**row, **sure("maker")})


WORLD = Facts(
    releases=(
        Release(
            version="1.9.0",
            torchvision="0.10.0",
            pythons=("3.8", "3.9"),
            numpy2=False,
            builds=(
                build("cu102", "7.0", index="default"),
                build("cu111", "7.0", "8.0"),
                build("cu112", "7.0", "8.0"),
            ),
            **sure("page of 1.9"),
        ),
        Release(
            version="2.0.0",
            torchvision="0.15.0",
            pythons=("3.9", "3.10", "3.13"),
            torch_only=("3.11",),
            numpy2=False,
            builds=(
                build("cu117", "7.0", "8.0", index="default"),
                build("cu118", "7.0", "8.0", "9.0"),
                build("cu121"),
            ),
            **sure("page of 2.0"),
        ),
        Release(
            version="2.4.0",
            torchvision="0.19.0",
            pythons=("3.9", "3.10", "3.13", "3.14"),
            numpy2=True,
            builds=(
                build("cu121", "8.0", "9.0", index="default"),
                build("cu118", "7.0", "8.0", "9.0"),
                build("cu124", "8.0", "9.0", "10.0", status="unverified"),
                build("cu122", "8.0", "9.0", "12.0"),
            ),
            **sure("page of 2.4"),
        ),
    ),
    floors=(
        DriverFloor(cuda_major=11, driver="450.80.02", **sure("floors")),
        DriverFloor(cuda_major=12, driver="525.60.13", **sure("floors")),
    ),
    toolkits=(
        Toolkit(version="11.8.0", driver="520.61.05", **sure("toolkits")),
        Toolkit(version="12.1.0", driver="530.30.02", **sure("toolkits")),
    ),
    branches=(
        Branch(number=580, kind="production", state="supported", cuda="13.0", **sure("branches")),
        Branch(number=535, kind="long-term", state="ended", cuda="12.2", **sure("old branches")),
    ),
    forward=(Forward(cuda="12.1", branches={470: "supported", 510: "newer-driver"}, **sure("maker")),),
    gpus=(
        gpu("V100", "7.0"),
        gpu("A100", "8.0"),
        gpu("RTX 3090", "8.6", "geforce"),
        gpu("RTX 4090", "8.9", "geforce"),
        gpu("H100", "9.0"),
        gpu("GH200", "9.0", host="aarch64"),
        gpu("B200", "10.0"),
    ),
    architectures=(
        Architecture(
            capability="7.0",
            first_cuda="9.0",
            last_branch=580,
            kernel_module=KernelModule.PROPRIETARY,
            **sure("legacy"),
        ),
        Architecture(
            capability="8.0",
            kernel_module=KernelModule.EITHER,
            first_cuda="11.0",
            first_driver="450.36.06",
            **sure("maker"),
        ),
        Architecture(
            capability="8.6",
            kernel_module=KernelModule.EITHER,
            first_cuda="11.1",
            first_driver="455.23.04",
            **sure("notes"),
        ),
        Architecture(
            capability="8.9",
            kernel_module=KernelModule.EITHER,
            first_cuda="11.8",
            first_driver="520.56.06",
            **sure("maker"),
        ),
        Architecture(
            capability="9.0",
            kernel_module=KernelModule.EITHER,
            first_cuda="11.8",
            first_driver="520.61.05",
            **sure("notes"),
        ),
    ),
    numpy=(
        NumpySeries(series="1.26", newest="1.26.4", pythons=("3.9", "3.10"), **sure("NumPy 1")),
        NumpySeries(series="2.0", newest="2.0.2", pythons=("3.9", "3.10"), **sure("NumPy 2")),
    ),
    packages=(
        Package(name="numpy", role="numpy", versions={"3.9": "2.0.2", "3.10": "2.0.2"}, **sure("index")),
        Package(name="numpy", role="numpy1", versions={"3.9": "1.26.4", "3.10": "1.26.4"}, **sure("index")),
        Package(
            name="pytest", role="tool", versions={"3.9": "8.4", "3.10": "9.2", "3.13": "9.2"}, **sure("index")
        ),
        Package(
            name="onnx",
            role="export",
            versions={"3.9": "1.17", "3.10": "1.18"},
            numpy_min={"3.10": "2.0.1"},
            **sure("index of onnx"),
        ),
    ),
    sam=(
        SamPackage(
            name="segment-anything",
            version="1.0",
            modules=("segment_anything",),
            models=("SAM",),
            file="wheel",
            python=">=3.8",
            licence="Apache-2.0",
            **sure("index"),
        ),
    ),
    bases=(),
    sizes=(),
    sources={},
)
