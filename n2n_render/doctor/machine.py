"""What this machine is: system, processor, memory, disk, colour configuration, and the environment variables that matter."""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# Variables that change what a run gives. No others are told: they are nobody's business.
VARIABLES = (
    "OCIO",
    "PYTHONPATH",
    "PYTHONHOME",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "TMPDIR",
    "CUDA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "ONEAPI_DEVICE_SELECTOR",
    "PYTORCH_CUDA_ALLOC_CONF",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "ONEDNN_MAX_CPU_ISA",
    "OIDN_DEFAULT_DEVICE",
    "BLENDER_USER_RESOURCES",
    "BLENDER_SYSTEM_RESOURCES",
)
# Of /proc/cpuinfo: what the engines compute with.
FLAGS = ("sse4_1", "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8", "asimd", "bf16", "sve")
ENOUGH_BYTES = 2**30  # in the folder for temporary files
DRIVER_S = 20.0


def describe_system() -> dict[str, Any]:
    """Names and versions of Python and of the system below it."""
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        name = platform.mac_ver()[0]
    libc = " ".join(platform.libc_ver()).strip() or "unknown"
    return {
        "python": f"{platform.python_version()} ({platform.python_implementation()}, {sys.executable})",
        "environment": "virtual" if sys.prefix != sys.base_prefix else "the system's own",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}{f', {name}' if name else ''}",
        "libc": libc,
    }


def describe_cpu() -> dict[str, Any]:
    """Its name, cores, and the instructions that matter; flags None where the system does not tell them."""
    facts = _cpu_facts()
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "name": facts.get("model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "usable": usable,
        "flags": [flag for flag in FLAGS if flag in flags] if flags else None,
    }


def _cpu_facts() -> dict[str, str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def describe_memory() -> dict[str, int | None]:
    """Bytes in all, and free; None where the system does not tell them."""
    try:
        found = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return {name: int(found[key].split()[0]) * 1024 for name, key in (("total", "MemTotal"), ("free", "MemAvailable"))}
    except (OSError, KeyError, ValueError):
        pass
    try:
        return {"total": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), "free": None}
    except (AttributeError, ValueError, OSError):
        return {"total": None, "free": None}


def describe_disk() -> dict[str, Any]:
    """The folder for temporary files and the bytes that are free there."""
    try:
        folder = tempfile.gettempdir()
        return {"temporary": folder, "free": shutil.disk_usage(folder).free}
    except OSError as error:
        return {"temporary": None, "free": None, "problem": error.strerror or str(error)}


def describe_graphics() -> list[str]:
    """Name, driver and memory of the cards that NVIDIA's own program knows; nothing where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DRIVER_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"nvidia-smi cannot be run ({type(error).__name__})"]
    said = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return said if not done.returncode else [f"nvidia-smi fails (exit code {done.returncode})"]


def describe_environment() -> dict[str, str]:
    """The variables that matter, those that are set."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


def private(value: Any) -> Any:
    """The same with the user's home folder as ~, wherever a text holds it."""
    if isinstance(value, dict):
        return {name: private(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [private(item) for item in value]
    if not isinstance(value, str):
        return value
    for home in {os.path.expanduser("~"), os.path.realpath(os.path.expanduser("~"))}:
        if len(home) > 1 and home != os.sep:
            value = value.replace(home, "~")
    return value
