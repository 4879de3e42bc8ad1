"""TFRecords: written here by the published format, with protocol buffers of Google's own library."""

import numpy as np
import pytest
from records import message, pictures, record

from n2n_render.errors import UnreadableFile
from n2n_render.io.tfrecords import masked_crc, read_tfrecords


@pytest.fixture
def records(tmp_path):
    path = tmp_path / "a.tfrecords"
    path.write_bytes(b"".join(record(message(picture)) for picture in pictures()))
    return path


def test_the_checksum_is_that_of_the_standard():
    """RFC 3720, B.4: 32 zeros; and the nine digits that checks are quoted for."""
    for data, crc in ((bytes(32), 0x8A9136AA), (b"123456789", 0xE3069283)):
        assert masked_crc(data) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_pictures_come_back_with_channels_last(records):
    for read, written in zip(read_tfrecords(records), pictures(), strict=True):
        np.testing.assert_array_equal(read, written)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:-1], "picture 3 cannot be read .the file is cut short"),
        (lambda data: data[:500] + bytes([data[500] ^ 1]) + data[501:], "picture 1 cannot be read .its checksum"),
        (lambda data: bytes([data[0] ^ 1]) + data[1:], "no TFRecord"),
        (lambda data: b"hello, this is text", "no TFRecord"),
        (lambda data: data + b"abc", "picture 4 cannot be read"),
        (lambda data: record(b"\x0b\x01"), "no tf.train.Example"),
        (lambda data: record(b"\xff"), "picture 1 cannot be read"),
        (lambda data: record(message(pictures()[0], ("shape", "pixels"))), "no features shape and data"),
    ],
)
def test_damage_gets_one_sentence(records, change, words):
    records.write_bytes(change(records.read_bytes()))
    with pytest.raises(UnreadableFile, match=words) as caught:
        list(read_tfrecords(records))
    assert len(caught.value.what.splitlines()) == 1


def test_a_shape_that_is_not_that_of_the_bytes_is_refused(tmp_path):
    wrong = message(pictures()[0]).replace(bytes([3, 40, 50]), bytes([3, 40, 51]))
    (tmp_path / "a.tfrecords").write_bytes(record(wrong))
    with pytest.raises(UnreadableFile, match="is not that of its 6000 bytes"):
        list(read_tfrecords(tmp_path / "a.tfrecords"))


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(UnreadableFile, match="No such file"):
        list(read_tfrecords(tmp_path / "a.tfrecords"))
