"""Append and remove: the coder.

To append a digit d to a number x one makes 10·x + d of it, and x // 10 and x % 10 take it off again. So x can
hold a whole message; each digit costs log₂ 10 bits, whichever it is. An asymmetric numeral system [Duda 2013]
does the same for symbols that are not equally likely. Of each 2ᵏ neighbouring numbers, a symbol owns f, from
slot c on; f / 2ᵏ is its probability, and c the sum of the f before it:

    append    x' = ⌊x / f⌋·2ᵏ + c + (x mod f)
    remove    x = f·⌊x' / 2ᵏ⌋ + (x' mod 2ᵏ) − c        the symbol is the owner of the slot x' mod 2ᵏ

x grows by a factor of 2ᵏ / f: the symbol costs log₂(2ᵏ / f) bits, its share of the entropy, fractions
included. What was appended last comes off first, so the writer begins with the last symbol.

A number of thousands of digits is slow, so bytes leave at its low end: as long as an append would make it
2³¹ or more, the lowest byte moves to the message. x is 1 at first, and in the end its own bytes follow, the
lowest first. The message is all these bytes, turned around. The reader begins with x = 0, and fills: as long
as x < 2²³ and bytes are left, x becomes 256·x + the next byte. It fills again after each remove.
"""

LOWEST, TOP = 2**23, 2**31


def append(x: int, c: int, f: int, k: int) -> int:
    """x with a symbol appended that owns f of 2ᵏ slots, from slot c on."""
    return (x // f << k) + c + x % f


def remove(x: int, c: int, f: int, k: int) -> int:
    """x before such a symbol was appended."""
    return f * (x >> k) + x % (1 << k) - c


def encode(steps: list[tuple[int, int, int]]) -> list[int]:
    """The message, bytes 0 … 255, of symbols (c, f, k) in the order in which they will be read."""
    x, message = 1, []
    for c, f, k in reversed(steps):
        while append(x, c, f, k) >= TOP:
            message.append(x % 256)
            x //= 256
        x = append(x, c, f, k)
    while x > 0:
        message.append(x % 256)
        x //= 256
    return message[::-1]


def fill(x: int, message: bytes, read: int) -> tuple[int, int]:
    """x and how many bytes have been read, after x was filled; `read` bytes had been read before."""
    while x < LOWEST and read < len(message):
        x, read = 256 * x + message[read], read + 1
    return x, read


if __name__ == "__main__":
    owners = {"a": (0, 11, 4), "b": (11, 4, 4), "c": (15, 1, 4)}  # of 16 slots
    text = "aaabaaaacaabaaaabaaaaaabaaaaaaaabaaaaabaaacaaabaaa"
    message = bytes(encode([owners[letter] for letter in text]))
    print(f"{len(text)} letters in {len(message)} bytes: {message.hex(' ')}")
    (x, read), found = fill(0, message, 0), ""
    for _ in text:
        letter = next(name for name, (c, f, k) in owners.items() if c <= x % 16 < c + f)
        x, read = fill(remove(x, *owners[letter]), message, read)
        found += letter
    print(found, found == text, "and x is", x, "again")
