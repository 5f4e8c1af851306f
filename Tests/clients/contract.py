"""Compares our .proto files with the descriptors that the ml-metadata wheel carries.

    contract.py DESCRIPTOR_SET     (protoc --include_imports --descriptor_set_out)

Everything on the wire must be the same: message names, field names, numbers, types, labels, oneofs,
defaults, enum values, extensions, RPCs.
"""

import sys

from google.protobuf import descriptor_pb2
from ml_metadata.proto import metadata_store_pb2, metadata_store_service_pb2


def without_json_names(message):
    """protoc writes the derived JSON name of each field; the wheel leaves it out.

    A message that is marked as deprecated is the same on the wire.
    """
    message.options.ClearField("deprecated")
    if not message.options.ListFields():
        message.ClearField("options")
    for field in list(message.field) + list(message.extension):
        field.ClearField("json_name")
    for nested in message.nested_type:
        without_json_names(nested)


def main():
    ours = descriptor_pb2.FileDescriptorSet()
    with open(sys.argv[1], "rb") as file:
        ours.ParseFromString(file.read())
    found = {file.name: file for file in ours.file}
    failures = 0
    for module in (metadata_store_pb2, metadata_store_service_pb2):
        original = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(original)
        mine = found[original.name]
        mine.ClearField("source_code_info")
        # The order of imports says nothing.
        for file in (original, mine):
            dependencies = sorted(file.dependency)
            del file.dependency[:]
            file.dependency.extend(dependencies)
            file.ClearField("public_dependency")
            # Which languages classes are made for is not on the wire.
            file.ClearField("options")
            for message in file.message_type:
                without_json_names(message)
            for service in file.service:
                for method in service.method:
                    method.ClearField("options")
            for extension in file.extension:
                extension.ClearField("json_name")
        one = original.SerializeToString(deterministic=True)
        two = mine.SerializeToString(deterministic=True)
        if one != two:
            failures += 1
            print(f"{original.name} differs")
            lines = (str(original).splitlines(), str(mine).splitlines())
            for number, (left, right) in enumerate(zip(*lines)):
                if left != right:
                    print(f"  line {number}: original {left.strip()}, ours {right.strip()}")
                    break
    print(f"{2 - failures} of 2 files are the same")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
