"""The archive: a program as few bytes on disk, and back, bit for bit."""

from tinyzip.archive.format import pack, read, unpack, write

__all__ = ["pack", "read", "unpack", "write"]
