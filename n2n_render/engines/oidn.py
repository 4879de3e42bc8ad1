"""Intel Open Image Denoise through pyoidn: the yardstick of `evaluate`, at its best."""
import numpy as np

from ..errors import N2NError
from ..frame.frame import Frame


def denoise_best(frame: Frame) -> np.ndarray:
    """OIDN's recommendation for final frames: prefiltered albedo and normal, cleanAux, quality high.

    Takes a Frame with albedo and normal; returns radiance (H, W, 3) float32.
    """
    pyoidn = _import()
    with pyoidn.Device(pyoidn.OIDN_DEVICE_TYPE_CPU) as device:
        device.commit()
        albedo = _filter(pyoidn, device, {"albedo": frame.albedo})
        normal = _filter(pyoidn, device, {"normal": frame.normal})
        return _filter(pyoidn, device, {"color": frame.color, "albedo": albedo, "normal": normal}, hdr=True, cleanAux=True)


def check_installed():
    """Raises N2NError unless the library can be used."""
    _import()


def _import():
    try:
        import pyoidn
    except ImportError as error:
        raise N2NError(f"Open Image Denoise is not installed ({error})",
                       'Install it with pip install "n2n-render[evaluate]".') from None
    return pyoidn


def _filter(pyoidn, device, images, **switches) -> np.ndarray:
    images = {name: np.ascontiguousarray(pixels, np.float32) for name, pixels in images.items()}
    output = np.empty_like(next(iter(images.values())))
    with pyoidn.Filter(device, pyoidn.OIDN_FILTER_TYPE_RT) as rt:
        for name, pixels in {**images, "output": output}.items():
            rt.set_image(name, pixels, pyoidn.OIDN_FORMAT_FLOAT3)
        for name, value in switches.items():
            rt.set_bool(name, value)
        rt.set_quality(pyoidn.OIDN_QUALITY_HIGH)
        rt.commit()
        rt.execute()
        error = device.get_error()
    if error is not None:
        raise N2NError(f"Open Image Denoise failed: {error}", "Check the image, or leave out the comparison with --no-oidn.")
    return output
