"""What a package says that cannot be loaded → which library of the system it lacks, and how to install that.

Wheels bring most of what they need. The rest is the system's: Blender's wheel wants libraries of X11 and OpenGL, also where
it shows no window, and a server or a container has none of them.
"""

import re
import sys
from collections.abc import Iterable

# File → (package of Debian and Ubuntu, package of Fedora). What bpy 5.0.1 lacks on a bare Debian 12, found there with
# `ldd bpy/__init__.so`; then what other versions of Blender and other packages of the extras ask for.
PACKAGES = {
    "libX11.so.6": ("libx11-6", "libX11"),
    "libXext.so.6": ("libxext6", "libXext"),
    "libXfixes.so.3": ("libxfixes3", "libXfixes"),
    "libXi.so.6": ("libxi6", "libXi"),
    "libXrender.so.1": ("libxrender1", "libXrender"),
    "libxkbcommon.so.0": ("libxkbcommon0", "libxkbcommon"),
    "libSM.so.6": ("libsm6", "libSM"),
    "libICE.so.6": ("libice6", "libICE"),
    "libGL.so.1": ("libgl1", "libglvnd-glx"),
    "libXt.so.6": ("libxt6", "libXt"),
    "libXxf86vm.so.1": ("libxxf86vm1", "libXxf86vm"),
    "libEGL.so.1": ("libegl1", "libglvnd-egl"),
    "libGLX.so.0": ("libglx0", "libglvnd-glx"),
    "libOpenGL.so.0": ("libopengl0", "libglvnd-opengl"),
    "libatomic.so.1": ("libatomic1", "libatomic"),
    "libgomp.so.1": ("libgomp1", "libgomp"),
    "libstdc++.so.6": ("libstdc++6", "libstdc++"),
}
BLENDER_NEEDS = tuple(PACKAGES)[:9]
# Module → (its package on the index, the extra that brings it; "": always there).
MODULES = {
    "torch": ("torch", ""),
    "numpy": ("numpy", ""),
    "OpenEXR": ("OpenEXR", ""),
    "click": ("click", ""),
    "rich": ("rich", ""),
    "filelock": ("filelock", ""),
    "safetensors": ("safetensors", ""),
    "bpy": ("bpy", "blender"),
    "pyoidn": ("pyoidn", "oidn"),
    "openvino": ("openvino", "openvino"),
    "onnx": ("onnx", "export"),
    "onnxruntime": ("onnxruntime", "export"),
    "skimage": ("scikit-image", "evaluate"),
    "flip_evaluator": ("flip-evaluator", "evaluate"),
    "PIL": ("pillow", "report"),
    "matplotlib": ("matplotlib", "report"),
    "tensorboard": ("tensorboard", "report"),
    "PyOpenColorIO": ("opencolorio", "color"),
    "OpenImageIO": ("OpenImageIO", "images"),
    "nibabel": ("nibabel", "mri"),
    "pydicom": ("pydicom", "mri"),
    "mitsuba": ("mitsuba", "mitsuba"),
}

_MISSING = (
    re.compile(r"([^\s:'\"]+\.so[.\d]*): cannot open shared object file: No such file"),  # glibc
    re.compile(r"Error loading shared library ([^\s:]+): No such file"),  # musl
    re.compile(r"Library not loaded: (\S+)"),  # macOS
)
_TOO_OLD = re.compile(r"version [`'](\w+_[\d.]+)' not found")
_WINDOWS = re.compile(r"DLL load failed while importing (\w+)")
_OF_TORCH = re.compile(r"lib(cu(?!da\.)|nccl|nv|torch|c10)")  # libcuda.so is the driver's
MOST_CAUSES = 8


def lacks(error: BaseException) -> tuple[str, str] | None:
    """What is wrong and what to do about it, where an error or one that led to it is about a library of the system."""
    seen: BaseException | None = error
    for _ in range(MOST_CAUSES):
        if seen is None:
            return None
        if isinstance(seen, ImportError | OSError) and (told := understood(str(seen))):
            return told
        seen = seen.__cause__ or seen.__context__
    return None


def understood(said: str) -> tuple[str, str] | None:
    """As `lacks`, of the words of an error."""
    for pattern in _MISSING:
        if found := pattern.search(said):
            return told_of(found[1].rpartition("/")[2])
    if found := _TOO_OLD.search(said):
        return (
            f"this system is too old for a package that is installed: it has no {found[1]}",
            "Install an older version of that package, or use a newer system.",
        )
    if found := _WINDOWS.search(said):
        return (
            f"a library that {found[1]} needs is missing",
            "Install the Microsoft Visual C++ Redistributable, and run the command again.",
        )
    return None


def not_installed(error: BaseException) -> tuple[str, str] | None:
    """What is wrong and what to do about it, where a package of the table is not there at all."""
    name = (error.name or "").partition(".")[0] if type(error) is ModuleNotFoundError else ""
    if name not in MODULES:
        return None
    package, extra = MODULES[name]
    return f"the package {package} is not installed", f'Run pip install "n2n-render{f"[{extra}]" if extra else ""}".'


def told_of(name: str) -> tuple[str, str]:
    """What to say of a library that is missing. A loader names one at a time: of Blender's all are named that are missing."""
    if _OF_TORCH.match(name):
        return f"PyTorch lacks its own library {name}", "Install it again: pip install --force-reinstall torch."
    names = list(dict.fromkeys([name, *(cannot_load(BLENDER_NEEDS) if name in BLENDER_NEEDS else ())]))
    what = f"libraries {', '.join(names)} are" if len(names) > 1 else f"library {name} is"
    return f"the system {what} missing", how_to_install(names)


def cannot_load(names: Iterable[str]) -> list[str]:
    """Those of the libraries that this system does not have; none where it is not Linux. What can be loaded stays loaded."""
    if sys.platform != "linux":
        return []
    import ctypes  # here: every start of the command line would wait for it

    missing = []
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError:
            missing.append(name)
    return missing


def how_to_install(names: Iterable[str]) -> str:
    """The commands that install libraries on Debian and Fedora; for a library that no table knows, those that find it."""
    names = list(dict.fromkeys(names))
    if sys.platform != "linux":
        return f"Install what brings {', '.join(names)}, or install the package that needs it again."
    known = [PACKAGES[name] for name in names if name in PACKAGES]
    told = []
    if known:
        debian, fedora = (" ".join(dict.fromkeys(words)) for words in zip(*known, strict=True))
        told.append(f"Debian, Ubuntu: apt install {debian}; Fedora: dnf install {fedora}")
    for name in names:
        if name not in PACKAGES:
            told.append(f"find what brings {name}: apt-file search {name} (Debian, Ubuntu), dnf provides '*/{name}' (Fedora)")
    text = "; ".join(told)
    return f"{text[0].upper()}{text[1:]}." if text else ""
