"""Depth: the bytes of an .onnx file, which are a Protocol Buffer, as numbered fields.

A message is a row of fields. Each begins with a varint 8·number + type, and the type says how long it is:

    0  a varint: seven bits a byte, the least first, the top bit says that more follow
    1  8 bytes       5  4 bytes       2  a varint, and so many bytes: a text, numbers, or a message inside

That is all there is to know of the encoding [protobuf.dev, Encoding]; which number means what, the schema
says (see `file`). No package is needed, and nothing is copied: what is inside a message is a view of the
file. A file may be hostile, so a length is held against what is left, and all fields together are counted.
"""

from typing import NoReturn

from tinyzip.base.refuse import refuse

MOST_FIELDS = 1 << 19  # of a whole file; a network of a thousand nodes has some twenty thousand
Field = int | memoryview
Message = dict[int, list[Field]]


class Wire:
    """Takes the messages of one file apart.

    source  what errors call the file
    left    how many fields may still be read
    """

    def __init__(self, source: str) -> None:
        self.source, self.left = source, MOST_FIELDS

    def refuse(self, found: str) -> NoReturn:
        refuse(self.source, f"damage ({found})", "an .onnx file whose lengths lie within it")

    def message(self, data: memoryview) -> Message:
        """The fields of a message by number: whole numbers for varints, views of bytes for the others."""
        fields: Message = {}
        at = 0
        while at < len(data):
            key, at = self.varint(data, at)
            match key % 8:
                case 0:
                    value: Field
                    value, at = self.varint(data, at)
                case 1 | 5 as kind:
                    value, at = self.take(data, at, 8 if kind == 1 else 4)
                case 2:
                    size, at = self.varint(data, at)
                    value, at = self.take(data, at, size)
                case kind:
                    self.refuse(f"wire type {kind}")
            fields.setdefault(key // 8, []).append(value)
        return fields

    def varint(self, data: memoryview, at: int) -> tuple[int, int]:
        """The varint at a place, and the place after it."""
        self.left -= 1
        if self.left < 0:
            refuse(self.source, f"more than {MOST_FIELDS} fields", "a file of fewer")
        value = 0
        for shift in range(0, 70, 7):
            if at >= len(data):
                self.refuse("a number that is cut off")
            byte, at = data[at], at + 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value & (2**64 - 1), at
        self.refuse("a number of more than ten bytes")

    def take(self, data: memoryview, at: int, size: int) -> tuple[memoryview, int]:
        """So many bytes from a place on, and the place after them."""
        if size > len(data) - at:
            self.refuse(f"{size} bytes where {len(data) - at} are left")
        return data[at : at + size], at + size


def signed(value: int) -> int:
    """A varint as the int64 that it encodes."""
    return value - 2**64 if value >= 2**63 else value
