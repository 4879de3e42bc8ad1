"""Open Image Denoise's runtime: images in, image out. The only module that calls its library (through pyoidn)."""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import N2NError, missing_library
from .protocol import Image, OnProgress

DEVICES = {"cpu": 1, "sycl": 2, "cuda": 3, "hip": 4, "metal": 5}  # OIDNDeviceType
OUT_OF_MEMORY = 4  # OIDNError
# What pyoidn leaves out of the library's interface (oidn.h).
MISSING = """
void oidnSetSharedFilterData(OIDNFilter filter, const char* name, void* hostPtr, size_t byteSize);
void oidnSetFilterProgressMonitorFunction(OIDNFilter filter, OIDNProgressMonitorFunction func, void* userPtr);
int oidnGetNumPhysicalDevices();
int oidnGetPhysicalDeviceInt(int physicalDeviceID, const char* name);
const char* oidnGetPhysicalDeviceString(int physicalDeviceID, const char* name);
OIDNDevice oidnNewDeviceByID(int physicalDeviceID);
"""


_COMPLETING = threading.Lock()  # several threads may ask first, and the interface takes it once


def load() -> Any:
    """The pyoidn package with the whole interface. Raises N2NError when it is not installed or does not load."""
    try:
        import pyoidn
        from pyoidn import capi

        with _COMPLETING:
            if not hasattr(capi, "n2n_complete"):
                capi.oidn_ffi.cdef(MISSING)
                capi.n2n_complete = True
        capi.oidn_Capi.oidnGetNumPhysicalDevices()
    except (ImportError, OSError, AttributeError) as error:
        raise missing_library(error) or N2NError(
            f"Open Image Denoise is not installed, or its library cannot be loaded ({error})",
            'Install it with pip install "n2n-render[oidn]".',
        ) from None
    return pyoidn


def find_devices() -> dict[str, str]:
    """Kind of device ("cpu", "cuda", "hip", "sycl", "metal") → the name of the first one of that kind."""
    load()
    from pyoidn.capi import oidn_Capi, oidn_ffi

    kinds = {number: kind for kind, number in DEVICES.items()}
    devices: dict[str, str] = {}
    for device in range(oidn_Capi.oidnGetNumPhysicalDevices()):
        kind = kinds.get(oidn_Capi.oidnGetPhysicalDeviceInt(device, b"type"))
        name = str(oidn_ffi.string(oidn_Capi.oidnGetPhysicalDeviceString(device, b"name")).decode(errors="replace"))
        if kind:
            devices.setdefault(kind, name)
    return devices


@dataclass(eq=False)
class Runtime:
    """A device of the library, and what it is asked to do."""

    pyoidn: Any
    device: Any  # pyoidn.Device
    kind: str
    device_name: str = ""

    @classmethod
    def open(cls, kind: str = "cpu", device_name: str = "") -> "Runtime":
        """A device of that kind, to be used until the object is gone. Raises N2NError where there is none."""
        pyoidn = load()
        runtime = cls(pyoidn, pyoidn.Device(DEVICES[kind]), kind, device_name)
        runtime.device.commit()
        runtime._check(runtime.device.get_error())
        return runtime

    def __del__(self) -> None:
        self.device.release()

    def filter(
        self,
        images: dict[str, Image],
        *,
        quality: int,
        weights: bytes | None = None,
        on_progress: OnProgress | None = None,
        **switches: bool,
    ) -> Image:
        """Runs the ray tracing filter on (H, W, 3) images named color, albedo, normal; returns (H, W, 3) float32.

        `weights`: an archive (.tza) instead of the library's own. `on_progress` is told fractions from 0 to 1; what it raises
        cancels the filter and is raised again. Raises MemoryError when the device has too little memory.
        """
        from pyoidn.capi import oidn_Capi, oidn_ffi

        images = {name: np.ascontiguousarray(pixels, np.float32) for name, pixels in images.items()}
        output = np.empty_like(next(iter(images.values())))
        callback, raised = _monitor(oidn_ffi, on_progress)
        rt = self.pyoidn.Filter(self.device, self.pyoidn.OIDN_FILTER_TYPE_RT)  # as a context it would swallow exceptions
        try:
            for name, pixels in {**images, "output": output}.items():
                rt.set_image(name, pixels, self.pyoidn.OIDN_FORMAT_FLOAT3)
            for name, value in switches.items():
                rt.set_bool(name, value)
            if weights is not None:
                held = oidn_ffi.from_buffer(weights)
                oidn_Capi.oidnSetSharedFilterData(rt._filter, b"weights", held, len(weights))
            rt.set_quality(quality)
            oidn_Capi.oidnSetFilterProgressMonitorFunction(rt._filter, callback, oidn_ffi.NULL)
            rt.commit()
            rt.execute()
            error = self._error()
        finally:
            rt.release()
        if raised:
            raise raised[0]
        self._check(*error)
        return output

    def _error(self) -> tuple[str | None, int]:
        """(message or None, code)."""
        from pyoidn.capi import oidn_Capi, oidn_ffi

        message = oidn_ffi.new("const char**")
        code = oidn_Capi.oidnGetDeviceError(self.device._device, message)
        return (oidn_ffi.string(message[0]).decode(errors="replace") if code else None), int(code)

    def _check(self, message: str | None, code: int = 0) -> None:
        if code == OUT_OF_MEMORY:
            raise MemoryError(message)
        if message:
            raise N2NError(
                f"Open Image Denoise on {self.kind} failed: {message}",
                "Try another --device or --engine; leave it out of an evaluation with --no-oidn.",
            )


def _monitor(ffi: Any, on_progress: OnProgress | None) -> tuple[Any, list[BaseException]]:
    """What the library asks whether to go on, and a list for what `on_progress` raises, which cancels the filter."""
    raised: list[BaseException] = []

    def monitor(_: object, fraction: float) -> bool:
        if on_progress:
            on_progress(fraction)
        return True

    def stop(kind: object, error: BaseException, trace: object) -> bool:
        raised.append(error)
        return False

    return ffi.callback("bool(void*, double)", monitor, error=False, onerror=stop), raised
