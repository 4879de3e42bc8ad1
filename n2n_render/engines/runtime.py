"""Open Image Denoise's runtime: images in, image out. The only module that calls its library (through pyoidn)."""

import numpy as np

from ..errors import N2NError

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


def load():
    """The pyoidn package with the whole interface. Raises N2NError when it is not installed or does not load."""
    try:
        import pyoidn
        from pyoidn import capi

        if not hasattr(capi, "n2n_complete"):
            capi.oidn_ffi.cdef(MISSING)
            capi.n2n_complete = True
        capi.oidn_Capi.oidnGetNumPhysicalDevices()
    except (ImportError, OSError, AttributeError) as error:
        raise N2NError(
            f"Open Image Denoise is not installed, or its library cannot be loaded ({error})",
            'Install it with pip install "n2n-render[oidn]".',
        ) from None
    return pyoidn


def find_devices() -> dict[str, str]:
    """Kind of device ("cpu", "cuda", "hip", "sycl", "metal") → the name of the first one of that kind."""
    load()
    from pyoidn.capi import oidn_Capi, oidn_ffi

    kinds = {number: kind for kind, number in DEVICES.items()}
    found = {}
    for device in range(oidn_Capi.oidnGetNumPhysicalDevices()):
        kind = kinds.get(oidn_Capi.oidnGetPhysicalDeviceInt(device, b"type"))
        name = oidn_ffi.string(oidn_Capi.oidnGetPhysicalDeviceString(device, b"name")).decode(errors="replace")
        found.setdefault(kind, name)
    return found


class Runtime:
    """A device of the library, and what it is asked to do."""

    def __init__(self, kind: str = "cpu"):
        self.pyoidn = load()
        self.kind = kind
        self.device = self.pyoidn.Device(DEVICES[kind])
        self.device.commit()
        self._check(self.device.get_error())

    def __del__(self):
        if hasattr(self, "device"):
            self.device.release()

    def filter(
        self, images: dict[str, np.ndarray], *, quality: int, weights: bytes | None = None, on_progress=None, **switches: bool
    ) -> np.ndarray:
        """Runs the ray tracing filter on (H, W, 3) images named color, albedo, normal; returns (H, W, 3) float32.

        `weights`: an archive (.tza) instead of the library's own. `on_progress` is told shares from 0 to 1; what it raises
        cancels the filter and is raised again. Raises MemoryError when the device has too little memory.
        """
        from pyoidn.capi import oidn_Capi, oidn_ffi

        images = {name: np.ascontiguousarray(pixels, np.float32) for name, pixels in images.items()}
        output = np.empty_like(next(iter(images.values())))
        raised = []

        def monitor(_, share):
            if on_progress:
                on_progress(share)
            return True

        def stop(kind, error, trace):
            raised.append(error)
            return False

        callback = oidn_ffi.callback("bool(void*, double)", monitor, error=False, onerror=stop)
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

    def _error(self):
        """(message or None, code)."""
        from pyoidn.capi import oidn_Capi, oidn_ffi

        message = oidn_ffi.new("const char**")
        code = oidn_Capi.oidnGetDeviceError(self.device._device, message)
        return (oidn_ffi.string(message[0]).decode(errors="replace") if code else None), int(code)

    def _check(self, message, code=0):
        if code == OUT_OF_MEMORY:
            raise MemoryError(message)
        if message:
            raise N2NError(
                f"Open Image Denoise on {self.kind} failed: {message}",
                "Try another --device or --engine; leave it out of an evaluation with --no-oidn.",
            )
