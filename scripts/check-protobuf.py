"""Compares Sources/CProtobuf/onnx.proto with the messages of the installed onnx package: names, field numbers, types,
labels, packing, oneofs and enums. Prints each difference; exit code 1 where there is one."""

import pathlib
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool
from onnx import onnx_data_pb2, onnx_ml_pb2, onnx_operators_ml_pb2

PROTO = pathlib.Path(__file__).resolve().parent.parent / "Sources/CProtobuf/onnx.proto"


def our_file():
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(
            ["protoc", f"--descriptor_set_out={out.name}", f"--proto_path={PROTO.parent}", PROTO.name], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(files.file[0])
    return pool.FindFileByName(PROTO.name)


def described(files):
    """Every fact of the files' messages and enums, by full name."""
    facts = {}

    def add_enum(enum):
        facts[enum.full_name] = {value.name: value.number for value in enum.values}

    def add_message(message):
        facts[message.full_name] = {
            field.name: (
                field.number, field.type, field.is_repeated, field.is_packed if field.is_repeated else False,
                field.message_type.full_name if field.message_type else None,
                field.enum_type.full_name if field.enum_type else None,
                field.containing_oneof.name if field.containing_oneof else None)
            for field in message.fields
        }
        for enum in message.enum_types:
            add_enum(enum)
        for nested in message.nested_types:
            add_message(nested)

    for file in files:
        for enum in file.enum_types_by_name.values():
            add_enum(enum)
        for message in file.message_types_by_name.values():
            add_message(message)
    return facts


def main():
    ours = described([our_file()])
    theirs = described([onnx_ml_pb2.DESCRIPTOR, onnx_data_pb2.DESCRIPTOR, onnx_operators_ml_pb2.DESCRIPTOR])
    differences = [
        f"{name}.{member}: ours {ours.get(name, {}).get(member)}, the package's {theirs.get(name, {}).get(member)}"
        for name in sorted(ours.keys() | theirs.keys())
        for member in sorted(ours.get(name, {}).keys() | theirs.get(name, {}).keys())
        if ours.get(name, {}).get(member) != theirs.get(name, {}).get(member)
    ]
    print("\n".join(differences) or f"{len(ours)} messages and enums agree with the onnx package")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
