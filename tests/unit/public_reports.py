"""Public reports of people whose upgrade broke: what they had, changed and saw, and the right answer.

They were looked for first and tried afterwards; those that stay without an answer are in `UNANSWERED`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """A public report.

    Attributes:
        url: without the ``https://github.com/``.
        told: what somebody had, changed and saw.
        question: arguments of samcheck; the words of an error; or the file and name of a check.
        code: the exit code of the answer.
        says: what the answer must contain.
    """

    url: str
    told: str
    question: str
    code: int = 0
    says: tuple[str, ...] = ()


ASKED = (
    Report(
        "Kaggle/docker-python/issues/1546",
        "A P100 with Kaggle's new image, PyTorch 2.10 for CUDA 12.8: sm_60 is not compatible.",
        "why torch2.10.0-cu128-py3.12 --gpu Tesla_P100-PCIE-16GB",
        1,
        ("has no sm_60 code", "use its cu126 build"),
    ),
    Report(
        "meizhong986/WhisperJAV/issues/333",
        "A V100 after an upgrade to PyTorch 2.11.0+cu128: no kernel image is available.",
        "why torch2.11.0-cu128-py3.12 --gpu V100",
        1,
        ("has no sm_70 code", "use its cu126 build"),
    ),
    Report(
        "vllm-project/vllm/issues/21633",
        "An RTX 5070 Ti; an upgrade brought PyTorch 2.7.1 in its default build, without sm_120.",
        "why torch2.7.1-cu126-py3.12 --gpu RTX_5070_Ti",
        1,
        ("has no sm_120 code", "use its cu128 build"),
    ),
    Report(
        "pBFSLab/DeepPrep/issues/233",
        "An RTX 5090 in the place of an older card, PyTorch 2.0.1 for CUDA 11.8: not compatible.",
        "why torch2.0.1-cu118-py3.9 --gpu RTX_5090 --driver 570.86.16",
        1,
        ("no build of this release has it",),
    ),
    Report(
        "modelscope/FunASR/issues/2973",
        "Driver 570.86.10; a plain pip install brought PyTorch 2.11.0: the driver is too old.",
        "advise --torch 2.11.0 --from 2.8.0 --at-driver 570.86.10",
        1,
        ("WITH driver 580.65.06 or newer", "CUDA 13.0 needs driver 580.65.06"),
    ),
    Report(
        "lllyasviel/Fooocus/issues/1313",
        "An RTX 3050 with driver 470.86 and PyTorch for CUDA 12.1: the driver is too old.",
        "why torch2.1.0-cu121-py3.10 --gpu RTX_3050 --driver 470.86",
        1,
        ("CUDA 12.1 needs driver 525.60.13 or newer", "torch2.1.0-cu118-py3.10"),
    ),
    Report(
        "NixOS/nixos-hardware/issues/1880",
        "A GTX 1050; the driver went from R580 to 595.71.05, which ignores it.",
        "advise --driver 595.71.05 --from 580.95.05 --gpu GTX_1050",
        1,
        ("NO: it breaks", "drivers after R580 do not support GTX 1050"),
    ),
    Report(
        "negativo17/nvidia-driver/issues/158",
        "A GT 1030; the driver went from 555.58.02 to 560.31, whose open module does not support it.",
        "advise --driver 560.31 --from 555.58.02 --gpu GT_1030",
        0,
        ("YES, WITH the proprietary kernel module",),
    ),
    Report(
        "marella/chatdocs/issues/95",
        "A vGPU of an A30 with driver 525.105.17, PyTorch for CUDA 12.1: PTX of an unsupported toolchain.",
        "why torch2.1.0-cu121-py3.10 --gpu NVIDIA_A30-12C --driver 525.105.17",
        0,
        ("by minor-version compatibility, without compiling PTX",),
    ),
    Report(
        "theroyallab/tabbyAPI/issues/324",
        "Driver 550.144.03 and a new image for CUDA 12.8: the container does not start.",
        "why torch2.7.0-cu128-py3.12 --driver 550.144.03",
        0,
        ("a container from an image nvidia/cuda of 12.8 may refuse to start",),
    ),
    Report(
        "ollama/ollama/issues/12136",
        "H100s with NVSwitch; another driver with the old fabric manager: system not yet initialized.",
        "advise --driver 575.57.08 --from 570.172.08 --gpu H100",
        0,
        ("WITH nvidia-fabricmanager 575.57.08",),
    ),
    Report(
        "Tavris1/ComfyUI-Easy-Install/issues/116",
        "An RTX 5080 with Windows driver 573.24 and PyTorch for CUDA 13.0: CUDA is not available.",
        "why torch2.9.1-cu130-py3.12 --gpu RTX_5080 --driver 573.24",
        1,
        ("CUDA 13.0 needs driver 580.65.06 or newer", "doubt: R573 is no branch of the Linux driver"),
    ),
    Report(
        "vllm-project/vllm/issues/14547",
        "P100s and a vLLM that compiles its models: too old to be supported by the Triton compiler.",
        "why torch2.5.1-cu124-py3.12 --gpu P100",
        0,
        ("torch.compile does not work on P100: it needs compute capability 7.0",),
    ),
    Report(
        "instructlab/instructlab/issues/1491",
        "Python 3.12 in place of 3.11, with PyTorch 2.3: Dynamo is not supported.",
        "advise --python 3.12 --from 3.11 --at-torch 2.3.1",
        0,
        ("YES, WITHOUT torch.compile", "2.4.0 is the first release"),
    ),
    Report(
        "devnen/Chatterbox-TTS-Server/issues/105",
        "Python 3.13 and PyTorch 2.5.1: there is no torchvision 0.20.1 for it.",
        "advise --python 3.13 --from 3.12 --at-torch 2.5.1",
        1,
        ("torchvision 0.20.1 has none", "PyTorch 2.6.0"),
    ),
    Report(
        "ultralytics/assets/issues/102",
        "PyTorch 2.7.0 in place of one before 2.6: weights only load failed.",
        "advise --torch 2.7.0 --from 2.5.1 --at-python 3.12",
        0,
        ("WITHOUT torch.load of more than weights", "weights_only=False"),
    ),
    Report(
        "pytorch/pytorch/issues/156215",
        "Ubuntu 18.04: pip finds PyTorch up to 2.6.0, but not 2.7.0.",
        "advise --torch 2.7.0 --from 2.6.0 --at-python 3.11",
        0,
        ("glibc 2.28 or newer, which Ubuntu 18.04",),
    ),
    Report(
        "digitalsamba/claude-code-video-toolkit/pull/70",
        "PyTorch 2.1.2; a rebuilt image got NumPy 2.4.4 by way of OpenCV: NumPy is not available.",
        "advise --numpy 2.4.4 --from 1.26.4 --at-torch 2.1.2 --at-python 3.11",
        1,
        ("compiled against NumPy 1 and does not work with NumPy 2.4.4",),
    ),
    Report(
        "Dao-AILab/flash-attention/issues/1644",
        "PyTorch 2.7.0 under a flash-attn that was compiled for 2.6.0: undefined symbol.",
        "advise --torch 2.7.0 --from 2.6.0 --at-python 3.11",
        0,
        ("packages compiled for PyTorch 2.6.0", "flash-attn", "install them again for 2.7.0"),
    ),
    Report(
        "facebookresearch/sam2/issues/22",
        "PyTorch 2.4.0 under a sam2 whose extension was built for another: _C.so has an undefined symbol.",
        "advise --torch 2.4.1 --from 2.3.1 --at-python 3.11",
        0,
        ("packages compiled for PyTorch 2.3.1", "sam2", "install them again for 2.4.1"),
    ),
    Report(
        "ultralytics/ultralytics/issues/17345",
        "A Jetson Xavier NX; pip replaced NVIDIA's PyTorch by one without CUDA.",
        "advise --torch 2.4.1 --from 2.1.0 --gpu Jetson_Xavier_NX",
        2,
        ("comes with an Arm CPU", "cover x86_64 machines only"),
    ),
    Report(
        "pytorch/pytorch/issues/95784",
        "An A100 in MIG mode, PyTorch 1.13 in place of 1.12.1: torch.cuda.device_count() is 0.",
        "advise --torch 1.13.1 --from 1.12.1 --gpu A100 --at-driver 515.86.01 --at-python 3.10",
        0,
        ("WITHOUT counting MIG devices that CUDA_VISIBLE_DEVICES names", "from 1.13.0 to before 2.0.0"),
    ),
    Report(
        "facebookresearch/sam2/issues/562",
        "PyTorch 2.4.0+rocm6.3.2 and a Radeon; pip install sam2 brought another PyTorch.",
        "advise --sam sam2==1.1.0 --from segment-anything==1.0 --at-torch 2.4.0+rocm6.3.2",
        2,
        ("is a build for ROCm", "cover builds for NVIDIA's GPUs and for CPUs only"),
    ),
    Report(
        "microsoft/onnxruntime/issues/21684",
        "PyTorch for CUDA 12.1 and cuDNN 8; no release of onnxruntime-gpu loads beside it.",
        "why torch2.2.1-cu121-py3.10 --gpu T4 --driver 535.104.05",
        0,
        ("no onnxruntime-gpu is built for CUDA 12 and cuDNN 8",),
    ),
)

#: For cells with another package than segment-anything: PyTorch, build, Python and package.
OF_PACKAGES = (
    Report(
        "hiyouga/LlamaFactory/issues/8379",
        "transformers 4.52.3 in place of an older one, with PyTorch 2.5.1: it refuses to call torch.load.",
        "2.5.1 cu124 3.12 transformers==4.52.3",
        0,
        ("transformers' loading of .bin and .pt files", "2.6.0 is the first release"),
    ),
    Report(
        "ChaoningZhang/MobileSAM/issues/176",
        "A notebook got PyTorch 2.9: MobileSAM's export to ONNX fails by a guard on data.",
        "2.9.1 cu128 3.12 mobilesam-mirror==1.0.0",
        0,
        ("MobileSAM's script export_onnx_model.py", "since 2.9.0 it does not"),
    ),
)

ERRORS = (
    Report(
        "NVIDIA/nvidia-container-toolkit/issues/520",
        "WSL; the Windows driver went to 555.85, the container toolkit stayed.",
        "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 500: named symbol not found",
        0,
        ("upgrade the NVIDIA Container Toolkit to 1.14.4",),
    ),
    Report(
        "NVIDIA/nvidia-container-toolkit/issues/1227",
        "A10s and T4s; `systemctl daemon-reload` on the host took them from running containers.",
        "Failed to initialize NVML: Unknown Error",
        0,
        ("systemctl daemon-reload",),
    ),
    Report(
        "mistralai/mistral-inference/issues/144",
        "An RTX 3060 with driver 525.147.05 and an image with cuda-compat.",
        "Error 804: forward compatibility was attempted on non supported HW",
        0,
        ("does not work on this GPU: remove it",),
    ),
)

#: Caught in their environment by a check of the suite; `says` are the kinds of `samcheck doctor`'s findings.
CAUGHT = (
    Report(
        "vladmandic/sdnext/issues/3531",
        "PyTorch 2.4.0 went back under torchvision 0.20.1: operator torchvision::nms does not exist.",
        "test_imports.py::test_torchvision_operator",
        says=("pins",),
    ),
    Report(
        "pytorch/pytorch/issues/134929",
        "LD_LIBRARY_PATH with conda's libraries: libcusparse finds an older libnvJitLink.",
        "test_imports.py::test_package_imports",
        says=("import", "elsewhere"),
    ),
    Report(
        "pytorch/pytorch/issues/188892",
        "PyTorch 2.12.1+cu130 beside a system's cuDNN 9.23: the first convolution fails.",
        "test_installed_packages.py::test_cudnn_is_of_one_piece",
        says=("mixed",),
    ),
)

#: What `samcheck doctor` says of an import that fails: the module and its error, and what it must say.
IMPORTS = (
    Report(
        "pytorch/pytorch/issues/123097",
        "conda's PyTorch 2.0.1 got MKL 2024.1 in an update: libtorch_cpu.so has an undefined symbol.",
        "torch ImportError: /opt/conda/lib/libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent",
        says=("MKL", "2024.1", "conda install 'mkl<2024.1'"),
    ),
)

#: What samcheck does not answer, and why.
UNANSWERED = {
    "pytorch/pytorch/issues/163658": (
        "R580 to 525.105.17 on a running CI machine: no devices were found. By the facts both support "
        "its GPU; the thread was closed with a workaround, and names no cause that a fact could hold"
    ),
}
