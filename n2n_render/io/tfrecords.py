"""TFRecords as Noise2Noise's own tools write them: the features "shape" (three numbers: C, H, W) and "data" (uint8).

A record is its length (8 bytes), a checksum of that (4), the message, and a checksum of it (4). The message is a protocol
buffer, tf.train.Example, of which two features are wanted: TensorFlow is not needed for that.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import UnreadableFile
from ..frame.arrays import Array
from .atomic import check_regular

_POLYNOMIAL = 0x82F63B78  # of CRC-32C, reversed
_LONGEST = 2**31  # bytes of a record: protocol buffers are no longer


def read_tfrecords(path: Path) -> Iterator[Array]:
    """The pictures (H, W, C) uint8 of a file, one after the other. Raises UnreadableFile at the first damaged one."""
    count = 0
    try:
        check_regular(path)
        with open(path, "rb") as file:
            for message in iter(lambda: _record(file), b""):
                yield _picture(message)
                count += 1
    except (OSError, ValueError, IndexError, KeyError, struct.error) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise UnreadableFile(f"{path}: picture {count + 1} cannot be read ({said})") from None


def _record(file: BinaryIO) -> bytes:
    """The next message; nothing at the end of the file."""
    head = file.read(12)
    if not head:
        return b""
    length, check = struct.unpack("<QI", head)
    if masked_crc(head[:8]) != check or not 0 < length < _LONGEST:
        raise ValueError("it is no TFRecord, or its length is damaged")
    message, foot = file.read(length), file.read(4)
    if len(foot) < 4:
        raise ValueError("the file is cut short")
    if masked_crc(message) != struct.unpack("<I", foot)[0]:
        raise ValueError("its checksum is wrong")
    return message


def _picture(message: bytes) -> Array:
    features = {}
    for _, entry in _fields(dict(_fields(message))[1]):
        pair = dict(_fields(entry))
        features[bytes(pair[1]).decode()] = dict(_fields(pair[2]))
    if not {"shape", "data"} <= set(features):
        raise ValueError("it has no features shape and data")
    shape = _numbers(features["shape"][3])
    data = dict(_fields(features["data"][1]))[1]
    if len(shape) != 3 or shape[0] not in (1, 3) or len(data) != shape[0] * shape[1] * shape[2]:
        raise ValueError(f"its shape {shape} is not that of its {len(data)} bytes")
    return np.ascontiguousarray(np.frombuffer(data, np.uint8).reshape(shape).transpose(1, 2, 0))


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, content) of a message's fields: numbers as varints, all else by their length."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        if key & 7 == 0:
            _, end = _varint(data, place)
        elif key & 7 == 2:
            length, place = _varint(data, place)
            end = place + length
        else:
            raise ValueError("it is no tf.train.Example")
        if end > len(data):
            raise ValueError("it is no tf.train.Example")
        yield key >> 3, data[place:end]
        place = end


def _numbers(listed: bytes) -> list[int]:
    """Of an Int64List: packed into one field, or one field each."""
    numbers = []
    for _, content in _fields(listed):
        place = 0
        while place < len(content):
            number, place = _varint(content, place)
            numbers.append(number)
    return numbers


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """(number, place behind it): seven bits a byte, the lowest first; the eighth bit says that more follow."""
    number = shift = 0
    while data[place] & 128:
        number |= (data[place] & 127) << shift
        place, shift = place + 1, shift + 7
    return number | data[place] << shift, place + 1


def _table() -> list[int]:
    table = list(range(256))
    for _ in range(8):
        table = [value >> 1 ^ (_POLYNOMIAL if value & 1 else 0) for value in table]
    return table


_TABLE = _table()


def masked_crc(data: bytes) -> int:
    """CRC-32C, turned and shifted as TFRecords store it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
