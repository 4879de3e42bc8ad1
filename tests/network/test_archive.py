"""Weight archives: what is written is read, archives are found inside other files, and bad files are one sentence."""

import struct

import numpy as np
import pytest

from n2n_render.errors import N2NError
from n2n_render.network.archive import ALIGNMENT, HEADER, MAGIC, find_archives, format_tza, parse_tza, read_tza, write_tza

FALSE_MAGIC = MAGIC + b"\x02\x00"  # the version is right, too


def archive(dtype, seed=0, layers=2):
    rng = np.random.default_rng(seed)
    tensors = {}
    for index in range(layers):
        tensors[f"conv{index}.weight"] = rng.standard_normal((5, 3 + index, 3, 3)).astype(dtype)
        tensors[f"conv{index}.bias"] = rng.standard_normal(5).astype(dtype)
    return tensors


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        np.testing.assert_array_equal(found[name], tensor)  # shapes as well


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_what_is_written_is_read(tmp_path, dtype):
    """Names, order, shapes, precision and values."""
    expected = archive(dtype)
    write_tza(tmp_path / "a.tza", expected)
    assert_same(read_tza(tmp_path / "a.tza"), expected)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tza"]


def test_views_of_other_arrays_are_written_as_they_look():
    """Transposed, or of the other byte order: what counts is the values."""
    weight = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(5, 4, 3, 2).transpose(3, 2, 1, 0)
    found, _ = parse_tza(format_tza({"a.weight": weight, "a.bias": np.arange(3, dtype=">f4")}))
    np.testing.assert_array_equal(found["a.weight"], weight)
    np.testing.assert_array_equal(found["a.bias"], [0, 1, 2])


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_tensors_start_on_64_byte_boundaries(dtype):
    """As the library's own archives do; its code reads them in place."""
    data = format_tza(archive(dtype))
    tensors, end = parse_tza(data)
    assert end == len(data) and ALIGNMENT == 64
    first = np.frombuffer(data, np.uint8).ctypes.data
    assert all((tensor.ctypes.data - first) % 64 == 0 for tensor in tensors.values())


def test_archives_are_found_between_other_bytes():
    """Two among random bytes and false beginnings, in order, at places that are not aligned."""
    rng = np.random.default_rng(3)
    one, other = archive(np.float16, 1), archive(np.float32, 2, layers=3)
    noise = [rng.bytes(length) for length in (1001, 2003, 517)]
    small_table = FALSE_MAGIC + struct.pack("<Q", 16) + bytes(40)  # a header that points at an empty table
    first, second = FALSE_MAGIC + format_tza(one) + small_table, MAGIC + format_tza(other) + FALSE_MAGIC
    found = find_archives(noise[0] + first + noise[1] + second + noise[2])
    assert len(found) == 2
    assert_same(found[0], one)
    assert_same(found[1], other)


def test_where_no_archive_is_none_is_found():
    """Nothing, noise, false beginnings, an archive without its end, and tables that would lie behind the end."""
    noise = np.random.default_rng(4).bytes(4000)
    for data in (b"", noise, FALSE_MAGIC, FALSE_MAGIC * 100, noise + FALSE_MAGIC, format_tza(archive(np.float16))[:-1]):
        assert find_archives(data) == []
    for far in (1 << 20, 1 << 62):
        assert find_archives(FALSE_MAGIC + struct.pack("<Q", far) + noise) == []


@pytest.mark.parametrize("where", ["table", "tensor"])
def test_an_offset_beyond_all_memory_is_no_archive(where):
    data = bytearray(format_tza({"a.bias": np.zeros(4, np.float32)}))
    struct.pack_into("<Q", data, 4 if where == "table" else len(data) - 8, 1 << 63)
    assert find_archives(bytes(data)) == []


def edited(data, at, value):
    """The archive with a number of its table, counted from the table's start, changed."""
    table = HEADER.unpack_from(data)[-1]
    return data[: table + at] + struct.pack("<I", value) + data[table + at + 4 :]


def test_bad_files_are_named(tmp_path):
    """Cut short anywhere, of another version, with a damaged table, of another kind, a folder, or missing."""
    good = format_tza(archive(np.float32))
    table = HEADER.unpack_from(good)[-1]
    bad = {f"cut{length}.tza": good[:length] for length in (0, 1, 11, 12, 100, table, table + 3, table + 30, len(good) - 1)}
    bad |= {
        "version.tza": good[:2] + b"\x03" + good[3:],
        "layout.tza": good.replace(b"oihw", b"ohwi"),
        "type.tza": good.replace(b"oihwf", b"oihwd"),
        "letters.tza": good.replace(b"conv0", b"c\xffnv0"),
        "empty.tza": edited(good, 0, 0),
        "crowd.tza": edited(good, 0, 1 << 30),
        "size.tza": edited(good, 4 + 2 + len("conv0.weight") + 1, 1 << 31),
        "text.tza": b"not an archive",
        "picture.tza": b"\x76\x2f\x31\x01" + bytes(300),
    }
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder.tza").mkdir()
    for name in (*bad, "folder.tza", "missing.tza"):
        with pytest.raises(N2NError) as caught:
            read_tza(tmp_path / name)
        assert str(tmp_path / name) in caught.value.what and caught.value.hint, name


def test_an_unwritable_place_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()  # a folder without rights would not stop root
    with pytest.raises(N2NError, match="a.tza"):
        write_tza(tmp_path / "file" / "a.tza", archive(np.float16))
