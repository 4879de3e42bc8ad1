"""Headers that claim more than their files hold are refused; whole files of every kind are not, however well packed."""

import struct
import sys

import numpy as np
import OpenEXR
import pytest

from n2n_render.errors import N2NError
from n2n_render.io import claims
from n2n_render.io.claims import check_claims

COMPRESSIONS = ["NO", "RLE", "ZIPS", "ZIP", "PXR24", "PIZ", "B44", "B44A", "DWAA", "DWAB", "HTJ2K32", "HTJ2K256"]


def write(path, compression, size=(512, 512), tiled=False, half=True, **header):
    header = {"compression": getattr(OpenEXR, f"{compression}_COMPRESSION"), **header}
    if tiled:
        header |= {"type": OpenEXR.tiledimage, "tiles": OpenEXR.TileDescription()}
    black = np.zeros(size, np.float16 if half else np.float32)
    OpenEXR.File(header, {f"ViewLayer.Combined.{letter}": black for letter in "RGBA"}).write(str(path))
    return path


def headers(path):
    return [part.header for part in OpenEXR.File(str(path), header_only=True).parts]


def claim(path, window):
    """Writes another window into a whole file, as damage may."""
    data = bytearray(path.read_bytes())
    for name in (b"dataWindow\0box2i\0", b"displayWindow\0box2i\0"):
        struct.pack_into("<iiii", data, data.index(name) + len(name) + 4, *window)
    path.write_bytes(data)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_black_frames_are_no_false_claims(tmp_path, compression, tiled, half):
    """Nothing is packed better than black."""
    path = write(tmp_path / "black.exr", compression, (512, 1024), tiled, half)
    check_claims(path, headers(path))


@pytest.mark.parametrize(
    "window", [(0, 0, 65535, 65535), (0, 0, 2**20, 2**11), (0, 0, 39, 2**24), (0, 0, 2**24, 39), (0, 0, 40_000, 40_000)]
)
@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_claims_that_no_file_of_this_length_holds_are_refused(tmp_path, compression, tiled, window):
    path = claim(write(tmp_path / "a.exr", compression, (26, 40), tiled), window)
    try:
        found = headers(path)
    except RuntimeError:
        return  # OpenEXR refuses it itself
    with pytest.raises(N2NError, match="claims .* pixels") as caught:
        check_claims(path, found)
    assert caught.value.hint


def test_more_than_the_memory_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "_memory_bytes", lambda: 2**20)
    path = write(tmp_path / "a.exr", "ZIP")
    with pytest.raises(N2NError, match="GiB"):
        check_claims(path, headers(path))


@pytest.mark.skipif(sys.platform == "win32", reason="cannot be asked there")
def test_the_memory_of_this_machine_is_known():
    assert 2**28 < claims._memory_bytes() < 2**50


def test_subsampled_channels_and_moved_windows_count_as_they_are(tmp_path):
    path = write(tmp_path / "a.exr", "NO", dataWindow=(np.array([-100, -50], np.int32), np.array([411, 461], np.int32)))
    check_claims(path, headers(path))
