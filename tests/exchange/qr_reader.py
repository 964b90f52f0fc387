"""What a QR code of level L and byte mode says, read back module by module [ISO/IEC 18004]."""

import numpy as np
from numpy.typing import NDArray

MASKS = (
    lambda x, y: (x + y) % 2,
    lambda x, y: y % 2,
    lambda x, y: x % 3,
    lambda x, y: (x + y) % 3,
    lambda x, y: (x // 3 + y // 2) % 2,
    lambda x, y: x * y % 2 + x * y % 3,
    lambda x, y: (x * y % 2 + x * y % 3) % 2,
    lambda x, y: ((x + y) % 2 + x * y % 3) % 2,
)
# Of level L by version: check bytes of a block, and for each length of data the number of blocks.
BLOCKS = {
    1: (7, {19: 1}),
    5: (26, {108: 1}),
    7: (20, {78: 2}),
    10: (18, {68: 2, 69: 2}),
    22: (28, {111: 2, 112: 7}),
    27: (30, {122: 8, 123: 4}),
    40: (30, {118: 19, 119: 6}),
}


def reserved(size: int) -> NDArray[np.bool_]:
    """Where no data is: finders, timing, format, version, and alignment patterns."""
    version = (size - 17) // 4
    taken = np.zeros((size, size), bool)
    taken[:9, :9] = taken[:9, -8:] = taken[-8:, :9] = True
    taken[6] = taken[:, 6] = True
    if version >= 7:
        taken[:6, -11:-8] = taken[-11:-8, :6] = True
    if version > 1:
        count = version // 7 + 2
        step = 26 if version == 32 else -(-(size - 13) // (2 * count - 2)) * 2
        centres = [6, *range(size - 7, 6, -step)][:count]
        for y in centres:
            for x in centres:
                if (y, x) not in ((6, 6), (6, size - 7), (size - 7, 6)):
                    taken[y - 2 : y + 3, x - 2 : x + 3] = True
    return taken


def product(a: int, b: int) -> int:
    """In GF(256) modulo x⁸ + x⁴ + x³ + x² + 1."""
    total = 0
    for i in range(8):
        if b >> i & 1:
            total ^= a << i
    for i in reversed(range(8, 15)):
        if total >> i & 1:
            total ^= 0x11D << (i - 8)
    return total


def is_codeword(block: list[int], checks: int) -> bool:
    """Whether 1, 2, 4, … are roots of a block's polynomial."""
    root = 1
    for _ in range(checks):
        value = 0
        for byte in block:
            value = product(value, root) ^ byte
        if value:
            return False
        root = product(root, 2)
    return True


def read(grid: NDArray[np.uint8]) -> bytes:
    """The bytes in a QR code, 1 where it is dark; fails where anything is not as the standard has it."""
    size = len(grid)
    version = (size - 17) // 4
    finder = np.pad(np.pad(np.ones((3, 3), np.uint8), 1), 1, constant_values=1)
    for corner in (grid[:8, :8], grid[:8, ::-1][:, :8], grid[::-1][:8, :8]):
        assert (corner[:7, :7] == finder).all() and not corner[7].any() and not corner[:, 7].any()
    assert (grid[6, 8:-8] == (np.arange(8, size - 8) + 1) % 2).all()
    first = [*(grid[i, 8] for i in (0, 1, 2, 3, 4, 5, 7, 8)), *(grid[8, i] for i in (7, 5, 4, 3, 2, 1, 0))]
    second = [*grid[8, ::-1][:8], *grid[-7:, 8]]
    assert first == second and grid[-8, 8] == 1
    told = sum(int(bit) << i for i, bit in enumerate(first)) ^ 0x5412
    rest = told
    for i in reversed(range(10, 15)):
        rest ^= (0x537 << (i - 10)) * (rest >> i & 1)
    assert rest == 0 and told >> 13 == 1, "the format is that of level L"
    mask = MASKS[told >> 10 & 7]
    taken, bits = reserved(size), []
    for number, right in enumerate(x for x in (*range(size - 1, 6, -2), 5, 3, 1)):
        for y in range(size) if number % 2 else reversed(range(size)):
            for x in (right, right - 1):
                if not taken[y, x]:
                    bits.append(int(grid[y, x]) ^ (mask(x, y) == 0))
    codewords = np.packbits(bits[: len(bits) // 8 * 8]).tolist()
    checks, lengths = BLOCKS[version]
    blocks: list[list[int]] = [[] for length in lengths for _ in range(lengths[length])]
    sizes = [length for length in lengths for _ in range(lengths[length])]
    stream = iter(codewords)
    for i in range(max(sizes)):
        for block, length in zip(blocks, sizes, strict=True):
            if i < length:
                block.append(next(stream))
    for _ in range(checks):
        for block in blocks:
            block.append(next(stream))
    assert next(stream, None) is None
    assert all(is_codeword(block, checks) for block in blocks)
    data = [byte for block in blocks for byte in block[:-checks]]
    text = "".join(f"{byte:08b}" for byte in data)
    assert text[:4] == "0100"
    wide = 8 if version < 10 else 16
    count = int(text[4 : 4 + wide], 2)
    start = 4 + wide
    end = start + 8 * count
    assert text[end : end + 4] == "0000"[: len(text) - end]
    assert data[end // 8 + 1 :] == [(236, 17)[i % 2] for i in range(len(data) - end // 8 - 1)]
    return bytes(int(text[start + 8 * i : start + 8 * i + 8], 2) for i in range(count))
