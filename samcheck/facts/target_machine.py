"""The properties of a machine that its driver reports (pure)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GpuDevice:
    """One NVIDIA GPU, as named by the driver."""

    name: str
    capability: str


@dataclass(frozen=True)
class Machine:
    """The properties of a machine that plans depend on.

    Attributes:
        gpus: NVIDIA GPUs; empty if there are none.
        driver: version of the NVIDIA driver; empty if there is none, or it is unknown.
        pytorch_index: whether PyTorch's own index is reachable.
    """

    gpus: tuple[GpuDevice, ...] = ()
    driver: str = ""
    pytorch_index: bool = False

    def __str__(self) -> str:
        if not self:
            return "a machine without a GPU"
        names = ", ".join(f"{gpu.name} (compute capability {gpu.capability})" for gpu in self.gpus)
        driver = f"driver {self.driver}" if self.driver else "a driver of unknown version"
        if self.driver.isdigit():
            driver = f"a driver of branch R{self.driver} (its full version says more)"
        return f"{names or 'a GPU of unknown kind'} with {driver}"

    def __bool__(self) -> bool:
        return bool(self.gpus or self.driver)


NO_GPU = Machine()
