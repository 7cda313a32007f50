"""How to recognise a failed allocation, without PyTorch."""

from __future__ import annotations

#: Messages of a failed allocation, by device and layer. CUBLAS and the driver do not raise
#: `torch.cuda.OutOfMemoryError`: https://github.com/pytorch/pytorch/issues/128601
OUT_OF_MEMORY = (
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUDA driver error: out of memory",
    "CUDA ran out of memory outside PyTorch's allocator",
    "_ALLOC_FAILED",  # of cuBLAS, cuFFT, cuSOLVER, and cuDNN before 9
    "CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",  # without room for its workspace
    "_ALLOCATION_FAILED",  # of cuDNN from 9 on, on the host and on the device
    "Triton Error [CUDA]: out of memory",
    "DefaultCPUAllocator",
    "can't allocate memory",
    "not enough memory",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception is a failed allocation, on any device and in any of its forms."""
    if isinstance(error, MemoryError):
        return True
    text = "{}: {}".format(type(error).__name__, error)
    return isinstance(error, RuntimeError) and any(sign in text for sign in OUT_OF_MEMORY)
