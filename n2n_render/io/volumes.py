"""Volumes of medicine: NIfTI files (.nii, .nii.gz) by nibabel, and folders of DICOM slices by pydicom."""

import os
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import N2NError, UnreadableFile, missing_library
from ..frame.arrays import Array
from .atomic import check_regular, first_line

PLANES = ("axial", "coronal", "sagittal")
BRIGHTEST = 99.9  # percentile of a volume that becomes 1: a few voxels in large vessels are far brighter than all tissue
_NIFTI = (".nii", ".nii.gz")
_MAGIC = b"DICM"  # of a DICOM file, after 128 bytes


def is_volume(path: Path) -> bool:
    """Whether it is named as a NIfTI file, or a folder that holds DICOM files itself."""
    if path.name.startswith("."):
        return False
    if path.is_dir():
        return any(map(_is_dicom, path.iterdir()))
    return path.name.lower().endswith(_NIFTI)


def read_volume(path: str | os.PathLike[str]) -> Array:
    """(S, H, W) float32, [0, 1]: slices from the feet upwards, of NIfTI files axial ones with the front on top.

    0 is nothing; the 99.9th percentile of the volume becomes 1, and what is brighter, too.

    Args:
        path: A NIfTI file, or a folder with one series of DICOM slices, which are taken as they lie.

    Raises:
        UnreadableFile: it is missing, damaged, complex, has other than three axes or values that are no numbers, or the folder
            holds several series.
    """
    path = Path(path)
    try:
        volume = _read_dicom(path) if path.is_dir() else _read_nifti(path)
    except N2NError:
        raise
    except Exception as error:  # both readers raise what the file makes them stumble over
        said = getattr(error, "strerror", None) or first_line(error).replace(f"File {path}", "it").replace(str(path), "it")
        raise UnreadableFile(f"{path}: is no volume that can be read ({said})") from None
    if not np.isfinite(volume).all():
        raise UnreadableFile(f"{path}: has voxels that are no numbers", "Write the volume without NaN and infinity.")
    low = min(0.0, float(np.percentile(volume, 100 - BRIGHTEST)))
    high = float(np.percentile(volume, BRIGHTEST))
    if high <= low or volume.min() == volume.max():
        raise UnreadableFile(f"{path}: all voxels are equal, so there is no picture in it")
    return np.ascontiguousarray(np.clip((volume - low) / (high - low), 0, 1), np.float32)


def slices_of(volume: Array, plane: str) -> Array:
    """(S, H, W) of axial slices → slices in one of PLANES, head or front on top."""
    if plane == "coronal":
        return volume[::-1].transpose(1, 0, 2)
    return volume[::-1].transpose(2, 0, 1) if plane == "sagittal" else volume


def _read_nifti(path: Path) -> Array:
    check_regular(path)
    try:
        import nibabel
    except ImportError as error:
        raise missing_library(error) or _missing("NIfTI", "nibabel") from None
    library: Any = nibabel  # a part of it has no types
    image = library.as_closest_canonical(library.load(path))  # to the right, to the front, upwards
    if len(image.shape) != 3 or 0 in image.shape:
        raise UnreadableFile(f"{path}: has the axes {image.shape}, not three of space", "Pass one volume a file.")
    data = np.asanyarray(image.dataobj)
    if data.dtype.kind not in "fiu":
        raise UnreadableFile(f"{path}: its voxels are {data.dtype}, not real numbers", "Write magnitudes.")
    volume: Array = data.astype(np.float32).transpose(2, 1, 0)[:, ::-1]
    return volume


def _is_dicom(path: Path) -> bool:
    try:
        check_regular(path)
        with open(path, "rb") as file:
            return file.read(132)[128:] == _MAGIC
    except OSError:
        return False


def _read_dicom(folder: Path) -> Array:
    try:
        import pydicom
    except ImportError as error:
        raise missing_library(error) or _missing("DICOM", "pydicom") from None
    series = defaultdict(list)
    with warnings.catch_warnings(action="ignore"):  # about tags that break rules and do not matter here
        for path in sorted(filter(_is_dicom, folder.iterdir())):
            data = pydicom.dcmread(path)
            if "PixelData" in data:
                series[str(data.get("SeriesInstanceUID", ""))].append(data)
        if len(series) != 1:
            named = [f"{slices[0].get('SeriesDescription') or 'without a name'} ({len(slices)})" for slices in series.values()]
            told = f"{len(series)} series: {', '.join(named)}" if named else "no DICOM pictures"
            raise UnreadableFile(f"{folder}: holds {told}", "Put each series into a folder of its own.")
        (slices,) = series.values()
        slices.sort(key=_place)
        volume = [_intensities(data, folder) for data in slices]
    if len({part.shape for part in volume}) > 1:
        raise UnreadableFile(f"{folder}: its slices differ in size", "Put each size into a folder of its own.")
    return np.concatenate(volume)


def _place(data: Any) -> float:
    """Along the normal of the slices; by number where no place is known."""
    if "ImagePositionPatient" in data and "ImageOrientationPatient" in data:
        axes = np.array(data.ImageOrientationPatient, float).reshape(2, 3)
        return float(np.cross(*axes) @ np.array(data.ImagePositionPatient, float))
    return float(data.get("InstanceNumber", 0) or 0)


def _intensities(data: Any, folder: Path) -> Array:
    """(slices, H, W) float32 of one file, which mostly holds one slice; black is least."""
    if int(data.get("SamplesPerPixel", 1)) != 1:
        raise UnreadableFile(f"{folder}: holds colour pictures, not a volume", "Prepare them as photographs.")
    pixels = data.pixel_array.astype(np.float32) * float(data.get("RescaleSlope", 1)) + float(data.get("RescaleIntercept", 0))
    if data.get("PhotometricInterpretation") == "MONOCHROME1":  # white is least
        bits = int(data.BitsStored)
        top = 2 ** (bits - 1) - 1 if data.PixelRepresentation else 2**bits - 1
        least = -(2 ** (bits - 1)) if data.PixelRepresentation else 0
        ends = (top + least) * float(data.get("RescaleSlope", 1)) + 2 * float(data.get("RescaleIntercept", 0))
        pixels = np.float32(ends) - pixels
    image: Array = pixels[None] if pixels.ndim == 2 else pixels
    return image


def _missing(files: str, library: str) -> N2NError:
    return N2NError(f"{files} files need {library}, which is not installed", 'Run pip install "n2n-render[mri]".')
