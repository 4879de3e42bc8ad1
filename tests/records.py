"""TFRecords as the published format has them, with Google's own protocol buffers, and without TensorFlow."""

import struct

import numpy as np
import pytest

from n2n_render.io.tfrecords import masked_crc


def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, shape).astype(np.uint8) for shape in ((40, 50, 3), (33, 35, 3), (32, 40, 1))]


def example_class():
    """tf.train.Example, whose definition is public, without TensorFlow."""
    descriptor_pb2 = pytest.importorskip("google.protobuf.descriptor_pb2")
    from google.protobuf import descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="t", syntax="proto3")
    kinds = {"BytesList": ("value", 12, 3), "FloatList": ("value", 2, 3), "Int64List": ("value", 3, 3)}
    for message, (field, kind, label) in kinds.items():
        file.message_type.add(name=message).field.add(name=field, number=1, type=kind, label=label)
    feature = file.message_type.add(name="Feature")
    for number, (field, kind) in enumerate(
        (("bytes_list", "BytesList"), ("float_list", "FloatList"), ("int64_list", "Int64List"))
    ):
        feature.field.add(name=field, number=number + 1, type=11, label=1, type_name=f".t.{kind}")
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.field.add(name="key", number=1, type=9, label=1)
    entry.field.add(name="value", number=2, type=11, label=1, type_name=".t.Feature")
    entry.options.map_entry = True
    features.field.add(name="feature", number=1, type=11, label=3, type_name=".t.Features.FeatureEntry")
    example = file.message_type.add(name="Example")
    example.field.add(name="features", number=1, type=11, label=1, type_name=".t.Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Example"))


def message(picture, names=("shape", "data")):
    example = example_class()()
    planes = picture.transpose(2, 0, 1)
    example.features.feature[names[0]].int64_list.value.extend(planes.shape)
    example.features.feature[names[1]].bytes_list.value.append(planes.tobytes())
    return example.SerializeToString()


def record(content):
    head = struct.pack("<Q", len(content))
    return head + struct.pack("<I", masked_crc(head)) + content + struct.pack("<I", masked_crc(content))
