"""Volumes: which way up they lie, how bright they are, and what is none."""

import sys

import numpy as np
import pytest

from n2n_render.errors import N2NError, UnreadableFile
from n2n_render.io.volumes import is_volume, read_volume, slices_of

nibabel = pytest.importorskip("nibabel")
pydicom = pytest.importorskip("pydicom")

SERIES = "1.2.826.0.1.3680043.8.498.1"


def head(shape=(20, 24, 16)):
    """(x to the right, y to the front, z upwards): a box with a bright nose in front and a mark at the right, high up."""
    volume = np.zeros(shape, np.float32)
    volume[5:15, 4:18, 2:12] = 100
    volume[9:11, 18:22, 6:8] = 200
    volume[14:18, 8:12, 10:12] = 150
    return volume


def write_nifti(path, data, affine=None):
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4) if affine is None else affine), path)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_axial_slices_go_upwards_with_the_front_on_top(tmp_path, suffix):
    write_nifti(tmp_path / f"a{suffix}", head())
    volume = read_volume(tmp_path / f"a{suffix}")
    assert volume.shape == (16, 24, 20) and volume.dtype == np.float32
    assert volume.min() == 0 and volume.max() == 1
    np.testing.assert_allclose(volume, np.clip(head() / 200, 0, 1).transpose(2, 1, 0)[:, ::-1], atol=1e-6)
    rows, columns = np.nonzero(volume[7] > 0.9)
    assert rows.max() < 7 and 8 < columns.mean() < 11  # the nose
    rows, columns = np.nonzero((volume[11] > 0.7) & (volume[11] < 0.8))
    assert columns.min() >= 14


def test_a_volume_that_lies_otherwise_is_the_same_picture(tmp_path):
    write_nifti(tmp_path / "a.nii", head())
    turned = np.ascontiguousarray(head().transpose(1, 0, 2)[:, ::-1])  # axes: to the front, to the left, upwards
    affine = np.array([[0, -1, 0, 19], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], float)
    write_nifti(tmp_path / "b.nii", turned, affine)
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii"), read_volume(tmp_path / "b.nii"))


def test_other_planes_have_the_head_on_top(tmp_path):
    write_nifti(tmp_path / "a.nii", head())
    volume = read_volume(tmp_path / "a.nii")
    coronal, sagittal = slices_of(volume, "coronal"), slices_of(volume, "sagittal")
    assert coronal.shape == (24, 16, 20) and sagittal.shape == (20, 16, 24)
    assert coronal[12, :4].max() == 0 and coronal[12, -2:].max() == 0 and coronal[12, 12].max() > 0  # 4 above, 2 below
    assert sagittal[10, 9, :6].max() > 0.9  # the nose is on the left


def test_a_few_bright_voxels_do_not_darken_the_rest(tmp_path):
    volume = np.random.default_rng(0).uniform(0, 100, (40, 40, 40)).astype(np.float32)
    volume[0, 0, :5] = 1e6
    write_nifti(tmp_path / "a.nii", volume)
    read = read_volume(tmp_path / "a.nii")
    assert read.max() == 1 and 0.45 < read.mean() < 0.55


def test_values_below_zero_are_black(tmp_path):
    volume = np.random.default_rng(0).uniform(-1000, 1000, (20, 20, 20)).astype(np.int16)
    write_nifti(tmp_path / "a.nii", volume)
    read = read_volume(tmp_path / "a.nii")
    assert read.min() == 0 and 0.45 < read.mean() < 0.55


BAD = {
    "nan": (np.where(head() > 150, np.nan, head()), "no numbers"),
    "film": (np.zeros((4, 5, 6, 2), np.float32), "three of space"),
    "flat": (np.zeros((4, 5, 6), np.float32), "all voxels are equal"),
    "white": (np.ones((4, 5, 6), np.float32), "all voxels are equal"),
    "complex": (np.ones((4, 5, 6), np.complex64), "complex64"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_volume_gets_one_sentence(tmp_path, name):
    data, words = BAD[name]
    write_nifti(tmp_path / "a.nii", data)
    with pytest.raises(UnreadableFile) as caught:
        read_volume(tmp_path / "a.nii")
    assert "a.nii" in caught.value.what and words in caught.value.what


@pytest.mark.parametrize("content", [b"", b"hello", None])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_damaged_files_get_one_sentence(tmp_path, suffix, content):
    path = tmp_path / f"a{suffix}"
    write_nifti(path, head())
    path.write_bytes(path.read_bytes()[:-300] if content is None else content)
    with pytest.raises(UnreadableFile, match="is no volume that can be read") as caught:
        read_volume(path)
    assert len(caught.value.what.splitlines()) == 1


def write_dicom(path, pixels, place, series=SERIES, **tags):
    from pydicom.dataset import FileDataset, FileMetaDataset

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    meta.MediaStorageSOPInstanceUID = f"{series}.{place + 100}"
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data = FileDataset(path, {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.SeriesInstanceUID, data.SeriesDescription = series, f"series {series[-1]}"
    data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, place], [1, 0, 0, 0, 1, 0]
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelData = pixels.astype("<u2").tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    data.save_as(path)


def steps(slices=6):
    return [np.full((20, 24), 100 * (index + 1)) + np.arange(24) for index in range(slices)]


def test_dicom_slices_are_sorted_by_their_places(tmp_path):
    for index, pixels in enumerate(steps()):
        write_dicom(tmp_path / f"{9 - index}.dcm", pixels, index - 3)
    (tmp_path / "notes.txt").write_text("of the scanner")
    assert is_volume(tmp_path)
    volume = read_volume(tmp_path)
    assert volume.shape == (6, 20, 24)
    assert (np.diff(volume[:, 5, 5]) > 0).all()


def test_dicom_values_are_scaled_and_white_that_is_least_is_turned(tmp_path):
    plain, inverted = tmp_path / "plain", tmp_path / "inverted"
    for folder in (plain, inverted):
        folder.mkdir()
    for index, pixels in enumerate(steps()):
        write_dicom(plain / f"{index}", pixels, index, RescaleSlope=2, RescaleIntercept=-100)
        write_dicom(inverted / f"{index}", 4095 - pixels, index, PhotometricInterpretation="MONOCHROME1")
    values = np.stack(steps()).astype(float)
    for folder, wanted in ((plain, 2 * values - 100), (inverted, values)):
        np.testing.assert_allclose(read_volume(folder), np.clip(wanted / np.percentile(wanted, 99.9), 0, 1), atol=1e-5)


def test_several_series_in_a_folder_are_listed(tmp_path):
    for index, pixels in enumerate(steps(4)):
        write_dicom(tmp_path / f"{index}.dcm", pixels, index, series=f"1.2.3.{1 + index // 3}")
    with pytest.raises(UnreadableFile, match=r"2 series: series 1 \(3\), series 2 \(1\)"):
        read_volume(tmp_path)


def test_dicom_slices_of_several_sizes_or_cut_ones_get_one_sentence(tmp_path):
    write_dicom(tmp_path / "0.dcm", np.ones((20, 24)), 0)
    write_dicom(tmp_path / "1.dcm", np.ones((24, 24)), 1)
    with pytest.raises(UnreadableFile, match="differ in size"):
        read_volume(tmp_path)
    (tmp_path / "1.dcm").unlink()
    content = (tmp_path / "0.dcm").read_bytes()
    (tmp_path / "0.dcm").write_bytes(content[:-400])
    with pytest.raises(UnreadableFile, match="is no volume that can be read"):
        read_volume(tmp_path)


def test_an_empty_folder_is_no_volume(tmp_path):
    assert not is_volume(tmp_path)
    with pytest.raises(UnreadableFile, match="no DICOM pictures"):
        read_volume(tmp_path)


@pytest.mark.parametrize("library", ["nibabel", "pydicom"])
def test_a_library_that_is_missing_is_named(tmp_path, monkeypatch, library):
    write_nifti(tmp_path / "a.nii", head())
    (tmp_path / "series").mkdir()
    write_dicom(tmp_path / "series" / "0", np.ones((20, 24)), 0)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(N2NError, match=f"{library}, which is not installed"):
        read_volume(tmp_path / ("a.nii" if library == "nibabel" else "series"))
