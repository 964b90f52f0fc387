"""What .onnx files are made of: the wire format of Protocol Buffers, written by hand."""


def varint(value: int) -> bytes:
    """A number of the wire, as one of 64 bits."""
    data, value = b"", value % 2**64
    while value > 127:
        data += bytes([value & 127 | 128])
        value >>= 7
    return data + bytes([value])


def field(number: int, data: bytes) -> bytes:
    return varint(8 * number + 2) + varint(len(data)) + data


def fields(*numbers: tuple[int, int]) -> bytes:
    """A message of whole numbers, field by field."""
    return b"".join(varint(8 * number) + varint(value) for number, value in numbers)
